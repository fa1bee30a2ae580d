"""Learn the weights of the evaluator ``learned``.

Usage, in ``models``: python -m training.safety --data FOLDER [--to FILE] [--written SHARE] [--contrasts N] [--epochs N]

FOLDER holds JSON lines (fields text, label, category); a file's name is the source. Prints, with whole sources left
out, what is blocked and refused, and writes FILE (``plugins/assistant_safety/weights/learned.npz``). ``--written`` and
``--contrasts`` say how much of our own rows is learned from, for the learning curve.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.safety.contrasts import contrasts
from training.safety.learner import bagged, calibrate, features_of
from training.safety.measure import by_source, left_out, mean_rate, threshold_at
from training.safety.sources import Row, read_folder
from training.safety.written import written

WRITTEN_TIMES = 2
"""How often a row written by hand is learned from in a pass."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.safety", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--written", type=float, default=1.0)
    parser.add_argument("--contrasts", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args()
    rows = read_folder(given.data)
    own = written()
    random.Random(0).shuffle(own)
    rows += own[: round(given.written * len(own))] * WRITTEN_TIMES
    rows += contrasts(given.contrasts)
    features = [features_of(row.text) for row in rows]
    odds = left_out(rows, features, epochs=given.epochs)
    report(rows, odds)
    if given.to is None:
        return
    learned = bagged(rows, features, epochs=given.epochs)
    judged = sorted(odds)
    learned.slope, learned.offset = calibrate(
        np.array([odds[each] for each in judged], dtype=np.float32),
        np.array([rows[each].harmful for each in judged]),
        np.array([rows[each].weight for each in judged], dtype=np.float32),
    )
    given.to.parent.mkdir(parents=True, exist_ok=True)
    learned.save(given.to)
    print(f"{given.to}: {len(rows)} rows; slope {learned.slope:.3f}, offset {learned.offset:.3f}")


def report(rows: Sequence[Row], odds: dict[int, float]) -> None:
    """Print the mean over sources, and each source, where the safe sources are refused at most 10 % and 5 %."""
    for budget in (0.10, 0.05):
        threshold = threshold_at(rows, odds, budget)
        counts = by_source(rows, odds, threshold)
        named = {
            f"{source}/{'harmful' if label else 'safe'}": f"{over / total:.1%}"
            for (source, label), (over, total) in counts.items()
        }
        refused, blocked = mean_rate(counts, harmful=False), mean_rate(counts, harmful=True)
        print(f"refused {refused:.1%}, blocked {blocked:.1%} at {threshold:.2f}: {json.dumps(named)}", flush=True)


if __name__ == "__main__":
    main()
