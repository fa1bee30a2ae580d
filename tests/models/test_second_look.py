"""The measures by which a critic of our own was judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.safety.second_look import BUCKETS, PIECES, WORDS, Net, area_under_curve, handed_on, hashes_of, head


def test_the_area_is_the_chance_that_a_harmful_text_scores_higher() -> None:
    assert area_under_curve([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]) == 1
    assert area_under_curve([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]) == 0
    assert area_under_curve([0.5, 0.5, 0.5], [0, 1, 1]) == 0.5
    assert area_under_curve([1, 2, 3, 4], [0, 1, 0, 1]) == pytest.approx(3 / 4)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_what_counting_pairs_gives(rows: list[tuple[int, bool]]) -> None:
    over = [score for score, harmful in rows if harmful]
    under = [score for score, harmful in rows if not harmful]
    if over and under:
        pairs = [(a > b) + (a == b) / 2 for a in over for b in under]
        assert area_under_curve(*zip(*rows, strict=True)) == pytest.approx(np.mean(pairs))


def test_a_band_lies_below_the_threshold() -> None:
    odds = np.array([-2.0, -0.4, 0.0, 0.49, 0.5, 3.0])
    assert handed_on(odds, 0.5, 1.0).tolist() == [False, True, True, True, False, False]


def test_a_head_learns_what_can_be_learned() -> None:
    torch.manual_seed(0)
    states = torch.randn(400, 8)
    labels = (states[:, 0] > 0).float()
    inside = torch.arange(400) >= 300
    assert area_under_curve(head(states, labels, inside), labels[inside].numpy()) > 0.95


@pytest.mark.parametrize("text", ["", "?", "How do I bake bread?", "x " * 1000, "ü" * 50])
def test_the_net_reads_any_text(text: str) -> None:
    hashes = torch.from_numpy(hashes_of(text))[None]
    assert hashes.shape == (1, WORDS, PIECES)
    assert int(hashes.max()) < BUCKETS
    assert bool(torch.isfinite(Net().eval()(hashes)).all())
