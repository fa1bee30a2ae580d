import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, SettingsError, Step
from assistant_vlm.generation import choose, prefix_tokens
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, WITHOUT_PICTURE, Tokenizer

WARM = GenerationSettings(max_tokens=12, temperature=1.0, seed=5)


def picture(seed: int = 0) -> Image.Image:
    return Image.effect_noise((40, 30), 60 + seed).convert("RGB")


def test_the_same_seed_gives_the_same_answer(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    first, again = list(tiny.generate(image, "what?", (), WARM)), list(tiny.generate(image, "what?", (), WARM))
    assert first == again
    others = [list(tiny.generate(image, "what?", (), GenerationSettings(12, 1.0, 1.0, seed))) for seed in range(8)]
    assert any(other != first for other in others)


def test_greedy_takes_the_likeliest_token_of_an_uncached_pass(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    history = [("how many?", "two")]
    steps = list(tiny.generate(image, "what?", history, GenerationSettings(max_tokens=6)))
    tokens = prefix_tokens(tiny.tokenizer, "what?", history, True, tiny.config.max_prefix)
    for step in steps:
        with torch.no_grad():
            logits = tiny.network.decoder.logits(tiny.network.decoder(torch.tensor([tokens]), image.memory)[0, -1])
        blocked = [i for i in range(7) if i != END or step.index == 0]
        logits[blocked] = float("-inf")
        assert int(logits.argmax()) == step.token_id
        # float32 log-softmax over a few hundred scores, cached against uncached
        assert step.logprob == pytest.approx(float(logits.log_softmax(-1).max()), abs=1e-3)
        tokens.append(step.token_id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), top_p=st.floats(0.05, 1.0))
def test_the_texts_of_the_steps_are_the_answer(tiny: LoadedModel, seed: int, top_p: float) -> None:
    chosen = GenerationSettings(max_tokens=20, temperature=1.5, top_p=top_p, seed=seed)
    steps = list(tiny.generate(None, "hello", (), chosen))
    assert [step.index for step in steps] == list(range(len(steps)))
    assert all(step.logprob <= 0 for step in steps)
    assert 1 <= len(steps) <= 20
    raw = b"".join(tiny.tokenizer.bytes_of(step.token_id) for step in steps).removeprefix(b" ")
    assert "".join(step.text for step in steps) == raw.decode("utf-8", "ignore")


def test_a_callback_stops_the_answer(tiny: LoadedModel) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    settings_ = GenerationSettings(max_tokens=40, temperature=2.0, seed=1)
    unstopped = list(tiny.generate(None, "hello", (), settings_))
    assert len(unstopped) > 3
    assert list(tiny.generate(None, "hello", (), settings_, stop)) == unstopped[:3]
    assert list(tiny.generate(None, "hello", (), settings_, lambda: True)) == []


def test_a_small_nucleus_is_greedy_and_a_whole_one_is_not() -> None:
    logprobs = torch.tensor([0.5, 0.3, 0.2]).log()
    draws = {choose(logprobs, GenerationSettings(temperature=1.0, top_p=0.4), _seeded(i)) for i in range(50)}
    assert draws == {0}
    draws = {choose(logprobs, GenerationSettings(temperature=1.0, top_p=0.7), _seeded(i)) for i in range(50)}
    assert draws == {0, 1}
    assert choose(logprobs, GenerationSettings(), _seeded(0)) == 0


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "values", [{"max_tokens": 0}, {"temperature": -1.0}, {"temperature": math.nan}, {"top_p": 0.0}, {"top_p": 1.1}]
)
def test_settings_out_of_range_are_named(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        GenerationSettings(**values)  # type: ignore[arg-type]


def test_history_is_the_prefix_and_the_oldest_goes_first(tokenizer: Tokenizer) -> None:
    alone = prefix_tokens(tokenizer, "what is this?", (), True, 48)
    assert alone == [WITH_PICTURE, QUESTION, *tokenizer.encode("what is this?"), ANSWER]
    assert prefix_tokens(tokenizer, "what is this?", (), False, 48)[0] == WITHOUT_PICTURE
    history = [("is there a red circle?", "yes"), ("how many shapes are there?", "3")]
    both = prefix_tokens(tokenizer, "what is this?", history, True, 200)
    newest = prefix_tokens(tokenizer, "what is this?", history[1:], True, 200)
    assert both[-len(newest) + 1 :] == newest[1:]
    assert len(both) > len(newest) > len(alone)
    assert prefix_tokens(tokenizer, "what is this?", history, True, len(both) - 1) == newest


def test_a_question_longer_than_the_model_reads_keeps_its_end(tokenizer: Tokenizer) -> None:
    prefix = prefix_tokens(tokenizer, "red " * 500 + "what is this?", (), True, 48)
    assert len(prefix) == 48
    assert prefix[-6:-1] == tokenizer.encode(" red what is this?")[-5:]


def test_a_long_question_still_gets_an_answer(tiny: LoadedModel) -> None:
    assert list(tiny.generate(None, "é" * 3000, [("x " * 900, "y")], GenerationSettings(max_tokens=200)))


def test_confidence_is_a_probability(tiny: LoadedModel) -> None:
    steps = list(tiny.generate(None, "hello", (), WARM))
    assert 0 < tiny.confidence(steps, image_given=False) < 1
    assert tiny.confidence([], image_given=True) == 0
    unsure = [Step(0, 9, "a", -800.0)]
    sure = [Step(0, 9, "a", 0.0)]
    assert tiny.confidence(unsure, True) < tiny.confidence(sure, True)


def test_cross_attention_is_that_of_the_position_that_produced_each_token(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    history = [("how many?", "two")]
    steps = list(tiny.generate(image, "what?", history, WARM))
    seen = tiny.cross_attention(image, "what?", history, steps).weights
    assert seen.shape == (len(steps), 2, 4, image.rows, image.cols)
    # float32 softmax over 16 patches
    torch.testing.assert_close(seen.sum((-1, -2)), torch.ones(seen.shape[:3]), rtol=1e-5, atol=1e-5)
    prefix = prefix_tokens(tiny.tokenizer, "what?", history, True, tiny.config.max_prefix)
    for step in steps:  # each token again, uncached, from the tokens before it and nothing else
        before = prefix + [s.token_id for s in steps[: step.index]]
        watched: list[torch.Tensor] = []
        with torch.no_grad():
            tiny.network.decoder(torch.tensor([before]), image.memory, watched=watched)
        expected = torch.stack([pattern[0, :, -1] for pattern in watched]).view(2, 4, image.rows, image.cols)
        torch.testing.assert_close(seen[step.index], expected, rtol=1e-4, atol=1e-6)
    assert tiny.cross_attention(image, "what?", history, []).weights.shape[0] == 0


def test_answers_depend_on_the_picture(tiny: LoadedModel) -> None:
    answers = {
        tuple(s.logprob for s in tiny.generate(tiny.encode_image(Image.new("RGB", (9, 9), colour)), "what?"))
        for colour in ("red", "blue", "white")
    }
    assert len(answers) == 3
