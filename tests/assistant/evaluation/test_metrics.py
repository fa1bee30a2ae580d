"""Shares and confidence, against values worked out by hand and against plain references."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.metrics import auroc, calibration_error, quantile, surest_right, wilson

EXACT = 1e-12  # float64: a handful of operations on numbers near 1

answers = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


def test_wilson_of_a_published_example():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: 81 of 263, score method.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_wilson_knows_nothing_of_nothing_and_stays_inside_at_the_ends():
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(0, 20)
    assert low == 0.0
    assert high == pytest.approx(0.1611, abs=5e-5)  # Newcombe 1998, table I: 0 of 20
    low, high = wilson(20, 20)
    assert (low, high) == (pytest.approx(1 - 0.1611, abs=5e-5), 1.0)


@given(st.integers(1, 400), st.data())
def test_wilson_ends_are_where_the_score_test_just_rejects(n: int, data: st.DataObject):
    right = data.draw(st.integers(0, n))
    for end in wilson(right, n):
        if 0 < end < 1:
            distance = abs(right / n - end) / math.sqrt(end * (1 - end) / n)
            assert distance == pytest.approx(1.959964, rel=1e-6)


def test_calibration_error_by_hand():
    # Bin 0.9 to 1.0: confidences 0.95 and 1.0, one right: |1.95 - 1|; bin 0.2 to 0.3: 0.25, right: |0.25 - 1|.
    error = calibration_error([0.95, 1.0, 0.25], [True, False, True])
    assert error == pytest.approx((0.95 + 0.75) / 3, abs=EXACT)
    assert calibration_error([], []) is None


@given(answers)
def test_calibration_error_is_the_weighted_gap_of_its_bins(pairs: list[tuple[float, bool]]):
    expected = 0.0
    for number in range(10):
        inside = [pair for pair in pairs if min(9, int(pair[0] * 10)) == number]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(each for each, _ in inside) / len(inside)
            expected += len(inside) / len(pairs) * abs(accuracy - confidence)
    assert calibration_error(*zip(*pairs, strict=True)) == pytest.approx(expected, abs=1e-9)


@given(answers)
def test_auroc_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]):
    positive = [score for score, right in pairs if right]
    negative = [score for score, right in pairs if not right]
    found = auroc([score for score, _ in pairs], [right for _, right in pairs])
    if not positive or not negative:
        assert found is None
    else:
        wins = sum((p > q) + (p == q) / 2 for p in positive for q in negative)
        assert found == pytest.approx(wins / (len(positive) * len(negative)), abs=1e-9)


def test_the_surest_four_fifths():
    confidences = [0.9, 0.8, 0.7, 0.6, 0.1]
    assert surest_right(confidences, [True, True, False, True, True]) == (3, 4)
    assert surest_right([], []) == (0.0, 0)
    assert surest_right([0.5], [True]) == (1, 1)  # a fifth of one answer is none


@given(answers, st.randoms())
def test_equal_confidences_are_not_declined_by_their_order(pairs: list[tuple[float, bool]], random: Random):
    before = surest_right(*zip(*pairs, strict=True))
    random.shuffle(pairs)
    right, kept = surest_right(*zip(*pairs, strict=True))
    assert (right, kept) == (pytest.approx(before[0], abs=1e-9), before[1])
    assert kept == len(pairs) - len(pairs) // 5


def test_ties_at_the_cut_count_by_their_share():
    # 5 answers, 4 kept, all equally sure, 1 right: 4 x 1/5.
    assert surest_right([0.5] * 5, [True, False, False, False, False]) == (pytest.approx(0.8, abs=EXACT), 4)


def test_quantile():
    assert quantile([], 0.5) is None
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0], 0.95) == pytest.approx(2.9, abs=EXACT)
    assert quantile([7.0], 0.95) == 7.0
