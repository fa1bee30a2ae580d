"""Attention of all kinds against references written out in plain loops."""

import math

import pytest
import torch
from torch import Tensor

from assistant_vlm.attention import Attention, attend, attend_watched
from assistant_vlm.linear_attention import linear_attend
from assistant_vlm.windows import patch_window, text_window

from .shapes import checked

# float32 rounds at 6e-8 of a value near 1; sums over at most a few hundred terms stay well inside these.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
KINDS = pytest.mark.parametrize("kv_heads", [1, 2, 4], ids=["multi-query", "grouped-query", "multi-head"])


def plain_attention(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax attention, one query at a time (Vaswani et al. 2017, equation 1)."""
    out = torch.zeros_like(q)
    batch, heads, tokens, width = q.shape
    for b in range(batch):
        for h in range(heads):
            kv = h // (heads // k.shape[1])
            for t in range(tokens):
                scores = [float(q[b, h, t] @ k[b, kv, s]) / math.sqrt(width) for s in range(k.shape[2])]
                if allowed is not None:
                    mask = allowed.expand(batch, 1, tokens, -1)[b, 0, t]
                    scores = [score if bool(mask[s]) else -math.inf for s, score in enumerate(scores)]
                weights = [math.exp(score - max(scores)) for score in scores]
                out[b, h, t] = sum(w / sum(weights) * v[b, kv, s] for s, w in enumerate(weights))  # type: ignore[assignment]
    return out


def some(kv_heads: int, tokens: int = 5, keys: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(kv_heads)
    return torch.randn(2, 4, tokens, 8), torch.randn(2, kv_heads, keys, 8), torch.randn(2, kv_heads, keys, 8)


@KINDS
@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_a_plain_loop(kv_heads: int, masked: bool) -> None:
    q, k, v = some(kv_heads)
    allowed = torch.rand(2, 1, 5, 6) < 0.6 if masked else None
    if allowed is not None:
        allowed[..., 0] = True
    expected = plain_attention(q, k, v, allowed)
    torch.testing.assert_close(checked(attend, q, k, v, allowed), expected, **CLOSE)
    torch.testing.assert_close(checked(attend_watched, q, k, v, allowed)[0], expected, **CLOSE)


@KINDS
def test_the_fused_kernel_and_the_steps_agree_with_their_gradients(kv_heads: int) -> None:
    """Where gradients are needed a processor takes the explicit steps; they must give what the kernel gives."""
    q, k, v = some(kv_heads)
    with torch.no_grad():
        fused = attend(q, k, v)
    leaves = [x.clone().requires_grad_() for x in (q, k, v)]
    explicit = attend(*leaves)
    torch.testing.assert_close(explicit.detach(), fused, **CLOSE)
    explicit.square().sum().backward()
    again = [x.clone().requires_grad_() for x in (q, k, v)]
    kernel = torch.nn.functional.scaled_dot_product_attention(*again, enable_gqa=kv_heads != 4)
    kernel.square().sum().backward()
    for one, other in zip(leaves, again, strict=True):
        torch.testing.assert_close(one.grad, other.grad, **CLOSE)


@KINDS
def test_the_pattern_is_a_distribution_over_allowed_keys(kv_heads: int) -> None:
    q, k, v = some(kv_heads)
    allowed = torch.ones(1, 1, 5, 6, dtype=torch.bool).tril()
    _, pattern = attend_watched(q, k, v, allowed)
    torch.testing.assert_close(pattern.sum(-1), torch.ones(2, 4, 5), **CLOSE)
    assert float(pattern[~allowed.expand_as(pattern)].abs().max()) == 0


@torch.no_grad()
@KINDS
def test_a_layer_splits_its_width_into_heads(kv_heads: int) -> None:
    torch.manual_seed(0)
    layer, hidden = Attention(32, 4, kv_heads), torch.randn(2, 5, 32)
    q, (k, v) = layer.queries(hidden), layer.keys_values(hidden)
    assert q.shape == (2, 4, 5, 8)
    assert k.shape == v.shape == (2, kv_heads, 5, 8)
    by_hand = hidden @ layer.query.weight.T
    torch.testing.assert_close(q[:, 2], by_hand[..., 16:24], **CLOSE)
    projected = layer.key_value(hidden)
    torch.testing.assert_close(v[:, 0], projected[..., 8 * kv_heads : 8 * kv_heads + 8], **CLOSE)
    joined = plain_attention(q, k, v, None).transpose(1, 2).reshape(2, 5, 32) @ layer.out.weight.T
    torch.testing.assert_close(checked(layer.look, q, k, v), joined, **CLOSE)


@KINDS
@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention_equals_its_quadratic_form(kv_heads: int, causal: bool) -> None:
    q, k, v = some(kv_heads, tokens=6)
    features = [torch.where(x > 0, x + 1, x.exp()) for x in (q, k)]
    share = 4 // kv_heads
    weights = features[0] @ features[1].repeat_interleave(share, 1).transpose(-1, -2)
    if causal:
        weights = weights.tril()
    expected = (weights / weights.sum(-1, keepdim=True)) @ v.repeat_interleave(share, 1)
    torch.testing.assert_close(checked(linear_attend, q, k, v, causal=causal), expected, **CLOSE)


def test_linear_attention_survives_features_that_vanish() -> None:
    q = torch.full((1, 1, 3, 4), -40.0)
    assert bool(linear_attend(q, q, torch.ones(1, 1, 3, 4)).isfinite().all())


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_text_window_is_a_band_with_global_tokens(first: int) -> None:
    positions = torch.arange(7)[None]
    allowed = checked(text_window, positions, positions, 3, first)[0, 0]
    for token in range(7):
        for key in range(7):
            assert bool(allowed[token, key]) == (key <= token and (token - key < 3 or key < first)), (token, key)


def test_a_patch_window_is_a_square_and_the_class_token_is_global() -> None:
    allowed = checked(patch_window, 3, 4, 1, 1)[0, 0]
    for one in range(13):
        for other in range(13):
            near = max(abs(one // 4 - other // 4), abs(one % 4 - other % 4)) <= 1
            assert bool(allowed[one, other]) == (near or 12 in (one, other)), (one, other)


@pytest.mark.parametrize("kv_heads", [1, 4])
def test_attention_with_a_window_ignores_what_lies_outside(kv_heads: int) -> None:
    q, k, v = some(kv_heads, tokens=6)
    positions = torch.arange(6)[None]
    allowed = text_window(positions, positions, 2, 1)
    before = attend(q, k, v, allowed)
    k[:, :, 2], v[:, :, 2] = 9.0, -9.0
    after = attend(q, k, v, allowed)
    torch.testing.assert_close(after[:, :, [0, 1, 4, 5]], before[:, :, [0, 1, 4, 5]], **CLOSE)
    assert not torch.allclose(after[:, :, 2:4], before[:, :, 2:4])
