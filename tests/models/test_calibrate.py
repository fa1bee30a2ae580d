"""Fitting how far answers can be trusted."""

import pytest
import torch

from training.calibrate import fit, threshold


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
