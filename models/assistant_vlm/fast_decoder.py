"""The decoder with nobody watching: the same arithmetic, started fewer times.

At this size starting operations takes as long as the numbers. So queries, keys and values are one product, residual
sums are part of products, one query's attention is two batched products, everything that depends on the shape is
sliced once for all layers, and in a prefix the last layer works only on the last token.
"""

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, rms_norm, scaled_dot_product_attention, silu

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder, DecoderBlock
from assistant_vlm.errors import SettingsError
from assistant_vlm.fast_linear import ExactProduct, Product, products
from assistant_vlm.norm import Norm
from assistant_vlm.rotary import rotary_table
from assistant_vlm.windows import text_window

Rows = Annotated[Tensor, "tokens dim"]


def fast_norm(norm: Norm) -> Callable[[Rows], Rows]:
    """The norm as a plain function."""
    gain, epsilon = norm.gain.detach(), norm.epsilon
    size = (len(gain),)
    if norm.kind == "layer":
        return lambda hidden: torch.layer_norm(hidden, size, gain, None, epsilon)
    return lambda hidden: rms_norm(hidden, size, gain, epsilon)


class FastFeedForward:
    """A feed-forward layer over rows."""

    def __init__(self, kind: str, up: Tensor, down: Tensor, product: Callable[[Tensor], Product]) -> None:
        self.up, self.down, self.gated = product(up), product(down), kind == "swiglu"
        self.bytes = self.up.bytes + self.down.bytes

    def add(self, before: Rows, normed: Rows) -> Rows:
        """`before`, which is overwritten, plus what the layer adds."""
        middle = self.up(normed)
        if not self.gated:
            return self.down.add(before, gelu(middle, approximate="tanh"))
        gate, value = middle.chunk(2, dim=-1)
        return self.down.add(before, silu(gate).mul_(value))


class Matrices(NamedTuple):
    """The decoder's matrices, `[layers, channels, dim]`; `logits` is one layer. Queries come scaled for the softmax."""

    query_key_value: Tensor
    out: Tensor
    cross_query: Tensor
    cross_out: Tensor
    up: Tensor
    down: Tensor
    logits: Tensor

    @classmethod
    def of(cls, decoder: Decoder) -> "Matrices":
        """Copies of a decoder's weights."""
        blocks, scale = list(decoder.blocks), 1 / math.sqrt(decoder.config.head_dim)
        own = [block.self_attention for block in blocks]
        cross = [block.cross_attention for block in blocks]
        with torch.no_grad():
            return cls(
                torch.stack([torch.cat((part.query.weight * scale, part.key_value.weight)) for part in own]),
                torch.stack([part.out.weight for part in own]),
                torch.stack([part.query.weight * scale for part in cross]),
                torch.stack([part.out.weight for part in cross]),
                torch.stack([block.mlp.up.weight for block in blocks]),
                torch.stack([block.mlp.down.weight for block in blocks]),
                decoder.embedding.weight.detach()[None],
            )


class _Block:
    def __init__(
        self, block: DecoderBlock, layer: int, matrices: Matrices, product: Callable[[Tensor], Product]
    ) -> None:
        self.parallel = block.parallel
        self.self_norm = fast_norm(block.self_norm)
        self.cross_norm = self.self_norm if block.parallel else fast_norm(block.cross_norm)
        self.mlp_norm = self.self_norm if block.parallel else fast_norm(block.mlp_norm)
        self.query_key_value, self.out = product(matrices.query_key_value[layer]), product(matrices.out[layer])
        self.cross_query, self.cross_out = product(matrices.cross_query[layer]), product(matrices.cross_out[layer])
        self.mlp = FastFeedForward(block.mlp.kind, matrices.up[layer], matrices.down[layer], product)
        own = (self.query_key_value, self.out, self.cross_query, self.cross_out)
        self.bytes = self.mlp.bytes + sum(part.bytes for part in own)


class FastDecoder:
    """A `Stepper` in plain torch, exact or with 8-bit matrices.

    Exact means float32 throughout: logits differ from the decoder's by rounding only, as sums take another order.

    Attributes:
        bytes: Memory of its own matrices, beyond the network's.

    Args:
        decoder: The network's decoder; its weights are read now, and later changes are not seen.
        quantised: Whether to use 8-bit matrices; see `fast_linear`.
        matrices: Its matrices, if they were made already; then exact products use them where they are.

    Raises:
        SettingsError: This torch has no 8-bit kernels.
    """

    def __init__(self, decoder: Decoder, *, quantised: bool = False, matrices: Matrices | None = None) -> None:
        if matrices is None or quantised:
            product = products(quantised=quantised, values=sum(p.numel() for p in decoder.parameters()))
        else:
            product: Callable[[Tensor], Product] = ExactProduct
        if matrices is None:
            matrices = Matrices.of(decoder)
        config = self.config = decoder.config
        self._heads, self._kv_heads, self._head_dim = config.heads, config.kv_heads, config.head_dim
        self._share = config.heads // config.kv_heads
        self._widths = config.heads * config.head_dim, 2 * config.kv_heads * config.head_dim
        self._embedding = decoder.embedding.weight.detach()
        self._learned = None if decoder.positions is None else decoder.positions.weight.detach()
        self._blocks = [_Block(block, layer, matrices, product) for layer, block in enumerate(decoder.blocks)]
        self._norm, self._logits = fast_norm(decoder.norm), product(matrices.logits[0])
        cos, sin = rotary_table(torch.arange(config.max_tokens)[None], config.head_dim, config.rotary_base)
        self._cos = torch.cat((cos, cos), -1)[0, 0]
        self._sin = torch.cat((-sin, sin), -1)[0, 0]
        self._last: tuple[CrossMemory | None, list[tuple[Tensor, Tensor]]] = None, []
        self.bytes = self._logits.bytes + sum(block.bytes for block in self._blocks)

    def prefill(self, tokens: list[int], memory: CrossMemory | None, cache: Cache) -> Annotated[Tensor, "vocab"]:
        """See `Stepper.prefill`."""
        past, count = cache.tokens, len(tokens)
        self._check_room(cache, count)
        hidden, turn = self._embedding[tokens], None
        if self._learned is not None:
            hidden += self._learned[past : past + count]
        else:
            turn = self._cos[past : past + count], self._sin[past : past + count]
        allowed = self._causal(past, count)
        held = cache.held[:, 0, :, : past + count]
        for layer, block in enumerate(self._blocks):
            normed = block.self_norm(hidden)
            q, kv = block.query_key_value(normed).split(self._widths, dim=1)
            q, (k, v) = self._split(q), kv.view(count, 2, self._kv_heads, self._head_dim).permute(1, 2, 0, 3)
            if turn is not None:
                q, k = rotate(q, *turn), rotate(k, *turn)
            keys, values = held[2 * layer], held[2 * layer + 1]
            keys[:, past:], values[:, past:] = k, v
            if layer == len(self._blocks) - 1:
                hidden, normed, q = hidden[-1:], normed[-1:], q[:, -1:]
                allowed = None if allowed is None else allowed[-1:]
                looked = self._attend(q, keys, values, allowed, causal=False)
            else:
                looked = self._attend(q, keys, values, allowed, causal=allowed is None)
            hidden = block.out.add(hidden, looked)
            if memory is not None:
                if not block.parallel:
                    normed = block.cross_norm(hidden)
                k, v = memory[layer]
                looked = self._attend(self._split(block.cross_query(normed)), k[0], v[0], None, causal=False)
                hidden = block.cross_out.add(hidden, looked)
            hidden = block.mlp.add(hidden, normed if block.parallel else block.mlp_norm(hidden))
        cache.advance(count)
        return self._logits(self._norm(hidden))[0]

    def step(
        self, tokens: Annotated[Tensor, "batch"], cache: Cache, memory: CrossMemory | None
    ) -> Annotated[Tensor, "batch vocab"]:
        """See `Stepper.step`."""
        self._check_room(cache, 1)
        hidden = torch.embedding(self._embedding, tokens)
        if self._learned is not None:
            hidden += self._learned[cache.tokens if cache.lengths is None else cache.lengths]
        look_back = self._looking_back(cache)
        look_at_picture = None if memory is None else self._looking_at_picture(memory)
        for layer, block in enumerate(self._blocks):
            normed = block.self_norm(hidden)
            hidden = block.out.add(hidden, look_back(layer, block.query_key_value(normed)))
            if look_at_picture is not None:
                if not block.parallel:
                    normed = block.cross_norm(hidden)
                hidden = block.cross_out.add(hidden, look_at_picture(layer, block.cross_query(normed)))
            hidden = block.mlp.add(hidden, normed if block.parallel else block.mlp_norm(hidden))
        cache.advance(1)
        return self._logits(self._norm(hidden))

    def _looking_back(self, cache: Cache) -> Callable[[int, Rows], Rows]:
        """For one step: keeps a layer's new keys and values, and gives what its queries find."""
        batch, past, layers = cache.batch, cache.tokens, len(self._blocks)
        kv_heads, head_dim, queries = self._kv_heads, self._head_dim, self._widths[0]
        rows, turning, turn = batch * kv_heads, queries + self._widths[1] // 2, None
        if self._learned is None:
            positions = past if cache.lengths is None else cache.lengths
            turn = self._cos[positions].view(-1, 1, head_dim), self._sin[positions].view(-1, 1, head_dim)
        hidden_from = self._hidden_from(cache)
        held = cache.held.view(layers, 2, rows, cache.room, head_dim)
        seen = held.narrow(3, 0, past + 1)
        keys, values = seen[:, 0].transpose(2, 3).unbind(), seen[:, 1].unbind()
        places = None if cache.lengths is None else self._places(cache.lengths, cache.room)
        fresh = held.select(3, past).unbind() if places is None else ()

        def look(layer: int, all_three: Rows) -> Rows:
            if turn is not None:
                turned = all_three[:, :turning].view(batch, -1, head_dim)
                turned.copy_(rotate(turned, *turn))
            new = all_three[:, queries:].view(batch, 2, kv_heads, head_dim)
            if places is None:
                fresh[layer].view(2, batch, kv_heads, head_dim).copy_(new.transpose(0, 1))
            else:
                held.view(-1, head_dim).index_copy_(0, places[layer], new.reshape(-1, head_dim))
            scores = torch.bmm(all_three[:, :queries].reshape(rows, self._share, head_dim), keys[layer])
            if hidden_from is not None:
                scores.view(batch, -1, past + 1).masked_fill_(hidden_from, float("-inf"))
            return torch.bmm(scores.softmax(-1), values[layer]).view(batch, queries)

        return look

    def _looking_at_picture(self, memory: CrossMemory) -> Callable[[int, Rows], Rows]:
        """For one step: what a layer's queries find in the picture."""
        pictures = self._pictures(memory)

        def look(layer: int, q: Rows) -> Rows:
            (k, v), batch = pictures[layer], len(q)
            rows = len(k)
            if rows == batch * self._kv_heads:
                return torch.bmm(torch.bmm(q.view(rows, self._share, self._head_dim), k).softmax(-1), v).view(batch, -1)
            # One picture for all: its heads are the rows of the product, and every chat's queries stand side by side.
            q = q.view(batch, rows, self._share, self._head_dim).transpose(0, 1).reshape(rows, -1, self._head_dim)
            looked = torch.bmm(torch.bmm(q, k).softmax(-1), v)
            return looked.view(rows, batch, -1).transpose(0, 1).reshape(batch, -1)

        return look

    def _pictures(self, memory: CrossMemory) -> list[tuple[Tensor, Tensor]]:
        """Keys `[rows, head_dim, keys]` and values `[rows, keys, head_dim]` of each layer, kept from step to step."""
        before, pictures = self._last
        if before is not memory:
            pictures = [(k.flatten(0, 1).transpose(1, 2).contiguous(), v.flatten(0, 1).contiguous()) for k, v in memory]
            self._last = memory, pictures
        return pictures

    def _places(self, lengths: Annotated[Tensor, "batch"], room: int) -> tuple[Tensor, ...]:
        """For each layer, where in the flattened cache the rows' next keys and values go."""
        batch, kv_heads = len(lengths), self._kv_heads
        part = torch.arange(2 * batch * kv_heads * len(self._blocks)).view(-1, 2, batch, kv_heads)
        places = part * room + lengths[:, None]
        return places.transpose(1, 2).flatten(1).unbind()

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None, *, causal: bool) -> Rows:
        looked = scaled_dot_product_attention(
            q[None], k[None], v[None], allowed, is_causal=causal, scale=1.0, enable_gqa=self._share > 1
        )
        return looked[0].transpose(0, 1).reshape(q.shape[1], -1)

    def _split(self, flat: Rows) -> Annotated[Tensor, "heads tokens head_dim"]:
        return flat.view(len(flat), -1, self._head_dim).transpose(0, 1)

    def _causal(self, past: int, count: int) -> Annotated[Tensor, "tokens keys"] | None:
        """True where a token may look back; None where `is_causal` says the same."""
        config = self.config
        if past == 0 and not config.text_window:
            return None
        allowed = torch.ones(count, past + count, dtype=torch.bool).tril(past)
        if not config.text_window:
            return allowed
        keys = torch.arange(past + count)[None]
        return allowed & text_window(keys[:, past:], keys, config.text_window, config.text_globals)[0, 0]

    def _hidden_from(self, cache: Cache) -> Annotated[Tensor, "batch 1 keys"] | None:
        """True where the next token of a row may not look; None where it sees all."""
        config = self.config
        if cache.lengths is None and not config.text_window:
            return None
        keys = torch.arange(cache.tokens + 1)[None]
        places = torch.tensor([[cache.tokens]]) if cache.lengths is None else cache.lengths[:, None]
        if config.text_window:
            return ~text_window(places, keys, config.text_window, config.text_globals)[:, 0]
        return (keys > places)[:, None]

    def _check_room(self, cache: Cache, count: int) -> None:
        if cache.tokens + count > cache.room:
            raise SettingsError(
                f"expected at most {cache.room} tokens of prefix and answer, got {cache.tokens + count}"
            )


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As `rotary.rotate`, with the tables' halves laid side by side and the minus sign in `sin`."""
    first, second = heads.chunk(2, dim=-1)
    return torch.addcmul(heads * cos, torch.cat((second, first), -1), sin)
