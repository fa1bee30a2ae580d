"""Learning the small net of the safety evaluator."""

from __future__ import annotations

import numpy as np
import pytest

from assistant_safety.vectors import POOLED
from training.safety.net import learn_net, mean_net, vector_of
from training.safety.sources import Row
from training.safety.written import LATER, written


def test_it_learns_what_no_sum_can() -> None:
    chance = np.random.default_rng(0)
    two = chance.normal(size=(3000, 2))
    labels = (two[:, 0] > 0) != (two[:, 1] > 0)
    vectors = (np.repeat(two, POOLED // 2, axis=1) + 0.3 * chance.normal(size=(3000, POOLED))).astype(np.float32)
    rows = [Row("", bool(label), "", "made") for label in labels]
    net = learn_net(rows[:2500], vectors[:2500], epochs=30)
    right = (net.log_odds(vectors[2500:]) > 0) == labels[2500:]
    assert right.mean() > 0.75


def test_a_row_without_weight_teaches_nothing() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(600, POOLED)).astype(np.float32)
    rows = [Row("", bool(vector[0] > 0), "", "made") for vector in vectors]
    wrong = [Row("", not row.harmful, "", "made", weight=0.0) for row in rows]
    net = learn_net([*rows, *wrong], np.concatenate([vectors, vectors]), epochs=10)
    right = (net.log_odds(vectors) > 0) == np.array([row.harmful for row in rows])
    assert right.mean() > 0.9


def test_the_same_seed_learns_the_same() -> None:
    chance = np.random.default_rng(2)
    vectors = chance.normal(size=(300, POOLED)).astype(np.float32)
    rows = [Row("", bool(vector[0] > 0), "", "made") for vector in vectors]
    one, other = (learn_net(rows, vectors, epochs=2).log_odds(vectors) for _ in range(2))
    assert one == pytest.approx(other)


def test_the_mean_of_nets_is_one_net() -> None:
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(300, POOLED)).astype(np.float32)
    rows = [Row("", bool(vector[0] > 0), "", "made") for vector in vectors]
    each = [learn_net(rows, vectors, epochs=2, seed=seed).log_odds(vectors) for seed in range(2)]
    assert not np.allclose(each[0], each[1])
    assert np.allclose(mean_net(rows, vectors, epochs=2).log_odds(vectors), np.mean(each, axis=0), atol=1e-4)


def test_long_texts_are_read_to_the_length_that_the_evaluator_reads() -> None:
    assert np.allclose(vector_of("sea " * 400), vector_of("sea " * 400 + "bomb " * 400))
    assert not np.allclose(vector_of("sea " * 300), vector_of("sea " * 300 + "bomb " * 50))


def test_the_later_rows_can_be_left_out() -> None:
    every, early = written(), written(later=False)
    assert 0 < len(early) < len(every)
    assert LATER
