"""Rotary positions, normalisation and feed-forward layers against their formulas."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.norm import Norm
from assistant_vlm.rotary import rotary_table, rotary_table_2d, rotate

from .shapes import checked

# float32 rounds at 6e-8 of a value near 1; sums over at most a few hundred terms stay well inside these.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_turned_products_depend_on_the_distance_only(first: int, second: int, shift: int) -> None:
    torch.manual_seed(first)
    q, k = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def product(a: int, b: int) -> torch.Tensor:
        turned = [rotate(x, *rotary_table(torch.tensor([[p]]), 16, 1e4)) for x, p in ((q, a), (k, b))]
        return (turned[0] * turned[1]).sum()

    # float32 angles of up to 1000 radians carry an error of 6e-5, which reaches products of about 16 terms
    torch.testing.assert_close(product(first, second), product(first + shift, second + shift), rtol=1e-3, atol=5e-3)


def test_in_two_dimensions_they_depend_on_rows_and_columns_apart() -> None:
    torch.manual_seed(0)
    rows, cols = 4, 5
    q, k = torch.randn(16).expand(1, 1, rows * cols, 16), torch.randn(16).expand(1, 1, rows * cols, 16)
    turn = rotary_table_2d(rows, cols, 16, 0)
    products = (rotate(q, *turn) @ rotate(k, *turn).transpose(-1, -2))[0, 0].view(rows, cols, rows, cols)
    seen: dict[tuple[int, int], torch.Tensor] = {}
    for r in range(rows):
        for c in range(cols):
            for s in range(rows):
                for d in range(cols):
                    first = seen.setdefault((r - s, c - d), products[r, c, s, d])
                    torch.testing.assert_close(products[r, c, s, d], first, **CLOSE)
    assert len({round(float(v), 3) for v in seen.values()}) > len(seen) // 2, "places far apart must differ"
    assert abs(float(seen[1, 0] - seen[0, 1])) > 1e-3


def test_still_tokens_are_not_turned() -> None:
    heads = torch.randn(2, 3, 7, 8)
    turned = checked(rotate, heads, *rotary_table_2d(2, 3, 8, 1))
    torch.testing.assert_close(turned[:, :, -1], heads[:, :, -1])
    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1), **CLOSE)


def test_the_turn_is_that_of_complex_numbers() -> None:
    heads = torch.randn(1, 1, 5, 8)
    turned = rotate(heads, *checked(rotary_table, torch.arange(5)[None], 8, 100.0)[:2])
    for token in range(5):
        for pair in range(4):
            number = complex(float(heads[0, 0, token, pair]), float(heads[0, 0, token, pair + 4]))
            angle = token * 100.0 ** (-pair / 4)
            expected = number * complex(math.cos(angle), math.sin(angle))
            found = complex(float(turned[0, 0, token, pair]), float(turned[0, 0, token, pair + 4]))
            assert found == pytest.approx(expected, abs=1e-5)  # float32 sine and cosine of angles below 5


def test_norms_equal_their_formulas() -> None:
    torch.manual_seed(0)
    hidden, gain = torch.randn(3, 5, 16) * 7 + 2, torch.rand(16)
    layer, rms = Norm("layer", 16), Norm("rms", 16)
    for norm in (layer, rms):
        norm.gain.data.copy_(gain)
    centred = hidden - hidden.mean(-1, keepdim=True)
    expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain
    torch.testing.assert_close(checked(layer.forward, hidden), expected, **CLOSE)
    expected = hidden / (hidden.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain
    torch.testing.assert_close(checked(rms.forward, hidden), expected, **CLOSE)


def test_feed_forward_layers_equal_their_formulas() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(2, 5, 16)
    swiglu, gelu = FeedForward("swiglu", 16, 24), FeedForward("gelu", 16, 24)
    gate, value = (hidden @ swiglu.up.weight[:24].T, hidden @ swiglu.up.weight[24:].T)
    expected = (gate / (1 + (-gate).exp()) * value) @ swiglu.down.weight.T
    torch.testing.assert_close(checked(swiglu.forward, hidden), expected, **CLOSE)
    middle = hidden @ gelu.up.weight.T
    exact = middle * 0.5 * (1 + torch.erf(middle / math.sqrt(2)))
    # the tanh form is within 5e-4 of the exact GELU; 24 such terms with weights below 0.25
    torch.testing.assert_close(checked(gelu.forward, hidden), exact @ gelu.down.weight.T, rtol=0, atol=3e-3)
