"""Batches: what is learned, what belongs to which turn, and what is promised about each group."""

import dataclasses
import random

import pytest
import torch

from assistant_vlm.config import ModelConfig
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, Tokenizer
from training.batches import Group, conversation_tokens, make_batch
from training.noise import no_information
from training.questions import CANNOT_TELL, Asked
from training.sources import GENERATED, Mix, make_example

from .conftest import TINY

DRAWN = Group("drawn", 6, 96, 2 * TINY.patch * 2, {"scenes": 8, "charts": 1, "boxes": 1, "noise": 1, "talk": 1})


def test_only_answers_are_learned(tokenizer: Tokenizer) -> None:
    turns = [Asked("what is this?", "a red circle", "what"), Asked("where?", "top left", "where")]
    packed = conversation_tokens(tokenizer, turns, True, first_turn=3)
    learned = [(packed.tokens[i], target) for i, target in enumerate(packed.targets) if target]
    assert [target for _, target in learned] == [
        *tokenizer.encode("a red circle"),
        END,
        *tokenizer.encode("top left"),
        END,
    ]
    assert all(target == packed.tokens[i + 1] for i, target in enumerate(packed.targets) if target)
    assert learned[0][0] == ANSWER
    assert packed.tokens.count(QUESTION) == 2
    assert sorted(set(packed.turns)) == [3, 4]


def test_the_question_of_a_turn_is_marked(tokenizer: Tokenizer) -> None:
    turns = [Asked("what is this?", "a red circle", "what"), Asked("where?", "top left", "where")]
    packed = conversation_tokens(tokenizer, turns, True)
    for turn, asked in enumerate(turns):
        marked = [t for t, n, a in zip(packed.tokens, packed.turns, packed.asks, strict=True) if a and n == turn]
        assert marked == [QUESTION, *tokenizer.encode(asked.question), ANSWER]


def test_a_batch_depends_on_its_seed_alone(tokenizer: Tokenizer) -> None:
    one, two, other = (make_batch(random.Random(s), TINY, tokenizer, DRAWN, Mix(), None) for s in (1, 1, 2))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(one.pixels, two.pixels)
    assert not torch.equal(one.tokens, other.tokens)


def test_a_batch_keeps_its_promises(tokenizer: Tokenizer) -> None:
    batch = make_batch(random.Random(3), TINY, tokenizer, DRAWN, Mix(), None)
    cells = DRAWN.side // TINY.patch
    assert batch.pixels.shape == (6, 3, DRAWN.side, DRAWN.side)
    assert 0 <= float(batch.pixels.min()) <= float(batch.pixels.max()) <= 1
    assert batch.patch_targets.shape == (6, cells * cells, 3)
    assert batch.tokens.max() < TINY.vocab
    padding = batch.segments < 0
    assert torch.equal(padding, batch.turns < 0)
    assert not batch.tokens[padding].any()
    assert not batch.asks[padding].any()
    assert (batch.segments >= 0).any(dim=1).all()
    assert not batch.targets[batch.asks & (batch.tokens != ANSWER)].any()
    assert batch.questions == int((batch.turns.amax(1) + 1).sum())
    assert not batch.pixels[batch.seen[:, 0, 0] == 0].any()
    assert set(batch.labels.tolist()) == {-1}


def test_a_group_too_small_for_anything_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="scenes to fit 4 tokens"):
        make_batch(
            random.Random(0), TINY, tokenizer, dataclasses.replace(DRAWN, tokens=4, shares={"scenes": 1}), Mix(), None
        )


def test_a_source_without_data_is_an_error(tokenizer: Tokenizer) -> None:
    for source in ("mnist", "collage", "nonsense"):
        with pytest.raises(ValueError, match=source):
            make_example(random.Random(0), source, 32, Mix(), None)


def test_a_kind_that_is_not_asked_is_an_error() -> None:
    with pytest.raises(ValueError, match="relatoin"):
        Mix(kinds={"relatoin": 3.0})


def test_nothing_is_asked_where_there_is_no_room_for_it(tokenizer: Tokenizer) -> None:
    batch = make_batch(random.Random(0), TINY, tokenizer, dataclasses.replace(DRAWN, tokens=0), Mix(), None)
    assert batch.tokens.shape == (6, 0)
    assert batch.questions == 0


@pytest.mark.parametrize("source", GENERATED)
def test_examples_are_pictures_of_the_side_asked_for(source: str) -> None:
    rng = random.Random(5)
    for side in (32, 96):
        example = make_example(rng, source, side, Mix(), None)
        assert next(example.conversations)
        assert source == "talk" if example.pixels is None else example.pixels.shape == (side, side, 3)


def test_pictures_without_information_are_declined() -> None:
    rng = random.Random(3)
    for _ in range(5):
        example = make_example(rng, "noise", 64, Mix(), None)
        assert {t.answer for c in example.conversations for t in c} == {CANNOT_TELL}
    assert no_information(rng, 48).size == (48, 48)


def test_the_standard_shape_has_eight_by_eight_patches() -> None:
    config = ModelConfig(vocab=512)
    assert (config.side // config.patch) ** 2 == config.rows * config.cols
