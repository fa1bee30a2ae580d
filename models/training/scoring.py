"""Numbers that sum up answers: shares with intervals, floors, calibration, and what declining is worth."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from training.answers import Answered


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_right(answers: Sequence[Answered]) -> float:
    """Share of right answers; 0 of none."""
    return sum(a.right for a in answers) / max(1, len(answers))


def majority(answers: Iterable[Answered]) -> int:
    """How many would be right with the one most frequent answer."""
    counts = Counter(a.asked.answer for a in answers).most_common(1)
    return counts[0][1] if counts else 0


def calibration_error(answers: Iterable[Answered], bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, section 2) over `bins` equal-width bins of confidence, in [0, 1]."""
    groups: dict[int, list[Answered]] = defaultdict(list)
    for a in answers:
        groups[min(bins - 1, int(a.confidence * bins))].append(a)
    total = sum(map(len, groups.values()))
    return sum(abs(sum(a.confidence for a in g) - sum(a.right for a in g)) for g in groups.values()) / max(1, total)


def kept(answers: Sequence[Answered], declined: float) -> list[Answered]:
    """The answers that stay when the share `declined` with the lowest confidence is withheld."""
    ranked = sorted(answers, key=lambda a: a.confidence, reverse=True)
    return ranked[: math.ceil(len(ranked) * (1 - declined))]


def auroc(strange: Sequence[float], familiar: Sequence[float]) -> float:
    """Chance that a strange one scores higher than a familiar one, ties counted half (Mann and Whitney 1947).

    0.5 when one of them is empty.
    """
    if not strange or not familiar:
        return 0.5
    ranked = sorted([(v, 1) for v in strange] + [(v, 0) for v in familiar])
    ranks: dict[float, list[int]] = defaultdict(list)
    for rank, (value, _) in enumerate(ranked, 1):
        ranks[value].append(rank)
    total = sum(sum(ranks[v]) / len(ranks[v]) for v in strange)
    return (total - len(strange) * (len(strange) + 1) / 2) / (len(strange) * len(familiar))
