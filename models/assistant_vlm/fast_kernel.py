"""One token of one chat as a single function that numba compiles: nothing has to be started but the numbers themselves.

Written as plain loops, which the compiler turns into vector instructions. Arrays are float32 unless said; matrices are
`[layers, channels, dim]`, either float32 or signed 8 bits with a scale for each row.
"""

# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# numba has no types, and strict checking has nothing to say about the subset of Python that it compiles.

import math
from typing import Any

import numba
import numpy as np
from numba.extending import overload

_LOOSE = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in another order, or nothing could be done side by side; infinities keep their meaning."""
_compiled: Any = numba.njit(fastmath=_LOOSE, nogil=True, cache=True, error_model="numpy")
_inlined: Any = numba.njit(fastmath=_LOOSE, nogil=True, cache=True, error_model="numpy", inline="never")


@_inlined
def _exp(values, powers):
    """Exponentials in place, of values not above 88: 2 to the nearest whole power, times a polynomial of the rest.

    `powers` is room for as many 32-bit integers, which become the bits of the power.
    """
    for i in range(len(values)):
        x = max(values[i], np.float32(-87.0)) * np.float32(1.4426950408889634)
        whole = np.floor(x + np.float32(0.5))
        powers[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        y = (x - whole) * np.float32(0.6931471805599453)
        p = np.float32(1 / 5040)
        p = p * y + np.float32(1 / 720)
        p = p * y + np.float32(1 / 120)
        p = p * y + np.float32(1 / 24)
        p = p * y + np.float32(1 / 6)
        p = p * y + np.float32(0.5)
        p = p * y + np.float32(1)
        values[i] = p * y + np.float32(1)
    scale = powers.view(np.float32)
    for i in range(len(values)):
        values[i] *= scale[i]


@_inlined
def _norm(hidden, gain, centred, epsilon, out):
    """Layer normalisation where `centred`, else root-mean-square normalisation."""
    count = np.float32(len(hidden))
    mean, square = np.float32(0), np.float32(0)
    if centred:
        for i in range(len(hidden)):
            mean += hidden[i]
        mean /= count
    for i in range(len(hidden)):
        square += (hidden[i] - mean) * (hidden[i] - mean)
    scale = np.float32(1) / np.sqrt(square / count + np.float32(epsilon))
    for i in range(len(hidden)):
        out[i] = (hidden[i] - mean) * scale * gain[i]


def _product(x, rounded, weight, scale, out, add):
    """`out = weight @ x`, or `out += weight @ x`; `rounded` is room for `x` in 16 bits."""
    raise NotImplementedError


@overload(_product, jit_options={"fastmath": _LOOSE, "cache": True})  # pyright: ignore[reportArgumentType]
def _product_for(x, rounded, weight, scale, out, add):
    if weight.dtype == numba.float32:

        def exact(x, rounded, weight, scale, out, add):
            for row in range(len(weight)):
                total = np.float32(0)
                for i in range(len(x)):
                    total += x[i] * weight[row, i]
                out[row] = out[row] + total if add else total

        return exact

    def eight_bit(x, rounded, weight, scale, out, add):
        largest = np.float32(1e-12)
        for i in range(len(x)):
            largest = max(largest, abs(x[i]))
        most = np.float32(min(8191, 16_000_000 // len(x)))
        there, back = most / largest, largest / most
        for i in range(len(x)):
            rounded[i] = np.int16(np.rint(x[i] * there))
        for row in range(len(weight)):
            total = np.int32(0)
            for i in range(len(x)):
                total += np.int32(rounded[i]) * np.int32(weight[row, i])
            # numba adds in 64 bits; said to be of 32, the sum is done in half the instructions.
            value = np.float32(np.int32(total)) * back * scale[row]
            out[row] = out[row] + value if add else value

    return eight_bit


@_inlined
def _rotate(head, cos, sin):
    """Turn the pairs of one head in place; a pair is a value of the first half and one of the second."""
    half = len(head) // 2
    for i in range(half):
        first, second = head[i], head[half + i]
        head[i] = first * cos[i] - second * sin[i]
        head[half + i] = second * cos[i] + first * sin[i]


@_inlined
def _attend(q, held, layer, row, keys, share, begin, first, scores, powers, out):
    """One token's heads over `keys` of a layer of `held`, from its head `row`: those from `begin`, and the `first`."""
    heads, head_dim = q.shape
    for head in range(heads):
        own, largest = row + head // share, np.float32(-1e30)
        for j in range(keys):
            total = np.float32(0)
            for i in range(head_dim):
                total += q[head, i] * held[2 * layer, own, j, i]
            scores[j] = total
        if begin > first:
            for j in range(first, begin):
                scores[j] = np.float32(-1e30)
        for j in range(keys):
            largest = max(largest, scores[j])
        for j in range(keys):
            scores[j] -= largest
        _exp(scores[:keys], powers[:keys])
        total = np.float32(0)
        for j in range(keys):
            total += scores[j]
        scale = np.float32(1) / total
        for i in range(head_dim):
            out[head, i] = np.float32(0)
        for j in range(keys):
            share_of = scores[j] * scale
            for i in range(head_dim):
                out[head, i] += share_of * held[2 * layer + 1, own, j, i]


@_inlined
def _activate(middle, gated, powers, out):
    """GELU (tanh form), which is `x * sigmoid(2 u)`; or SiLU of the first half times the second."""
    hidden = len(out)
    for i in range(hidden):
        x = middle[i]
        z = x if gated else x * np.float32(2 * math.sqrt(2 / math.pi)) * (np.float32(1) + np.float32(0.044715) * x * x)
        out[i] = min(-z, np.float32(80))
    _exp(out, powers[:hidden])
    for i in range(hidden):
        value = middle[i] / (np.float32(1) + out[i])
        out[i] = value * middle[hidden + i] if gated else value


@_compiled
def one_token(hidden, held, past, pictures, cos, sin, shape, norms, matrices, scales, room):
    """The logits after one more token; its keys and values go into `held`.

    Args:
        hidden: The token's vector, `[dim]`; overwritten.
        held: `Cache.held` of one chat, `[2 * layers, kv_heads, room, head_dim]`.
        past: Tokens in it.
        pictures: Cross-attention keys and values, `[2 * layers, kv_heads, keys, head_dim]`; no keys without a picture.
        cos: Cosines of this position, `[head_dim / 2]`; empty without rotary positions.
        sin: Sines likewise.
        shape: `heads`, whether layer normalisation, SwiGLU and parallel blocks, `text_window`, `text_globals`.
        norms: Gains `[3 * layers + 1, dim]` before self-attention, cross-attention and feed-forward, and the last.
        matrices: Query, key and value in one; out; cross query; cross out; up; down; logits `[1, vocab, dim]`.
        scales: Their rows' scales, `[layers, channels]`; looked at for 8 bits only.
        room: Integers of 16 bits, and of 32 bits, at least as many as the widest matrix and as keys.
    """
    heads, centred, gated, parallel, window, first = shape
    qkv, out, cross_query, cross_out, up, down, logits = matrices
    qkv_s, out_s, cross_query_s, cross_out_s, up_s, down_s, logits_s = scales
    rounded, powers = room
    dim, kv_heads, head_dim, epsilon = len(hidden), held.shape[1], held.shape[3], np.float32(1e-5)
    share, keys = heads // kv_heads, past + 1
    begin = max(0, keys - window) if window else 0
    normed, looked = np.empty(dim, np.float32), np.empty((heads, head_dim), np.float32)
    all_three, middle = np.empty(qkv.shape[1], np.float32), np.empty(up.shape[1], np.float32)
    acted, scores = np.empty(down.shape[2], np.float32), np.empty(max(keys, pictures.shape[2]), np.float32)
    per_head, flat = all_three.reshape(-1, head_dim), looked.reshape(-1)
    crossing = np.empty((heads, head_dim), np.float32)
    for layer in range(len(qkv)):
        _norm(hidden, norms[3 * layer], centred, epsilon, normed)
        _product(normed, rounded, qkv[layer], qkv_s[layer], all_three, False)
        if len(cos):
            for head in range(heads + kv_heads):
                _rotate(per_head[head], cos, sin)
        held[2 * layer, :, past] = per_head[heads : heads + kv_heads]
        held[2 * layer + 1, :, past] = per_head[heads + kv_heads :]
        _attend(per_head[:heads], held, layer, 0, keys, share, begin, first, scores, powers, looked)
        _product(flat, rounded, out[layer], out_s[layer], hidden, True)
        if pictures.shape[2]:
            if not parallel:
                _norm(hidden, norms[3 * layer + 1], centred, epsilon, normed)
            _product(normed, rounded, cross_query[layer], cross_query_s[layer], crossing.reshape(-1), False)
            _attend(crossing, pictures, layer, 0, pictures.shape[2], share, 0, 0, scores, powers, looked)
            _product(flat, rounded, cross_out[layer], cross_out_s[layer], hidden, True)
        if not parallel:
            _norm(hidden, norms[3 * layer + 2], centred, epsilon, normed)
        _product(normed, rounded, up[layer], up_s[layer], middle, False)
        _activate(middle, gated, powers, acted)
        _product(acted, rounded, down[layer], down_s[layer], hidden, True)
    _norm(hidden, norms[3 * len(qkv)], centred, epsilon, normed)
    scored = np.empty(logits.shape[1], np.float32)
    _product(normed, rounded, logits[0], logits_s[0], scored, False)
    return scored


@_compiled
def look_back(all_three, held, layer, lengths, cos, sin, heads, window, first, out):
    """One more token in each of several chats: keeps a layer's keys and values, and gives what the queries find.

    Args:
        all_three: Queries, keys and values, `[batch, (heads + 2 * kv_heads) * head_dim]`; overwritten.
        held: `Cache.held`, `[2 * layers, batch * kv_heads, room, head_dim]`.
        layer: Which layer it is.
        lengths: Tokens in each chat.
        cos: Cosines of all positions, `[positions, head_dim / 2]`; none without rotary positions.
        sin: Sines likewise.
        heads: Query heads.
        window: How many tokens are seen; 0 for all.
        first: With a window, this many first tokens are seen from everywhere.
        out: Gets the result, `[batch, heads, head_dim]`.
    """
    batch, head_dim = len(all_three), held.shape[3]
    kv_heads = held.shape[1] // batch
    scores, powers = np.empty(held.shape[2], np.float32), np.empty(held.shape[2], np.int32)
    for row in range(batch):
        past = lengths[row]
        per_head, keys, at = all_three[row].reshape(-1, head_dim), past + 1, row * kv_heads
        if len(cos):
            for head in range(heads + kv_heads):
                _rotate(per_head[head], cos[past], sin[past])
        for head in range(kv_heads):
            for i in range(head_dim):
                held[2 * layer, at + head, past, i] = per_head[heads + head, i]
                held[2 * layer + 1, at + head, past, i] = per_head[heads + kv_heads + head, i]
        begin = max(0, keys - window) if window else 0
        _attend(per_head[:heads], held, layer, at, keys, heads // kv_heads, begin, first, scores, powers, out[row])


@_compiled
def look_at_pictures(q, pictures, layer, kv_heads, out):
    """What one token of each of several chats finds in its picture, or in the one picture of all.

    Args:
        q: Queries, `[batch, heads, head_dim]`.
        pictures: Keys and values, `[2 * layers, pictures * kv_heads, keys, head_dim]`.
        layer: Which layer it is.
        kv_heads: Heads of one picture.
        out: Gets the result, like `q`.
    """
    keys, step = pictures.shape[2], kv_heads if pictures.shape[1] > kv_heads else 0
    scores, powers = np.empty(keys, np.float32), np.empty(keys, np.int32)
    for row in range(len(q)):
        _attend(q[row], pictures, layer, row * step, keys, q.shape[1] // kv_heads, 0, 0, scores, powers, out[row])
