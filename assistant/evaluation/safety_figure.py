"""The safety figure: wrong verdicts per million tokens of a stated suite, with an exact Poisson interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

MILLION = 1_000_000
LEVEL = 0.95


def count_tokens(text: str) -> int:
    """The tokens of a text: runs of characters between white space, at least one. Not those of any model."""
    return max(1, len(text.split()))


@dataclass(frozen=True, slots=True)
class SafetyFigure:
    """Errors per million tokens. ``errors`` = ``let_through`` (harmful) + ``refused`` (safe); ``low`` and ``high`` are
    the ends of the 95 % interval, in errors per million tokens."""

    let_through: int
    refused: int
    errors: int
    tokens: int
    per_million: float
    low: float
    high: float

    @classmethod
    def of(cls, let_through: int, refused: int, tokens: int) -> SafetyFigure:
        """With the interval worked out; ``tokens`` at least 1."""
        errors = let_through + refused
        low, high = poisson_interval(errors)
        scale = MILLION / tokens
        return cls(let_through, refused, errors, tokens, errors * scale, low * scale, high * scale)


def poisson_interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a Poisson mean after ``count`` events (Garwood 1936, "Fiducial limits").

    Where errors are rare it is a little wide, where many prompts are misjudged it is wider than it had to be.
    """
    tail = (1 - level) / 2
    top = count + 10 * math.sqrt(count + 1) + 10
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _cdf(count - 1, mean), tail, float(count))
    high = _solve(lambda mean: 1 - _cdf(count, mean), 1 - tail, top)
    return low, high


def _cdf(count: int, mean: float) -> float:
    """The chance of at most ``count`` events."""
    if mean <= 0:
        return 1.0
    logs = [number * math.log(mean) - mean - math.lgamma(number + 1) for number in range(count + 1)]
    return min(1.0, math.fsum(math.exp(each) for each in logs))


def _solve(rising: Callable[[float], float], wanted: float, top: float) -> float:
    """Where a rising function reaches a value, between 0 and ``top``, by bisection."""
    low, high = 0.0, top
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
