import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, SettingsError, Sites, Step
from assistant_vlm.picking import answer_logprobs, pick
from assistant_vlm.tokenizer import CONTROL, END

WARM = GenerationSettings(max_tokens=12, temperature=1.0, seed=5)


def picture() -> Image.Image:
    return Image.radial_gradient("L").resize((40, 30)).rotate(30).convert("RGB")


def said(steps: list[Step]) -> str:
    return "".join(step.text for step in steps)


def test_the_same_seed_gives_the_same_answer(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    first, again = list(tiny.generate(image, "what?", (), WARM)), list(tiny.generate(image, "what?", (), WARM))
    assert [s.token_id for s in first] == [s.token_id for s in again]
    others = [list(tiny.generate(image, "what?", (), GenerationSettings(12, 1.0, 1.0, seed))) for seed in range(8)]
    assert any(other != first for other in others)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), top_p=st.floats(0.05, 1.0))
def test_the_texts_of_the_steps_are_the_answer(tiny: LoadedModel, seed: int, top_p: float) -> None:
    chosen = GenerationSettings(max_tokens=20, temperature=1.5, top_p=top_p, seed=seed)
    steps = list(tiny.generate(None, "hello", (), chosen))
    assert [step.index for step in steps] == list(range(len(steps)))
    assert all(step.logprob <= 0 for step in steps)
    assert 1 <= len(steps) <= 20
    raw = b"".join(tiny.tokenizer.bytes_of(step.token_id) for step in steps).removeprefix(b" ")
    assert said(steps) == raw.decode("utf-8", "ignore")


def test_a_callback_stops_the_answer(tiny: LoadedModel) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    settings_ = GenerationSettings(max_tokens=40, temperature=2.0, seed=1)
    unstopped = list(tiny.generate(None, "hello", (), settings_))
    assert len(unstopped) > 3
    stopped = list(tiny.generate(None, "hello", (), settings_, stop))
    assert [s.token_id for s in stopped] == [s.token_id for s in unstopped[:3]]
    assert list(tiny.generate(None, "hello", (), settings_, lambda: True)) == []


def test_a_small_nucleus_is_greedy_and_a_whole_one_is_not() -> None:
    logprobs = torch.tensor([0.5, 0.3, 0.2]).log()
    draws = {pick(logprobs, GenerationSettings(temperature=1.0, top_p=0.4), _seeded(i)) for i in range(50)}
    assert draws == {0}
    draws = {pick(logprobs, GenerationSettings(temperature=1.0, top_p=0.7), _seeded(i)) for i in range(50)}
    assert draws == {0, 1}
    draws = {pick(logprobs, GenerationSettings(temperature=1.0), _seeded(i)) for i in range(80)}
    assert draws == {0, 1, 2}
    assert pick(logprobs, GenerationSettings(), _seeded(0)) == 0


def test_temperature_sharpens_and_flattens() -> None:
    logprobs = torch.tensor([0.6, 0.4]).log()
    shares = {
        t: sum(pick(logprobs, GenerationSettings(temperature=t), _seeded(i)) == 0 for i in range(400)) / 400
        for t in (0.25, 1.0, 4.0)
    }
    expected = {t: 0.6 ** (1 / t) / (0.6 ** (1 / t) + 0.4 ** (1 / t)) for t in shares}
    for t, share in shares.items():
        assert share == pytest.approx(expected[t], abs=0.08)  # three standard deviations of 400 draws


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_marks_never_come_and_the_end_not_first() -> None:
    first, later = (answer_logprobs(torch.zeros(2, 20), first) for first in (True, False))
    assert torch.isinf(first[:, : len(CONTROL)]).all()
    assert later[0, END] == pytest.approx(-math.log(14))
    assert first[1, 10] == pytest.approx(-math.log(13))


@pytest.mark.parametrize(
    "values",
    [
        {"max_tokens": 0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"beams": 0},
        {"temperature": 1.0, "beams": 2},
        {"length_power": -1.0},
        {"stops": ("",)},
    ],
)
def test_settings_out_of_range_are_named(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        GenerationSettings(**values)  # type: ignore[arg-type]


def test_a_long_chat_still_gets_an_answer(tiny: LoadedModel) -> None:
    assert list(tiny.generate(None, "é" * 3000, [("x " * 900, "y")], GenerationSettings(max_tokens=200)))
    cut = tiny.cut("é" * 3000, [("x " * 900, "y")], False)
    assert cut.turns == 1
    assert cut.question_tokens > 2000
    assert not tiny.cut("what?", [("and?", "no")], True)


def test_confidence_is_a_probability(tiny: LoadedModel) -> None:
    steps = list(tiny.generate(None, "hello", (), WARM))
    assert 0 < tiny.confidence(steps, image_given=False) < 1
    assert tiny.confidence([], image_given=True) == 0
    unsure = [Step(0, 9, "a", -800.0)]
    sure = [Step(0, 9, "a", 0.0)]
    assert tiny.confidence(unsure, True) < tiny.confidence(sure, True)


def test_answers_depend_on_the_picture(tiny: LoadedModel) -> None:
    answers = {
        tuple(s.logprob for s in tiny.generate(tiny.encode_image(Image.new("RGB", (9, 9), colour)), "what?"))
        for colour in ("red", "blue", "white")
    }
    assert len(answers) == 3


# Stop strings


@pytest.mark.parametrize("seed", range(6))
def test_an_answer_ends_before_a_stop_string(tiny: LoadedModel, seed: int) -> None:
    free = GenerationSettings(max_tokens=24, temperature=1.0, seed=seed)
    whole = said(list(tiny.generate(None, "hello", (), free)))
    for at in range(0, len(whole) - 2, 3):
        stop = whole[at : at + 3]
        steps = list(tiny.generate(None, "hello", (), GenerationSettings(24, 1.0, 1.0, seed, stops=("§§", stop))))
        assert said(steps) == whole[: whole.index(stop)]


def test_what_only_looks_like_a_stop_string_is_not_lost(tiny: LoadedModel) -> None:
    free = GenerationSettings(max_tokens=24, temperature=1.0, seed=2)
    whole = said(list(tiny.generate(None, "hello", (), free)))
    stops = (whole[-2:] + "§", whole[3:5] + "§")
    assert said(list(tiny.generate(None, "hello", (), GenerationSettings(24, 1.0, 1.0, 2, stops=stops)))) == whole


# Beams


def test_beams_are_deterministic_and_end_at_the_length_asked_for(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    wide = GenerationSettings(max_tokens=5, beams=4)
    first = list(tiny.generate(image, "what?", (), wide))
    assert [s.token_id for s in first] == [s.token_id for s in tiny.generate(image, "what?", (), wide)]
    assert 1 <= len(first) <= 5
    assert [s.index for s in first] == list(range(len(first)))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_wide_beams_find_the_best_answer_of_all(tiny: LoadedModel, power: float) -> None:
    """Among the answers of a list, whose scores brute force can tell."""
    options = ["red", "a red circle", "a red star and a blue star", "blue", "3", "the", "there are 3 red stars here"]
    choices = tiny.choose(None, "what?", options)
    lengths = {option: len(tiny.tokenizer.encode(option)) + 1 for option in options}
    best = max(choices, key=lambda choice: choice.logprob / lengths[choice.option] ** power).option
    wide = GenerationSettings(beams=len(options), length_power=power)
    assert said(list(tiny.generate(None, "what?", (), wide, options=options))) == best


@torch.no_grad()
def test_beams_as_wide_as_the_vocabulary_leave_nothing_out(tiny: LoadedModel) -> None:
    prefix = tiny.prefix("what?", (), False).tokens
    decoder = tiny.network.decoder
    first = answer_logprobs(decoder.logits(decoder(torch.tensor([prefix]), None)[0, -1]), first=True)
    begun = torch.tensor([[*prefix, token] for token in range(tiny.config.vocab)])
    second = answer_logprobs(decoder.logits(decoder(begun, None)[:, -1]), first=False)
    totals = first[:, None] + second
    token, after = divmod(int(totals.argmax()), tiny.config.vocab)
    expected = [token] if after == END else [token, after]
    wide = GenerationSettings(max_tokens=2, beams=tiny.config.vocab, length_power=0)
    found = list(tiny.generate(None, "what?", (), wide))
    assert [step.token_id for step in found] == expected
    # float32, in another order of sums
    assert found[0].logprob == pytest.approx(float(first[token]), abs=1e-3)


# Watching and editing


def test_an_edit_changes_the_answer_and_leaves_no_trace(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    before = list(tiny.generate(image, "what?"))
    for name in ("decoder.1.cross.out", "memory", "decoder.0.self.pattern", "logits"):
        sites = Sites(tiny.config, edit={name: lambda value: value.flip(-1)})
        edited = list(tiny.generate(image, "what?", sites=sites))
        assert [s.logprob for s in edited] != [s.logprob for s in before], name
    blind = Sites(tiny.config, edit={"encoder.stem": torch.zeros_like})
    assert not torch.equal(tiny.encode_image(picture(), blind).patches, image.patches)
    assert [s.token_id for s in tiny.generate(tiny.encode_image(picture()), "what?")] == [s.token_id for s in before]


def test_watching_changes_nothing_and_sees_every_token(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    sites = Sites(tiny.config, read=["decoder.1.cross.pattern"])
    watched = list(tiny.generate(image, "what?", (), WARM, sites=sites))
    plain = list(tiny.generate(image, "what?", (), WARM))
    assert [s.token_id for s in watched] == [s.token_id for s in plain]
    passes = sites.values["decoder.1.cross.pattern"]
    assert len(passes) in (len(plain), len(plain) + 1)  # one for the prefix, one for each token but perhaps the last
    edits = Sites(tiny.config, edit={"decoder.1.cross.out": lambda value: value * -3})
    unedited = tiny.choose(image, "what?", ["red", "blue"])
    assert tiny.choose(image, "what?", ["red", "blue"], sites=edits) != unedited
