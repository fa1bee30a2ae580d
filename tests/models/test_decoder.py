"""Properties of encoder and decoder that hold for any weights and, where parametrised, for networks of many shapes."""

import dataclasses

import pytest
import torch

from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.errors import PictureError, WeightsError
from assistant_vlm.image_encoder import ImageEncoder, place_waves
from assistant_vlm.network import Network
from assistant_vlm.sites import Sites

from .conftest import TINY, spell
from .shapes import checked

# float32 rounds at 6e-8 of a value near 1; the loud weights below bring values of about 10 and their differences.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SHAPES: dict[str, ModelConfig] = {
    "default": TINY,
    "parallel": dataclasses.replace(TINY, block="parallel"),
    "rms and gelu": dataclasses.replace(TINY, norm="rms", mlp="gelu", kv_heads=1),
    "learned places": dataclasses.replace(TINY, patch_positions="learned", text_positions="learned"),
    "windows": dataclasses.replace(TINY, patch_window=1, text_window=3, text_globals=2),
    "linear": dataclasses.replace(TINY, patch_attention="linear", class_token=False),
    "one convolution": dataclasses.replace(TINY, stem_channels=(), stem_blocks=()),
    "batch norm": dataclasses.replace(TINY, stem_norm="batch"),
    "guessed name": dataclasses.replace(TINY, names=5, name_tokens=3),
    "group norm": dataclasses.replace(TINY, stem_norm="group", kv_heads=4),
}
every_shape = pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())


def made(config: ModelConfig, seed: int = 0) -> Network:
    """A network with random weights that are louder than at the start of training, so that parts hear each other."""
    torch.manual_seed(seed)
    network = Network(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter * 2 + 0.05 * torch.randn_like(parameter))
    spell(network)
    return network


def some_memory(network: Network, batch: int = 1) -> CrossMemory:
    side = network.config.side
    return network.decoder.cross_memory(network.encode(torch.rand(batch, 3, side, side)))


def some_tokens(batch: int, count: int) -> torch.Tensor:
    return torch.randint(7, TINY.vocab, (batch, count))


@torch.no_grad()
@every_shape
def test_later_tokens_do_not_change_earlier_ones(config: ModelConfig) -> None:
    network = made(config)
    memory, tokens = some_memory(network), some_tokens(1, 12)
    changed = tokens.clone()
    changed[0, 8:] = (changed[0, 8:] + 1) % TINY.vocab
    before, after = network.decoder(tokens, memory), network.decoder(changed, memory)
    torch.testing.assert_close(before[:, :8], after[:, :8], **CLOSE)
    assert not torch.allclose(before[:, 8:], after[:, 8:], **CLOSE)


@torch.no_grad()
@every_shape
@pytest.mark.parametrize("pieces", [[12], [1] * 12, [3, 1, 1, 5, 2], [11, 1]])
def test_cached_equals_uncached(config: ModelConfig, pieces: list[int]) -> None:
    network = made(config)
    memory, tokens = some_memory(network), some_tokens(1, 12)
    cache = Cache(config)
    parts = [network.decoder(piece, memory, cache=cache) for piece in tokens.split(pieces, dim=1)]
    assert cache.tokens == 12
    torch.testing.assert_close(torch.cat(parts, dim=1), network.decoder(tokens, memory), **CLOSE)


@torch.no_grad()
@every_shape
def test_padding_and_packing_change_nothing(config: ModelConfig) -> None:
    """Two conversations packed into one row, with padding after them, give what each gives alone."""
    network = made(config)
    memory, first, second = some_memory(network), some_tokens(1, 5), some_tokens(1, 7)
    packed = torch.cat((first, second, torch.zeros(1, 4, dtype=torch.long)), dim=1)
    segments = torch.tensor([[0] * 5 + [1] * 7 + [-1] * 4])
    positions = torch.tensor([[*range(5), *range(7), 0, 0, 0, 0]])
    allowed = (segments[:, :, None] == segments[:, None, :]).tril()[:, None]
    hidden = checked(network.decoder.forward, packed, memory, positions=positions, allowed=allowed)
    torch.testing.assert_close(hidden[:, :5], network.decoder(first, memory), **CLOSE)
    torch.testing.assert_close(hidden[:, 5:12], network.decoder(second, memory), **CLOSE)


@torch.no_grad()
@every_shape
def test_without_a_picture_the_cross_attention_adds_nothing(config: ModelConfig) -> None:
    network = made(config)
    tokens, memory = some_tokens(2, 6), some_memory(network, 2)
    mixed = network.decoder(tokens, memory, seen=torch.tensor([1.0, 0.0]).view(2, 1, 1))
    torch.testing.assert_close(mixed[1:], network.decoder(tokens[1:], None), **CLOSE)
    torch.testing.assert_close(mixed[:1], network.decoder(tokens, memory)[:1], **CLOSE)
    assert not torch.allclose(mixed[:1], network.decoder(tokens[:1], None), **CLOSE)


@torch.no_grad()
def test_memory_that_a_token_may_not_look_at_is_not_there(network: Network) -> None:
    memory, tokens = some_memory(network), some_tokens(1, 4)
    keys = memory[0][0].shape[2]
    looks = (torch.arange(keys) < 5).expand(1, 1, 4, keys)
    cut = [(k[:, :, :5], v[:, :, :5]) for k, v in memory]
    torch.testing.assert_close(network.decoder(tokens, memory, looks=looks), network.decoder(tokens, cut), **CLOSE)


@torch.no_grad()
@every_shape
def test_a_batch_gives_what_each_picture_gives_alone(config: ModelConfig) -> None:
    network, pixels = made(config), torch.rand(3, 3, 32, 32)
    together = checked(network.encoder.forward, pixels)
    assert together.shape == (3, 16 + config.class_token, 32)
    torch.testing.assert_close(together[1:2], network.encoder(pixels[1:2]), **CLOSE)


@torch.no_grad()
@every_shape
@pytest.mark.parametrize(("height", "width"), [(32, 64), (8, 8), (72, 24)])
def test_any_size_of_whole_patches_is_read(config: ModelConfig, height: int, width: int) -> None:
    seen = made(config).encoder(torch.rand(1, 3, height, width))
    assert seen.shape == (1, height * width // 64 + config.class_token, 32)
    assert bool(seen.isfinite().all())


@pytest.mark.parametrize("shape", [(1, 3, 30, 32), (3, 32, 32), (1, 1, 32, 32), (1, 3, 0, 32)])
def test_pixels_of_another_shape_are_refused(network: Network, shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match="multiples of 8"):
        network.encoder(torch.zeros(shape))


@torch.no_grad()
def test_learned_places_stretch_to_another_grid_and_keep_their_own() -> None:
    """Trained at one size, a learned place means the same part of the picture at another."""
    places = made(SHAPES["learned places"]).encoder.places
    own, doubled = places(4, 4).view(4, 4, 32), places(8, 8).view(8, 8, 32)
    torch.testing.assert_close(own[2, 1], places.row[2] + places.col[1])
    mean_of_two = (doubled[2:4].mean(0))[:, :16]  # rows 2 and 3 of eight lie beside the centre of row 1 of four
    close = (mean_of_two - places.row[1, :16]).norm() < (mean_of_two - places.row[2, :16]).norm()
    assert bool(close.all())


@torch.no_grad()
def test_places_are_heard_from_the_start() -> None:
    """Like patches at unlike places differ clearly, by row and by column; quieter positions were once not learned."""
    torch.manual_seed(0)
    network = Network(TINY).eval()
    patches = network.encoder(torch.full((1, 3, 32, 32), 0.5))[0, :16].view(4, 4, -1)
    for a, b in ((patches[0, 1], patches[3, 1]), (patches[1, 0], patches[1, 3]), (patches[0, 2], patches[2, 0])):
        assert torch.cosine_similarity(a, b, dim=0) < 0.97


@torch.no_grad()
@every_shape
def test_places_are_added_before_the_blocks_and_after_them(config: ModelConfig) -> None:
    encoder, sites = made(config).encoder, Sites(config, read=["encoder.*"])
    out = encoder(torch.rand(1, 3, 32, 32), sites)
    places = encoder.places(4, 4)
    torch.testing.assert_close(sites.only("encoder.embed")[0, :16], sites.only("encoder.stem")[0] + places, **CLOSE)
    last = encoder.norm(sites.only(f"encoder.{config.encoder_layers - 1}.resid_post"))
    torch.testing.assert_close(out[0, :16], last[0, :16] + places, **CLOSE)
    if encoder.class_token is not None:
        torch.testing.assert_close(sites.only("encoder.embed")[0, 16], encoder.class_token)
        torch.testing.assert_close(out[0, 16], last[0, 16], **CLOSE)


def test_places_are_parts_of_the_picture() -> None:
    """The middle of three parts and of five is the same place."""
    torch.testing.assert_close(checked(place_waves, 3, 12)[1], place_waves(5, 12)[2])


@torch.no_grad()
def test_the_class_token_comes_after_the_patches_and_sees_all_patches() -> None:
    network = made(TINY)
    pixels = torch.rand(1, 3, 32, 32)
    changed = pixels.clone()
    changed[:, :, :4, :4] = 0
    before, after = network.encoder(pixels), network.encoder(changed)
    assert not torch.allclose(before[0, -1], after[0, -1], **CLOSE)
    without = Network(dataclasses.replace(TINY, class_token=False))
    assert without.encoder.class_token is None
    assert before.shape[1] == without.encoder(pixels).shape[1] + 1


@torch.no_grad()
def test_blocks_side_by_side_and_one_after_the_other() -> None:
    """Each kind of block is the sum it says, written out from its parts."""
    for kind in ("parallel", "sequential"):
        network = made(dataclasses.replace(TINY, block=kind))  # type: ignore[arg-type]
        block, hidden = network.decoder.blocks[0], torch.randn(1, 1, 32)
        memory = some_memory(network)[0]

        def alone(normed: torch.Tensor) -> torch.Tensor:
            return block.self_attention.merge(block.self_attention.keys_values(normed)[1].repeat_interleave(2, 1))  # noqa: B023

        def at_picture(normed: torch.Tensor) -> torch.Tensor:
            return block.cross_attention.look(block.cross_attention.queries(normed), *memory)  # noqa: B023

        normed = block.self_norm(hidden)
        if kind == "parallel":
            expected = hidden + alone(normed) + at_picture(normed) + block.mlp(normed)
        else:
            expected = hidden + alone(normed)
            expected = expected + at_picture(block.cross_norm(expected))
            expected = expected + block.mlp(block.mlp_norm(expected))
        found = block(hidden, memory, None, None, None, None, None, None)
        torch.testing.assert_close(found, expected, **CLOSE)


@torch.no_grad()
def test_a_patch_outside_the_window_is_seen_only_through_others() -> None:
    config = dataclasses.replace(TINY, patch_window=1, encoder_layers=1, class_token=False, stem_channels=())
    network = made(dataclasses.replace(config, stem_blocks=()))
    pixels = torch.rand(1, 3, 32, 32)
    changed = pixels.clone()
    changed[:, :, :8, :8] = 1 - changed[:, :, :8, :8]
    moved = (network.encoder(pixels) - network.encoder(changed))[0].abs().sum(-1).view(4, 4) > 1e-6
    assert moved.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_parameters_are_counted_and_grouped_heads_save_some() -> None:
    full, grouped = (Network(dataclasses.replace(TINY, kv_heads=n)) for n in (4, 1))
    layers = TINY.encoder_layers + 2 * TINY.decoder_layers
    assert full.parameters_count - grouped.parameters_count == layers * 2 * 3 * 8 * 32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"heads": 3}, "dim"),
        ({"kv_heads": 3}, "kv_heads"),
        ({"kv_heads": 0}, "kv_heads of at least 1"),
        ({"side": 30}, "side"),
        ({"patch": 16}, "patch of 8"),
        ({"stem_blocks": (1,)}, "stem_blocks"),
        ({"max_prefix": 80}, "max_prefix"),
        ({"norm": "batch"}, "norm"),
        ({"fusion_layers": 1}, "fusion_layers"),
        ({"question_to_patches": True}, "fusion_layers"),
        ({"patch_attention": "linear", "patch_window": 2}, "patch_window"),
        ({"text_window": -1}, "text_window"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        dataclasses.replace(TINY, **change)  # type: ignore[arg-type]


def test_stems_halve_the_picture_as_often_as_they_say() -> None:
    config = dataclasses.replace(TINY, patch=4, stem_channels=(8,), stem_blocks=(0, 2))
    assert ImageEncoder(config).stem(torch.zeros(1, 3, 32, 32)).shape == (1, 32, 8, 8)
