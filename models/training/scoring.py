"""Numbers that sum up answers: shares with intervals, floors, calibration, and what declining is worth."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from assistant.evaluation import metrics
from training.answers import Answered


def share_right(answers: Sequence[Answered]) -> float:
    """Share of right answers; 0 of none."""
    return sum(a.right for a in answers) / max(1, len(answers))


def majority(answers: Iterable[Answered]) -> int:
    """How many would be right with the one most frequent answer."""
    counts = Counter(a.asked.answer for a in answers).most_common(1)
    return counts[0][1] if counts else 0


def calibration_error(answers: Sequence[Answered]) -> float:
    """Expected calibration error in [0, 1] (`metrics.calibration_error`); 0 of none."""
    return metrics.calibration_error([a.confidence for a in answers], [a.right for a in answers]) or 0.0


def kept(answers: Sequence[Answered], declined: float) -> list[Answered]:
    """The answers that stay when the share `declined` with the lowest confidence is withheld."""
    ranked = sorted(answers, key=lambda a: a.confidence, reverse=True)
    return ranked[: math.ceil(len(ranked) * (1 - declined))]


def strangeness_auroc(strange: Sequence[float], familiar: Sequence[float]) -> float:
    """Chance that a strange one scores higher than a familiar one (`metrics.auroc`); 0.5 when one of them is empty."""
    found = metrics.auroc([*strange, *familiar], [True] * len(strange) + [False] * len(familiar))
    return 0.5 if found is None else found
