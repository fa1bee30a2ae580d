"""The rows that the safety evaluator learns from by rule, and how thresholds are fixed on other sources."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from training.safety.frames import framed
from training.safety.measure import by_source, mean_rate, threshold_at, thresholds_elsewhere
from training.safety.sources import CATEGORIES, Row


def test_framed_rows_come_in_pairs_of_both_kinds_and_none_twice() -> None:
    rows = list(framed(400))
    assert len(rows) == 800
    assert len({row.text for row in rows}) == 800
    assert all(bad.harmful and not good.harmful for bad, good in zip(rows[::2], rows[1::2], strict=True))
    assert set(Counter(row.category for row in rows[::2])) <= set(CATEGORIES)
    assert not [row.text for row in rows if "{" in row.text or "}" in row.text]


def test_the_first_pairs_are_the_same_however_many_are_asked_for() -> None:
    assert list(islice(framed(400), 100)) == list(framed(50))


def test_tables_that_are_used_up_end_it() -> None:
    rows = list(framed(10**7))
    assert 8000 < len(rows) < 2 * 10**7


def test_a_threshold_is_fixed_without_the_source_that_it_judges() -> None:
    rows, odds = [], {}
    for source, safe in (("koala", 3.0), ("self_instruct", 0.0), ("medquad_questions", 0.0)):
        for number in range(10):
            odds[len(rows)] = safe + number / 10
            rows.append(Row("", False, "", source))
    for source in ("advbench", "catqa"):
        odds[len(rows)] = 2.0
        rows.append(Row("", True, "", source))
    threshold = thresholds_elsewhere(rows, odds, 0.10)
    assert threshold("koala") < threshold("self_instruct")
    assert threshold("advbench") == threshold("koala")
    counts = by_source(rows, odds, threshold)
    assert counts["koala", False] == (10, 10)
    assert counts["advbench", True] == (1, 1)
    assert counts["catqa", True] == (0, 1)
    assert mean_rate(counts, harmful=True) == pytest.approx(0.5)


def test_a_threshold_refuses_no_more_than_it_may() -> None:
    rows = [Row("", False, "", "koala") for _ in range(100)]
    odds = {number: number / 50 for number in range(100)}
    threshold = threshold_at(rows, odds, 0.10)
    assert sum(each >= threshold for each in odds.values()) == pytest.approx(10, abs=3)
    assert sum(each >= threshold for each in odds.values()) <= 10
