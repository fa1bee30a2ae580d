"""Shares with their intervals, and how far a stated confidence can be trusted. Plain Python, no dependency."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z95 = 1.959964
"""The 97.5 % quantile of the standard normal distribution: for two-sided 95 % intervals."""


def wilson(right: float, n: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, "Probable inference"), in [0, 1].

    Args:
        right: how many of ``n`` were right.
        n: how many were counted; 0 gives (0, 1): nothing is known.
        z: the quantile that sets the level, by default 95 %.
    """
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # At the ends the formula gives 0 and 1, but for the rounding.
    return 0.0 if right <= 0 else middle - half, 1.0 if right >= n else middle + half


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """Expected calibration error over bins of equal width, in [0, 1]; ``None`` where nothing was counted.

    The mean distance of confidence and accuracy, each bin weighted by its answers (Guo et al. 2017, section 2).
    """
    if not confidences:
        return None
    gaps = [0.0] * bins
    for confidence, is_right in zip(confidences, right, strict=True):
        gaps[min(bins - 1, int(confidence * bins))] += confidence - is_right
    return sum(map(abs, gaps)) / len(confidences)


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """How well a score tells two kinds apart: the chance that a positive one scores above a negative one, in [0, 1].

    Equal scores count half (Hanley and McNeil 1982). 0.5 is no better than guessing; ``None`` where one kind is absent.
    """
    pairs = sorted(zip(scores, positive, strict=True))
    n_positive = sum(positive)
    n_negative = len(pairs) - n_positive
    if not n_positive or not n_negative:
        return None
    wins, negatives_below, at = 0.0, 0, 0
    while at < len(pairs):
        end = at
        while end < len(pairs) and pairs[end][0] == pairs[at][0]:
            end += 1
        ties = sum(is_positive for _, is_positive in pairs[at:end])
        wins += ties * (negatives_below + (end - at - ties) / 2)
        negatives_below += end - at - ties
        at = end
    return wins / (n_positive * n_negative)


def surest_right(confidences: Sequence[float], right: Sequence[bool], declined: float = 0.2) -> tuple[float, int]:
    """How many are right among the surest answers, and how many these are, when the least confident share is declined.

    Where equal confidences lie on both sides of the cut, the expected number under a random order of them is taken, so
    the result does not depend on the order of the file.

    Args:
        confidences: one for each answer.
        right: whether it is right.
        declined: the share to decline, in [0, 1]; rounded down to whole answers.
    """
    kept = len(confidences) - math.floor(len(confidences) * declined)
    if not kept:
        return 0.0, 0
    cut = sorted(confidences, reverse=True)[kept - 1]
    pairs = list(zip(confidences, right, strict=True))
    above = [is_right for confidence, is_right in pairs if confidence > cut]
    ties = [is_right for confidence, is_right in pairs if confidence == cut]
    return sum(above) + (kept - len(above)) * sum(ties) / len(ties), kept


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share lies, linear between neighbours; ``None`` without values."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
