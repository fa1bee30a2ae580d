"""Measure packaged weights on questions and rows that training never saw.

`python -m training.evaluate --seed 7001 --n 2000 [--data FOLDER] [--weights FOLDER]` prints a table and then JSON. Two
floors stand beside each share of right answers: the same questions about a blank picture, and about another one.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import torch

from assistant.evaluation.metrics import wilson
from assistant_vlm import LoadedModel, load
from training.answers import Answered
from training.datasets import OPEN_SETS, Part, VisionData, read_data
from training.questions import CANNOT_TELL
from training.scoring import calibration_error, kept, majority, share_right, strangeness_auroc
from training.trials import (
    EVALUATION,
    Trial,
    answers,
    blanked,
    generated,
    of_noise,
    of_rows,
    of_talk,
    of_unknown,
    read_unknown,
    strange_pictures,
    swapped,
    without_picture,
)

DECLINED: Final = 0.2
"""Share of answers withheld where the table says what the rest is worth."""
GENERATED_SHARES: Final = {"scenes": 0.7, "charts": 0.12, "boxes": 0.12, "collage": 0.06}
"""How the `--n` generated pictures are shared out."""


def by_kind(found: Sequence[Answered]) -> dict[str, list[Answered]]:
    """Answers grouped by the kind of question."""
    groups: dict[str, list[Answered]] = defaultdict(list)
    for a in found:
        groups[a.asked.kind].append(a)
    return dict(sorted(groups.items()))


def summary(found: Sequence[Answered], threshold: float) -> dict[str, float | int]:
    """Counts and shares of one group of answers; `threshold` is the confidence below which answers are withheld."""
    n, right = len(found), sum(a.right for a in found)
    low, high = wilson(right, n)
    return {
        "n": n,
        "right": right / max(1, n),
        "low": low,
        "high": high,
        "majority": majority(found) / max(1, n),
        "right without the least sure fifth": share_right(kept(found, DECLINED)),
        "withheld": sum(a.confidence < threshold for a in found) / max(1, n),
        "calibration error": calibration_error(found),
    }


def on_floors(model: LoadedModel, trials: Sequence[Trial]) -> dict[str, list[Answered]]:
    """Answers to the same questions about pictures that cannot help."""
    return {"blank": answers(model, blanked(trials)), "swapped": answers(model, swapped(trials))}


def summaries(
    group: str, found: Sequence[Answered], floors: dict[str, list[Answered]], threshold: float
) -> dict[str, dict[str, float | int]]:
    """The summary of a group with its floors, and of each kind of question where it has several."""
    whole = {group: summary(found, threshold) | {name: share_right(floor) for name, floor in floors.items()}}
    kinds = by_kind(found)
    if len(kinds) == 1:
        return whole
    floor_kinds = {name: by_kind(floor) for name, floor in floors.items()}
    return whole | {
        f"{group}: {kind}": summary(answered, threshold)
        | {name: share_right(floor.get(kind, [])) for name, floor in floor_kinds.items()}
        for kind, answered in kinds.items()
    }


def declines(found: Sequence[Answered], threshold: float) -> float:
    """Share of answers that say they cannot tell, or that are withheld below `threshold`."""
    return sum(a.text == CANNOT_TELL or a.confidence < threshold for a in found) / max(1, len(found))


def unfamiliarity(model: LoadedModel, trials: Sequence[Trial]) -> list[float]:
    """How strange the model finds each picture, higher for stranger."""
    measure = cast("Callable[[object], float]", getattr(model, "unfamiliarity"))  # noqa: B009
    return [measure(model.encode_image(t.picture)) for t in trials if t.picture is not None]


def generated_trials(seed: int, n: int, side: int, dev: VisionData | None) -> list[Trial]:
    """About `n` generated pictures of all sources; collages only with data."""
    return [
        trial
        for source, share in GENERATED_SHARES.items()
        if source != "collage" or dev is not None
        for trial in generated(source, seed, round(share * n), side, dev)
    ]


def set_trials(parts: dict[Part, VisionData], seed: int, n: int) -> dict[str, list[Trial]]:
    """Held-out rows of each set, by the name of the group."""
    groups = {f"{name}, held out": of_rows(parts["dev"], name, seed, n) for name in parts["dev"].rows}
    styles = {f"{name}, new style": of_rows(parts["style"], name, seed, n, half=None) for name in parts["style"].rows}
    return groups | styles


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7001)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--per-set", type=int, default=300, help="questions about each set, and about noise")
    parser.add_argument("--data", type=Path, help="folder with the Parquet files; without it, generated pictures only")
    parser.add_argument("--sets", nargs="+", default=OPEN_SETS, help="the sets that the weights were trained on")
    parser.add_argument("--weights", type=Path, help="a weights folder; by default the packaged one")
    parser.add_argument("--no-floors", action="store_true", help="leave out the blank and the other picture")
    parser.add_argument("--wrong", type=int, default=0, help="also print so many wrong answers")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load(options.weights)
    parts = read_data(options.data, options.sets) if options.data else None
    trials = {
        "all generated": generated_trials(options.seed, options.n, model.config.side, parts["dev"] if parts else None)
    }
    trials |= set_trials(parts, options.seed, options.per_set) if parts else {}
    without = {
        "talk, unseen wordings": of_talk(),
        "question without picture": without_picture(options.seed, options.per_set // 2),
        "noise or blank": of_noise(options.seed, options.per_set),
    }
    unknown = read_unknown(options.data, options.sets) if options.data else None
    if unknown is not None:
        without["unknown classes"] = of_unknown(unknown, options.seed, options.per_set, EVALUATION)
    results: dict[str, dict[str, float | int]] = {}
    found: dict[str, list[Answered]] = {}
    for group, asked in (trials | without).items():
        found[group] = answers(model, asked)
        floors = {} if options.no_floors or group in without else on_floors(model, asked)
        results |= summaries(group, found[group], floors, model.abstain_below)
        print(f"{group}: {100 * share_right(found[group]):.1f} %", file=sys.stderr, flush=True)
    print_table(results)
    for group in ("noise or blank", "unknown classes"):
        if group in found:
            print(f"{group}: declined in words or withheld {100 * declines(found[group], model.abstain_below):.1f} %")
    if getattr(model, "familiarity", None) is not None:
        familiar = unfamiliarity(model, [t for group in trials.values() for t in group])
        strange = {"noise or blank": without["noise or blank"]}
        if options.data:
            strange |= strange_pictures(options.data, options.sets, options.seed, options.per_set)
        for group, those in strange.items():
            print(f"{group}: AUROC {strangeness_auroc(unfamiliarity(model, those), familiar):.3f}")
    for a in [a for group in found.values() for a in group if not a.right][: options.wrong]:
        print(f"{a.asked.kind} | {a.asked.question} | {a.asked.answer} | {a.text} | {a.confidence:.2f}")
    print(json.dumps({"weights": model.fingerprint, "seed": options.seed, "results": results}))


def print_table(results: dict[str, dict[str, float | int]]) -> None:
    """A Markdown table of summaries; floors that were not measured are left empty."""
    print(
        "| questions | n | exact % | 95 % interval | majority % | blank % | other picture % "
        f"| exact % without the least sure {DECLINED:.0%} | withheld % | ECE % |"
    )
    print("|---" * 10 + "|")
    for name, result in results.items():
        r = {k: v if k == "n" else f"{100 * v:.1f}" for k, v in result.items()}
        print(
            f"| {name} | {r['n']} | {r['right']} | {r['low']} to {r['high']} | {r['majority']} | {r.get('blank', '')} "
            f"| {r.get('swapped', '')} | {r['right without the least sure fifth']} | {r['withheld']} "
            f"| {r['calibration error']} |"
        )


if __name__ == "__main__":
    main()
