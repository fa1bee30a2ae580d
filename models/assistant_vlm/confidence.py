"""How likely an answer is right, learned from held-out answers that were marked right or wrong.

A logistic model over the probabilities the decoder gave to its own tokens (Platt 1999, with more than one feature),
and a rising curve from its score to the share of answers that were right (Zadrozny and Elkan 2002, "Transforming
Classifier Scores into Accurate Multiclass Probability Estimates", section 3: isotonic regression; here with straight
lines between the steps). Both are fitted by `training.calibrate` and stored in `config.json`.
"""

import math
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from assistant_vlm.generation import Step

FEATURES: Final = ("one", "mean logprob", "least logprob", "first logprob", "total logprob", "log of tokens")
_WORST: Final = -12.0


def features(logprobs: Sequence[float]) -> tuple[float, ...]:
    """The features named in `FEATURES`; log-probabilities are cut at a floor: one token must not drown the rest."""
    cut = [max(_WORST, value) for value in logprobs]
    total = sum(cut)
    return 1.0, total / len(cut), min(cut), cut[0], max(_WORST, total), math.log(len(cut))


def score(logprobs: Sequence[float], weights: Sequence[float]) -> float:
    """The logistic model's score: 0 is even odds, higher is surer."""
    return sum(w * f for w, f in zip(weights, features(logprobs), strict=True))


def on_curve(curve: Sequence[tuple[float, float]], at: float) -> float:
    """The curve's height at a score: a straight line between two points, level before the first and after the last.

    Args:
        curve: Points (score, height), at least one, sorted by the score.
        at: The score.
    """
    after = bisect([x for x, _ in curve], at)
    if after in (0, len(curve)):
        return curve[max(0, after - 1)][1]
    (left, low), (right, high) = curve[after - 1], curve[after]
    return low + (high - low) * (at - left) / (right - left)


def is_rising(curve: Sequence[tuple[float, float]]) -> bool:
    """Whether scores rise strictly, and heights, in [0, 1], never fall."""
    return all(0 <= y <= 1 for _, y in curve) and all(a < b and low <= high for (a, low), (b, high) in pairwise(curve))


def probability(steps: Sequence[Step], weights: Sequence[float], curve: Sequence[tuple[float, float]] = ()) -> float:
    """Calibrated probability in [0, 1] that the answer is right; 0 for no answer.

    Args:
        steps: The answer.
        weights: One for each of `FEATURES`.
        curve: Points (score, probability); without it, the logistic model's own probability.
    """
    if not steps:
        return 0.0
    found = score([s.logprob for s in steps], weights)
    return on_curve(curve, found) if curve else 1 / (1 + math.exp(-max(-60.0, min(60.0, found))))
