"""Learn the weights of the evaluator ``learned``.

Usage, in ``models``:
    python -m training.safety --data FOLDER [--to FILE] [--written SHARE] [--contrasts N] [--framed N] [--epochs N]

FOLDER holds JSON lines (fields text, label, category); a file's name is the source. Prints, with whole sources left
out, what is blocked and refused, by the weighted sum alone and with the net beside it, at a threshold fixed on the same
sources and at one fixed on the other folds, and writes FILE (``plugins/assistant_safety/weights/learned.npz``).
``--written``, ``--contrasts`` and ``--framed`` (pairs) say how much of our own rows is learned from, for the learning
curve.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from assistant_safety.learned import NET_LIMIT
from assistant_safety.vectors import available
from training.safety.contrasts import contrasts
from training.safety.frames import framed
from training.safety.learner import bagged, calibrate, features_of
from training.safety.measure import by_source, left_out, mean_rate, net_left_out, threshold_at, thresholds_elsewhere
from training.safety.net import mean_net, vector_of
from training.safety.sources import Row, read_folder
from training.safety.written import written

WRITTEN_TIMES = 2
"""How often a row written by hand is learned from in a pass, by the weighted sum."""

SHARE = 0.3
"""How much the log odds of the net count beside those of the sum."""

LOWERED = 0.01
"""How far the calibrated log odds are lowered, so that the refusal budget of the tests holds."""

PLAIN = ("advbench", "catqa", "figstep_safebench", "hand_labelled", "strongreject")
"""The sources of plain harmful requests; the others hold many mild questions, or statements."""

PACK_THRESHOLD = 0.72
"""Of the core pack's rules, from which on `learned` decides alone."""


def _some(own: list[Row], share: float) -> list[Row]:
    random.Random(0).shuffle(own)
    return own[: round(share * len(own))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.safety", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--written", type=float, default=1.0)
    parser.add_argument("--contrasts", type=int, default=2000)
    parser.add_argument("--framed", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args()
    if not available():
        parser.error(
            "expected the package wordllama, whose word vectors the net reads; install it: pip install wordllama"
        )
    # The rows of the folder come first in both lists, so that a number means the same row.
    folder, made = read_folder(given.data), [*contrasts(given.contrasts), *framed(given.framed)]
    rows = [*folder, *_some(written(later=False), given.written) * WRITTEN_TIMES, *made]
    of_net = [*folder, *_some(written(), given.written), *made]
    features = [features_of(row.text) for row in rows]
    vectors = np.stack([vector_of(row.text) for row in of_net])
    alone = left_out(rows, features, epochs=given.epochs)
    report(rows, alone, "the sum alone")
    beside = net_left_out(of_net, vectors)
    odds = {
        number: own + SHARE * float(np.clip(beside[number], -NET_LIMIT, NET_LIMIT)) for number, own in alone.items()
    }
    report(rows, odds, "with the net")
    if given.to is None:
        return
    learned = bagged(rows, features, epochs=given.epochs)
    net = mean_net(of_net, vectors)
    slope, offset = _calibrated(rows, odds)
    slope_alone, offset_alone = _calibrated(rows, alone)
    given.to.parent.mkdir(parents=True, exist_ok=True)
    learned.save(
        given.to,
        inner=net.inner.astype(np.float16),
        inner_bias=net.inner_bias,
        outer=net.outer,
        outer_bias=net.outer_bias,
        share=SHARE,
        slope=slope,
        offset=offset - LOWERED,
        slope_alone=slope_alone,
        offset_alone=offset_alone,
    )
    print(f"{given.to}: {len(rows)} and {len(of_net)} rows; slope {slope:.3f}, offset {offset:.3f}")


def _calibrated(rows: Sequence[Row], odds: dict[int, float]) -> tuple[float, float]:
    judged = sorted(odds)
    return calibrate(
        np.array([odds[each] for each in judged], dtype=np.float32),
        np.array([rows[each].harmful for each in judged]),
        np.array([rows[each].weight for each in judged], dtype=np.float32),
    )


def report(rows: Sequence[Row], odds: dict[int, float], what: str) -> None:
    """Print the mean over sources, and each source: at the threshold of the core pack, and where the safe sources are
    refused at most 10 % and 5 %."""
    slope, offset = _calibrated(rows, odds)
    pack = float((np.log(PACK_THRESHOLD / (1 - PACK_THRESHOLD)) - offset) / slope)
    asked: dict[str, Callable[[str], float]] = {"at the threshold of the pack": lambda _: pack}
    for share in (0.10, 0.05):
        fixed = threshold_at(rows, odds, share)
        asked[f"at {share:.0%} refused"] = lambda _, fixed=fixed: fixed
        asked[f"at {share:.0%} refused elsewhere"] = thresholds_elsewhere(rows, odds, share)
    for where, threshold in asked.items():
        counts = by_source(rows, odds, threshold)
        named = {
            f"{source}/{'harmful' if label else 'safe'}": f"{over / total:.1%}"
            for (source, label), (over, total) in counts.items()
        }
        refused, blocked = mean_rate(counts, harmful=False), mean_rate(counts, harmful=True)
        plain = mean_rate({key: count for key, count in counts.items() if key[0] in PLAIN}, harmful=True)
        print(
            f"{what}, {where}: refused {refused:.1%}, blocked {blocked:.1%}, of plain requests {plain:.1%}: "
            f"{json.dumps(named)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
