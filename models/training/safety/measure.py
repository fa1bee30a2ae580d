"""Leave whole sources out: learn from the others, judge these. What is reported is the mean over sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from training.safety.learner import Floats, Learned, bagged
from training.safety.net import mean_net
from training.safety.sources import Row

FOLDS = (
    ("advbench", "koala"),
    ("catqa", "self_instruct"),
    ("do_not_answer", "medquad_questions", "soft_policy"),
    ("figstep_safebench", "cyberseceval_frr"),
    ("strongreject", "persona_prompts", "advice"),
    ("hand_labelled",),
    ("ailuminate_demo", "openai_moderation"),
)
"""Sources that are left out together; each fold has harmful and safe ones."""


def net_left_out(rows: Sequence[Row], vectors: Floats) -> dict[int, float]:
    """As `left_out`, of the net over word vectors alone."""
    found: dict[int, float] = {}
    for fold in FOLDS:
        inside = [number for number, row in enumerate(rows) if row.source in fold]
        outside = [number for number, row in enumerate(rows) if row.source not in fold]
        if inside:
            odds = mean_net([rows[each] for each in outside], vectors[outside]).log_odds(vectors[inside])
            found.update(zip(inside, map(float, odds), strict=True))
    return found


def left_out(
    rows: Sequence[Row], features: Sequence[npt.NDArray[np.int64]], *, dropped: float = 0.5, epochs: int = 4
) -> dict[int, float]:
    """The log odds of each row of a source in `FOLDS`, from weights that were learned without its fold.

    Rows of other sources (written by hand, made by rule) are learned from in every fold.
    """
    found: dict[int, float] = {}
    for fold in FOLDS:
        inside = [number for number, row in enumerate(rows) if row.source in fold]
        outside = [number for number, row in enumerate(rows) if row.source not in fold]
        if not inside:
            continue
        learned: Learned = bagged(
            [rows[each] for each in outside],
            [features[each] for each in outside],
            epochs=epochs,
            dropped=dropped,
            with_categories=False,
        )
        odds: Floats = learned.log_odds([features[each] for each in inside])
        found.update(zip(inside, map(float, odds), strict=True))
    return found


def by_source(
    rows: Sequence[Row], log_odds: dict[int, float], threshold: Callable[[str], float]
) -> dict[tuple[str, bool], tuple[int, int]]:
    """For each source and label: how many rows are above the threshold for that source, and how many there are."""
    counts: dict[tuple[str, bool], tuple[int, int]] = {}
    for number, odds in log_odds.items():
        key = (rows[number].source, rows[number].harmful)
        over, total = counts.get(key, (0, 0))
        counts[key] = over + (odds >= threshold(rows[number].source)), total + 1
    return counts


def mean_rate(counts: dict[tuple[str, bool], tuple[int, int]], harmful: bool) -> float:
    """The mean over sources of the share above the threshold."""
    return float(np.mean([over / total for (_, label), (over, total) in counts.items() if label == harmful]))


def threshold_at(rows: Sequence[Row], log_odds: dict[int, float], refused: float) -> float:
    """The lowest threshold at which the mean over safe sources of what is refused is at most ``refused``."""
    safe: dict[str, list[float]] = {}
    for number, odds in log_odds.items():
        if not rows[number].harmful:
            safe.setdefault(rows[number].source, []).append(odds)
    for threshold in np.arange(-6, 8, 0.05):
        if np.mean([np.mean(np.asarray(odds) >= threshold) for odds in safe.values()]) <= refused:
            return float(threshold)
    return 8.0


def thresholds_elsewhere(rows: Sequence[Row], log_odds: dict[int, float], refused: float) -> Callable[[str], float]:
    """For a source, the threshold of `threshold_at` on the rows of all other folds: what somebody would have fixed who
    had never seen the source."""
    fold_of = {source: number for number, fold in enumerate(FOLDS) for source in fold}
    fixed = [
        threshold_at(rows, {row: odds for row, odds in log_odds.items() if rows[row].source not in fold}, refused)
        for fold in FOLDS
    ]
    return lambda source: fixed[fold_of[source]]
