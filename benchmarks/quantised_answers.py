"""How often 8-bit answers equal the exact ones, and what is lost in score: generated pictures, and held-out rows.

Usage: PYTHONPATH=models python benchmarks/quantised_answers.py [--data FOLDER] [--weights FOLDER] [--n 1000]
Prints a table and a final JSON line. The bar for offering 8 bits: 99 % equal answers, at most 0.5 points lost.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from assistant_vlm import LoadedModel, load
from assistant_vlm.fastest import fastest
from training.datasets import OPEN_SETS, read_data
from training.evaluate import generated_trials, set_trials
from training.scoring import share_right
from training.trials import Trial, answers

EQUAL, LOST = 0.99, 0.005


@dataclass(frozen=True)
class Agreement:
    """What 8 bits change.

    Attributes:
        questions: How many were asked.
        equal: Share of answers that are the same text, in [0, 1].
        exact: Share of right answers without rounding.
        quantised: Share of right answers in 8 bits.
        moved: Mean change of the confidence, without its sign.
    """

    questions: int
    equal: float
    exact: float
    quantised: float
    moved: float

    @property
    def lost(self) -> float:
        """Share of right answers lost; negative where more are right."""
        return self.exact - self.quantised

    @property
    def enough(self) -> bool:
        """Whether it passes the bar."""
        return self.equal >= EQUAL and self.lost <= LOST


def agreement(model: LoadedModel, questions: Sequence[Trial]) -> Agreement:
    """Ask everything twice, with the fast path exact and in 8 bits; later turns build on each path's own answers.

    Args:
        model: The model; it is left with its own stepper and encoder.
        questions: What to ask.
    """
    found = []
    for quantised in (False, True):
        stepper, encoder = fastest(model.network, quantised=quantised)
        model.decode_with(stepper)
        model.encode_with(encoder)
        found.append(answers(model, questions))
    model.decode_with(None)
    model.encode_with(None)
    pairs = list(zip(*found, strict=True))
    return Agreement(
        len(pairs),
        sum(one.text == other.text for one, other in pairs) / max(1, len(pairs)),
        share_right(found[0]),
        share_right(found[1]),
        sum(abs(one.confidence - other.confidence) for one, other in pairs) / max(1, len(pairs)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the Parquet files; without it, generated pictures only")
    parser.add_argument("--sets", nargs="+", default=OPEN_SETS, help="the sets that the weights were trained on")
    parser.add_argument("--weights", type=Path, help="a weights folder; by default the packaged one")
    parser.add_argument("--n", type=int, default=1000, help="generated pictures")
    parser.add_argument("--per-set", type=int, default=200, help="rows of each set")
    parser.add_argument("--seed", type=int, default=7101)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load(given.weights)
    parts = read_data(given.data, given.sets) if given.data else None
    groups = {"generated": generated_trials(given.seed, given.n, model.config.side, parts["dev"] if parts else None)}
    groups |= set_trials(parts, given.seed, given.per_set) if parts else {}
    groups["all"] = [trial for group in groups.values() for trial in group]
    print(f"{'':<32}{'questions':>10}{'equal':>10}{'exact':>10}{'8-bit':>10}{'lost':>10}")
    results = {}
    for name, trials in groups.items():
        one = results[name] = agreement(model, trials)
        shares = "".join(f"{100 * share:>10.2f}" for share in (one.equal, one.exact, one.quantised, one.lost))
        print(f"{name:<32}{one.questions:>10}{shares}", flush=True)
    passed = results["all"].enough
    print(f"8 bits {'pass' if passed else 'do not pass'} the bar")
    print(
        json.dumps(
            {
                "benchmark": "quantised_answers",
                "weights": model.fingerprint,
                "passed": passed,
                "results": {name: vars(one) | {"lost": one.lost} for name, one in results.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
