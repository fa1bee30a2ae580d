"""Fitting how far answers can be trusted."""

import pytest
import torch

from assistant_vlm.confidence import is_rising, on_curve
from training.calibrate import curve, fit, threshold


def test_a_logistic_model_recovers_its_weights() -> None:
    torch.manual_seed(0)
    x = torch.cat((torch.ones(4000, 1), torch.randn(4000, 1)), dim=1)
    right = torch.rand(4000) < (x @ torch.tensor([0.5, 2.0])).sigmoid()
    found = fit([(float(a), float(b)) for a, b in x], [bool(r) for r in right])
    assert found == pytest.approx((0.5, 2.0), abs=0.25)  # four standard errors of 4,000 draws


def test_the_threshold_keeps_what_is_right_and_not_too_little() -> None:
    confidence = torch.tensor([0.1] * 20 + [0.5] * 30 + [0.95] * 50)
    right = torch.tensor([False] * 20 + [True] * 15 + [False] * 15 + [True] * 50)
    assert 0.5 < threshold(confidence, right, 0.9, 0.6) <= 0.95
    assert 0.1 < threshold(confidence, right, 0.9, 0.3) <= 0.5
    assert threshold(confidence, right, 0.5, 0.6) == 0


def test_the_curve_says_how_many_are_right_and_never_falls() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(6000, generator=generator)
    # right in a way that no logistic model has: level, then steep, then level
    truth = (0.2 + 0.7 * (scores * 4).sigmoid()).tolist()
    right = [bool(r) for r in torch.rand(6000, generator=generator) < torch.tensor(truth)]
    found = curve(scores.tolist(), right, least=100)
    assert is_rising(found)
    for at in (-1.0, -0.1, 0.1, 1.0):
        wanted = 0.2 + 0.7 * float(torch.tensor(at * 4).sigmoid())
        assert on_curve(found, at) == pytest.approx(wanted, abs=0.12)  # runs of 100 answers: two standard errors


def test_few_answers_or_equal_scores_still_make_a_curve() -> None:
    assert curve([0.3], [True]) == ((0.3, 0.75),)
    level = curve([1.0] * 40, [False] * 20 + [True] * 20, least=10)
    assert [height for _, height in level] == [0.5]
    assert is_rising(curve([0.0] * 60 + [1.0] * 60, [False] * 60 + [True] * 60))


def test_the_curve_is_a_straight_line_between_points_and_level_outside() -> None:
    points = ((-1.0, 0.1), (1.0, 0.5), (3.0, 0.9))
    assert [on_curve(points, x) for x in (-9, -1, 0, 2, 3, 9)] == pytest.approx([0.1, 0.1, 0.3, 0.7, 0.9, 0.9])
