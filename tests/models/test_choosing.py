"""Choosing from a closed list, against brute force: every option read by itself, uncached, token by token."""

import math
import random

import pytest
import torch
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, SettingsError
from assistant_vlm.picking import answer_logprobs
from assistant_vlm.tokenizer import END, Tokenizer
from assistant_vlm.trie import Trie

COLOURS = ("red", "blue", "green", "orange", "dark red", "light blue")
SHAPES = ("circle", "star", "square", "ring", "red")
OPTIONS = [f"a {c} {s}" for c in COLOURS for s in SHAPES] + ["a red", "a", "3", "ü", "🎉 party", "A red circle"]


def picture() -> Image.Image:
    return Image.radial_gradient("L").resize((40, 30)).rotate(30).convert("RGB")


@torch.no_grad()
def by_itself(model: LoadedModel, image: Image.Image | None, question: str, option: str) -> float:
    tokens = [*model.tokenizer.encode(option), END]
    prefix = list(model.prefix(question, (), image is not None).tokens)
    memory = None
    if image is not None:
        memory = model.reader.pictures.memory(
            model.encode_image(image), model.prefix(question, (), True).turns[-1].question
        )
    hidden = model.network.decoder(torch.tensor([prefix + tokens[:-1]]), memory)[0, len(prefix) - 1 :]
    total = 0.0
    for i, token in enumerate(tokens):
        total += float(answer_logprobs(model.network.decoder.logits(hidden[i]), first=i == 0)[token])
    return total


@pytest.mark.parametrize("given", [True, False])
def test_scores_are_those_of_each_option_by_itself(any_tiny: LoadedModel, given: bool) -> None:
    image = picture() if given else None
    encoded = None if image is None else any_tiny.encode_image(image)
    choices = any_tiny.choose(encoded, "what is this?", OPTIONS)
    assert sorted(c.option for c in choices) == sorted(OPTIONS)
    for choice in choices:
        # float32: sums of up to a dozen log-probabilities, worked out in another order
        assert choice.logprob == pytest.approx(by_itself(any_tiny, image, "what is this?", choice.option), abs=2e-3)
    assert [c.logprob for c in choices] == sorted((c.logprob for c in choices), reverse=True)
    assert sum(c.probability for c in choices) == pytest.approx(1, abs=1e-9)  # float64
    assert choices[0].probability / choices[1].probability == pytest.approx(
        math.exp(choices[0].logprob - choices[1].logprob), rel=1e-9
    )


def test_a_beam_as_wide_as_the_list_leaves_nothing_out(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    assert tiny.choose(image, "what?", OPTIONS, beam=len(OPTIONS)) == tiny.choose(image, "what?", OPTIONS)
    assert tiny.choose(image, "what?", OPTIONS, beam=10_000) == tiny.choose(image, "what?", OPTIONS)


def test_a_narrow_beam_ranks_what_it_reaches_by_the_same_scores(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    every = {c.option: c.logprob for c in tiny.choose(image, "what?", OPTIONS)}
    for beam in (1, 2, 5, 12):
        found = tiny.choose(image, "what?", OPTIONS, beam=beam)
        assert 1 <= len(found) < len(OPTIONS)
        for choice in found:
            # float32: other rows in the same product
            assert choice.logprob == pytest.approx(every[choice.option], abs=1e-3)
    assert len(tiny.choose(image, "what?", OPTIONS, beam=12)) > len(tiny.choose(image, "what?", OPTIONS, beam=1))


def test_a_thousand_options_by_beam(tiny: LoadedModel) -> None:
    rng = random.Random(1)
    letters = "abcdefghij"
    options = ["".join(rng.choices(letters, k=rng.randint(1, 5))) for _ in range(1000)]
    exact = tiny.choose(None, "which?", options)
    assert len(exact) == len(set(options))
    wide = tiny.choose(None, "which?", options, beam=300)
    assert wide[0].option == exact[0].option
    assert len(wide) < len(exact)


def test_the_history_counts(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    alone = tiny.choose(image, "and now?", OPTIONS)
    after = tiny.choose(image, "and now?", OPTIONS, [("what is this?", "a star")])
    assert {c.option: c.logprob for c in alone} != {c.option: c.logprob for c in after}


def test_an_answer_held_to_a_list_is_one_of_it(tiny: LoadedModel) -> None:
    for seed in range(12):
        hot = GenerationSettings(max_tokens=1, temperature=3.0, seed=seed)
        assert "".join(s.text for s in tiny.generate(None, "what?", (), hot, options=OPTIONS)) in OPTIONS


def test_one_option_is_taken_whatever_the_model_thinks(tiny: LoadedModel) -> None:
    steps = list(tiny.generate(None, "what?", options=["zebra crossing"]))
    assert "".join(s.text for s in steps) == "zebra crossing"
    (choice,) = tiny.choose(None, "what?", ["zebra crossing", "zebra crossing"])
    assert choice.probability == 1
    assert choice.logprob < sum(s.logprob for s in steps) + 1e-3  # the end comes on top


@pytest.mark.parametrize(
    ("options", "beam", "said"),
    [
        ([], None, "at least one option"),
        (["red", ""], None, "number 2"),
        (["red"], 0, "beam of at least 1, got 0"),
        (["red " * 80], None, "options of at most"),
    ],
)
def test_what_cannot_be_chosen_from_is_named(tiny: LoadedModel, options: list[str], beam: int, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        tiny.choose(None, "what?", options, beam=beam)
    if beam is None:
        with pytest.raises(SettingsError, match=said):
            tiny.generate(None, "what?", options=options)


def test_equal_beginnings_are_one_path(tokenizer: Tokenizer) -> None:
    trie = Trie(tokenizer, OPTIONS)
    tokens = [tuple(tokenizer.encode(option)) for option in OPTIONS]
    beginnings = {one[:length] for one in tokens for length in range(len(one) + 1)}
    assert len(trie) == len(beginnings)
    assert sorted(i for i in trie.option if i >= 0) == list(range(len(OPTIONS)))
