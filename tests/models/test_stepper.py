"""Whoever decodes: the same scores, from caches that all can read, in rows of any length."""

from collections.abc import Callable

import pytest
import torch
from PIL import Image

from assistant_vlm import LoadedModel
from assistant_vlm.cache import Cache
from assistant_vlm.decoder import Decoder
from assistant_vlm.errors import SettingsError
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.fast_encoder import FastEncoder
from assistant_vlm.stepper import DecoderStepper, Stepper

STEPPERS: dict[str, Callable[[Decoder], Stepper]] = {"plain": DecoderStepper, "fast": FastDecoder}
ROWS = ([3, 5, 9, 6], [3, 5, 40, 41, 42, 43, 44, 6], [3, 5, 6])
AFTER = ([20, 21, 22], [23, 24, 25], [26, 27, 28])


@pytest.fixture(params=STEPPERS.values(), ids=list(STEPPERS))
def make(request: pytest.FixtureRequest) -> Callable[[Decoder], Stepper]:
    return request.param


def expected(model: LoadedModel, tokens: list[int], memory: object) -> torch.Tensor:
    decoder = model.network.decoder
    return decoder.logits(decoder(torch.tensor([tokens]), memory)[0, -1])  # type: ignore[arg-type]


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    # float32, other kernels and orders of sums, after layers of loud weights; scores are around 10
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("seeing", ["one picture", "a picture each", "none"])
def test_ragged_rows_step_like_each_alone(
    any_tiny: LoadedModel, make: Callable[[Decoder], Stepper], seeing: str
) -> None:
    stepper, config = make(any_tiny.network.decoder), any_tiny.config
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    patches = any_tiny.network.encode(pictures)
    memories = [any_tiny.network.decoder.cross_memory(patches[i : i + 1]) for i in range(3)]
    if seeing != "a picture each":
        memories = [memories[0]] * 3
    joined = any_tiny.network.decoder.cross_memory(patches) if seeing == "a picture each" else memories[0]
    if seeing == "none":
        memories, joined = [None] * 3, None  # type: ignore[list-item, assignment]
    caches = [Cache(config) for _ in ROWS]
    for row, cache, memory in zip(ROWS, caches, memories, strict=True):
        close(stepper.prefill(row[:2], memory, cache), expected(any_tiny, row[:2], memory))
        close(stepper.prefill(row[2:], memory, cache), expected(any_tiny, row, memory))
        assert cache.tokens == len(row)
    many = Cache.stacked(caches, 12)
    for i in range(3):
        found = stepper.step(torch.tensor([after[i] for after in AFTER]), many, joined)
        for j, row in enumerate(ROWS):
            close(found[j], expected(any_tiny, [*row, *AFTER[j][: i + 1]], memories[j]))
    assert many.tokens == 11
    many.keep([2])
    assert (many.batch, many.tokens) == (1, 6)
    alone = stepper.step(torch.tensor([7]), many, memories[2])
    close(alone[0], expected(any_tiny, [*ROWS[2], *AFTER[2], 7], memories[2]))


@torch.inference_mode()
def test_a_cache_goes_from_one_stepper_to_another(any_tiny: LoadedModel) -> None:
    plain, fast = (make(any_tiny.network.decoder) for make in STEPPERS.values())
    memory = any_tiny.network.decoder.cross_memory(any_tiny.network.encode(torch.rand(1, 3, 32, 32)))
    for first, second in ((plain, fast), (fast, plain)):
        cache = Cache(any_tiny.config)
        first.prefill(ROWS[0], memory, cache)
        found = second.step(torch.tensor([20]), cache, memory)[0]
        close(found, expected(any_tiny, [*ROWS[0], 20], memory))
        cache.cut(2)
        copied = cache.copy(room=30)
        close(first.prefill(ROWS[1][2:], memory, copied), expected(any_tiny, ROWS[1], memory))
        assert cache.tokens == 2


@torch.inference_mode()
def test_a_full_cache_says_how_much_it_holds(tiny: LoadedModel, make: Callable[[Decoder], Stepper]) -> None:
    stepper, cache = make(tiny.network.decoder), Cache(tiny.config, room=3)
    with pytest.raises(SettingsError, match="at most 3 tokens of prefix and answer, got 4"):
        stepper.prefill(ROWS[0], None, cache)
    stepper.prefill(ROWS[2], None, cache)
    with pytest.raises(SettingsError, match="got 4"):
        stepper.step(torch.tensor([3]), cache, None)
    with pytest.raises(SettingsError, match="at most 2 tokens"):
        Cache.stacked([cache], 2)


def test_answers_are_the_same_whoever_decodes(any_tiny: LoadedModel) -> None:
    picture = Image.radial_gradient("L").convert("RGB")
    image = any_tiny.encode_image(picture)
    history = [("what?", "a star")]
    plain = list(any_tiny.generate(image, "and now?", history))
    choices = any_tiny.choose(image, "and now?", ["red", "blue", "a star"], history)
    any_tiny.decode_with(FastDecoder(any_tiny.network.decoder))
    assert [s.token_id for s in any_tiny.generate(image, "and now?", history)] == [s.token_id for s in plain]
    again = any_tiny.choose(image, "and now?", ["red", "blue", "a star"], history)
    assert [c.option for c in again] == [c.option for c in choices]
    any_tiny.encode_with(FastEncoder(any_tiny.network))
    assert any_tiny.reader.pictures.encoded.bytes == 0
    other = any_tiny.encode_image(picture)
    assert other is not image
    close(other.patches, image.patches)
    assert [s.token_id for s in any_tiny.generate(other, "and now?", history)] == [s.token_id for s in plain]
    any_tiny.decode_with(None)
    any_tiny.encode_with(None)
    assert list(any_tiny.generate(any_tiny.encode_image(picture), "and now?", history)) == plain
