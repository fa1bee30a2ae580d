"""Properties that hold for any weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_vlm.attention import attend, attend_watched
from assistant_vlm.decoder import Cache
from assistant_vlm.network import Network
from assistant_vlm.norm import RMSNorm
from assistant_vlm.rotary import rotary_table, rotate

# float32 rounds at 6e-8 of a value near 1; sums over at most a few hundred terms stay well inside these.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def random_memory(network: Network, batch: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    side = network.config.side
    return network.decoder.cross_memory(network.encoder(torch.rand(batch, 3, side, side)))


@torch.no_grad()
def test_later_tokens_do_not_change_earlier_ones(network: Network) -> None:
    memory = random_memory(network)
    tokens = torch.randint(7, 512, (1, 12))
    changed = tokens.clone()
    changed[0, 8:] = torch.randint(7, 512, (4,))
    before, after = network.decoder(tokens, memory), network.decoder(changed, memory)
    torch.testing.assert_close(before[:, :8], after[:, :8], **CLOSE)
    assert not torch.allclose(before[:, 8:], after[:, 8:], **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("first", [1, 3, 11])
def test_cached_equals_uncached(network: Network, first: int) -> None:
    memory = random_memory(network)
    tokens = torch.randint(7, 512, (1, 12))
    whole = network.decoder(tokens, memory)
    cache = Cache()
    parts = [network.decoder(tokens[:, :first], memory, cache=cache)]
    parts += [network.decoder(tokens[:, i : i + 1], memory, cache=cache) for i in range(first, 12)]
    assert cache.tokens == 12
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, **CLOSE)


@torch.no_grad()
def test_several_new_tokens_after_a_cache_see_it_and_not_each_others_future(network: Network) -> None:
    memory = random_memory(network)
    tokens = torch.randint(7, 512, (1, 10))
    cache = Cache()
    network.decoder(tokens[:, :4], memory, cache=cache)
    torch.testing.assert_close(
        network.decoder(tokens[:, 4:], memory, cache=cache), network.decoder(tokens, memory)[:, 4:], **CLOSE
    )


@torch.no_grad()
def test_fused_attention_equals_the_explicit_one(network: Network) -> None:
    memory = random_memory(network, 2)
    tokens = torch.randint(7, 512, (2, 9))
    patterns: list[torch.Tensor] = []
    watched = network.decoder(tokens, memory, watched=patterns)
    torch.testing.assert_close(watched, network.decoder(tokens, memory), **CLOSE)
    assert [tuple(p.shape) for p in patterns] == [(2, 4, 9, 16)] * 2
    for pattern in patterns:
        torch.testing.assert_close(pattern.sum(-1), torch.ones(2, 4, 9), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_masked_attention_matches_a_plain_loop(kv_heads: int) -> None:
    torch.manual_seed(kv_heads)
    q, k, v = torch.randn(2, 4, 5, 8), torch.randn(2, kv_heads, 5, 8), torch.randn(2, kv_heads, 5, 8)
    allowed = torch.ones(5, 5, dtype=torch.bool).tril()[None, None]
    expected = torch.zeros_like(q)
    for b in range(2):
        for h in range(4):
            group = h // (4 // kv_heads)
            for t in range(5):
                scores = torch.stack([q[b, h, t] @ k[b, group, s] for s in range(t + 1)]) / 8**0.5
                expected[b, h, t] = (scores.softmax(0)[:, None] * v[b, group, : t + 1]).sum(0)
    torch.testing.assert_close(attend(q, k, v, allowed), expected, **CLOSE)
    torch.testing.assert_close(attend_watched(q, k, v, allowed)[0], expected, **CLOSE)


@torch.no_grad()
def test_without_a_picture_the_cross_attention_adds_nothing(network: Network) -> None:
    tokens = torch.randint(7, 512, (2, 6))
    seen = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    memory = random_memory(network, 2)
    mixed = network.decoder(tokens, memory, seen=seen)
    torch.testing.assert_close(mixed[1:], network.decoder(tokens[1:], None), **CLOSE)
    torch.testing.assert_close(mixed[:1], network.decoder(tokens, memory)[:1], **CLOSE)


@torch.no_grad()
def test_padding_and_packing_change_nothing(network: Network) -> None:
    """Two conversations packed into one row, with padding after them, give what each gives alone."""
    memory = random_memory(network)
    first, second = torch.randint(7, 512, (1, 5)), torch.randint(7, 512, (1, 7))
    packed = torch.cat((first, second, torch.zeros(1, 4, dtype=torch.long)), dim=1)
    segments = torch.tensor([[0] * 5 + [1] * 7 + [-1] * 4])
    positions = torch.tensor([[*range(5), *range(7), 0, 0, 0, 0]])
    allowed = (segments[:, :, None] == segments[:, None, :]).tril()[:, None]
    hidden = network.decoder(packed, memory, positions=positions, allowed=allowed)
    torch.testing.assert_close(hidden[:, :5], network.decoder(first, memory), **CLOSE)
    torch.testing.assert_close(hidden[:, 5:12], network.decoder(second, memory), **CLOSE)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_rotated_products_depend_on_the_distance_only(first: int, second: int, shift: int) -> None:
    torch.manual_seed(first)
    q, k = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def product(a: int, b: int) -> torch.Tensor:
        turned = [rotate(x, *rotary_table(torch.tensor([[p]]), 16, 1e4)) for x, p in ((q, a), (k, b))]
        return (turned[0] * turned[1]).sum()

    # float32 angles of up to 1000 radians carry an error of 6e-5, which reaches products of about 16 terms
    torch.testing.assert_close(product(first, second), product(first + shift, second + shift), rtol=1e-3, atol=5e-3)


def test_rotation_keeps_lengths() -> None:
    heads = torch.randn(2, 3, 7, 8)
    turned = rotate(heads, *rotary_table(torch.arange(7)[None], 8, 1e4))
    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1), **CLOSE)


def test_norm_has_unit_mean_square() -> None:
    hidden = torch.randn(3, 5, 64) * 7
    torch.testing.assert_close(RMSNorm(64)(hidden).pow(2).mean(-1), torch.ones(3, 5), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_batch_gives_what_each_picture_gives_alone(network: Network) -> None:
    pixels = torch.rand(3, 3, 32, 32)
    together = network.encoder(pixels)
    assert together.shape == (3, 16, 32)
    torch.testing.assert_close(together[1:2], network.encoder(pixels[1:2]), **CLOSE)


@torch.no_grad()
def test_places_are_heard_from_the_start(network: Network) -> None:
    """Like patches at unlike places differ clearly, by row and by column; quieter positions were once not learned."""
    network.encoder.stem[-1].bias.fill_(1.0)  # pyright: ignore
    patches = network.encoder(torch.full((1, 3, 32, 32), 0.5))[0].view(4, 4, -1)
    for a, b in ((patches[0, 1], patches[3, 1]), (patches[1, 0], patches[1, 3]), (patches[0, 2], patches[2, 0])):
        assert torch.cosine_similarity(a, b, dim=0) < 0.97
