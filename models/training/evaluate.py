"""Measure packaged weights on questions and rows that training never saw.

`python -m training.evaluate --seed 7001 --n 2000 [--data FOLDER] [--weights FOLDER]` prints a table and then JSON.
"""

import argparse
import hashlib
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import torch

from assistant_vlm import LoadedModel, load
from training.answers import Answered, answer
from training.asking import ask_row
from training.augmenting import open_picture
from training.conversations import conversation
from training.datasets import OPEN_SETS, VisionData, file_of, read_data
from training.noise import no_information
from training.questions import CANNOT_TELL, Asked, ask
from training.scenes import random_scene, render
from training.talk import NEEDS_PICTURE, held_out
from training.wording import typed

UNKNOWN_SETS: Final = ("scenes15",)
"""Sets whose classes no other set has, for a model that was not trained on them."""


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(answers: Iterable[Answered], bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, section 2) over `bins` equal-width bins of confidence, in [0, 1]."""
    groups: dict[int, list[Answered]] = defaultdict(list)
    for a in answers:
        groups[min(bins - 1, int(a.confidence * bins))].append(a)
    total = sum(map(len, groups.values()))
    return sum(abs(sum(a.confidence for a in g) - sum(a.right for a in g)) for g in groups.values()) / max(1, total)


def majority(answers: Iterable[Answered]) -> int:
    """How many would be right with the one most frequent answer."""
    counts = Counter(a.asked.answer for a in answers).most_common(1)
    return counts[0][1] if counts else 0


def on_scenes(model: LoadedModel, seed: int, n: int) -> list[Answered]:
    """`n` questions about scenes of an unseen seed, one conversation for each scene."""
    rng = random.Random(f"evaluate/{seed}")
    answers: list[Answered] = []
    while len(answers) < n:
        scene = random_scene(rng)
        answers += answer(model, render(scene, 256), conversation(rng, scene))
    return answers[:n]


def half_of(text: str) -> int:
    """0 for what calibration may use, 1 for what evaluation may use."""
    return hashlib.sha256(f"half/{text}".encode()).digest()[0] % 2


def on_rows(model: LoadedModel, data: VisionData, name: str, seed: int, n: int, half: int = 1) -> list[Answered]:
    """One question for each of up to `n` held-out rows of one half of a set; pictures as they are."""
    rng = random.Random(f"rows/{seed}/{name}")
    rows = [row for row in data.rows[name] if half_of(row.id) == half]
    rng.shuffle(rows)
    answers: list[Answered] = []
    for row in rows[:n]:
        answers += answer(model, open_picture(row), [ask_row(rng, row, data)])
    return answers


def on_unknown(model: LoadedModel, data: VisionData, seed: int, n: int, half: int = 1) -> list[Answered]:
    """`what is this?` on one half of the classes of sets that training never saw: only declining is right."""
    rng = random.Random(f"unknown/{seed}")
    classes = [label for label in data.label_space if half_of(label) == half]
    rows = [row for rows in data.rows.values() for row in rows if f"{row.set}:{row.label}" in classes]
    rows = rng.sample(rows, min(n, len(rows)))
    return [
        a
        for row in rows
        for a in answer(model, open_picture(row), [Asked("what is this?", CANNOT_TELL, "unknown class")])
    ]


def read_unknown(folder: Path, known: Iterable[str]) -> VisionData | None:
    """Training rows of the sets in `UNKNOWN_SETS` that are none of the `known` ones and lie in `folder`, if any."""
    sets = [name for name in UNKNOWN_SETS if name not in set(known) and file_of(folder, name).exists()]
    return read_data(folder, sets)["train"] if sets else None


def on_noise(model: LoadedModel, seed: int, n: int) -> list[Answered]:
    """Questions about pictures that show nothing."""
    rng = random.Random(f"noise/{seed}")
    answers: list[Answered] = []
    for _ in range(n):
        question = typed(rng, ask(rng, random_scene(rng)).question)
        answers += answer(model, no_information(rng), [Asked(question, CANNOT_TELL, "noise")])
    return answers


def on_no_picture(model: LoadedModel, seed: int, n: int) -> list[Answered]:
    """Questions about a picture that nobody gave."""
    rng = random.Random(f"no picture/{seed}")
    asked = [Asked(typed(rng, ask(rng, random_scene(rng)).question), NEEDS_PICTURE, "no picture") for _ in range(n)]
    return [a for question in asked for a in answer(model, None, [question])]


def on_talk(model: LoadedModel) -> list[Answered]:
    """Talk in wordings that training never showed."""
    return [a for asked in held_out() for a in answer(model, None, [asked])]


def summary(answers: list[Answered], threshold: float) -> dict[str, float | int]:
    """Counts and shares of one group of answers."""
    n, right = len(answers), sum(a.right for a in answers)
    kept = [a for a in answers if a.confidence >= threshold]
    low, high = wilson(right, n)
    return {
        "n": n,
        "right": right / max(1, n),
        "low": low,
        "high": high,
        "majority": majority(answers) / max(1, n),
        "kept right": sum(a.right for a in kept) / max(1, len(kept)),
        "declined": 1 - len(kept) / max(1, n),
        "calibration error": calibration_error(answers),
    }


def by_kind(answers: list[Answered]) -> dict[str, list[Answered]]:
    """Answers grouped by the kind of question."""
    groups: dict[str, list[Answered]] = defaultdict(list)
    for a in answers:
        groups[a.asked.kind].append(a)
    return dict(sorted(groups.items()))


def verdicts(answers: list[Answered]) -> list[bool]:
    """For answers that reason before they say yes or no: whether that last word is right."""
    relations = [a for a in answers if a.asked.kind == "relation"]
    return [a.text.rstrip(".").split(" ")[-1] == a.asked.answer.rstrip(".").split(" ")[-1] for a in relations]


def declines(answers: list[Answered], threshold: float) -> float:
    """Share of answers that say they cannot tell, or that are withheld below `threshold`."""
    return sum(a.text == CANNOT_TELL or a.confidence < threshold for a in answers) / max(1, len(answers))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7001)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--per-set", type=int, default=300)
    parser.add_argument(
        "--data", type=Path, help="folder with the open-*.parquet files; without it, drawn scenes and talk only"
    )
    parser.add_argument("--sets", nargs="+", default=OPEN_SETS, help="the sets that the weights were trained on")
    parser.add_argument("--weights", type=Path, help="a weights folder; by default the packaged one")
    parser.add_argument("--wrong", type=int, default=0, help="also print so many wrong answers")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load(options.weights)
    scenes = on_scenes(model, options.seed, options.n)
    groups: dict[str, list[Answered]] = {
        "all drawn scenes": scenes,
        **{f"  {k}": v for k, v in by_kind(scenes).items()},
    }
    extra: dict[str, Callable[[], list[Answered]]] = {
        "talk, unseen wordings": lambda: on_talk(model),
        "question without picture": lambda: on_no_picture(model, options.seed, 100),
        "noise or blank": lambda: on_noise(model, options.seed, 200),
    }
    groups |= {name: measure() for name, measure in extra.items()}
    if options.data:
        parts = read_data(options.data, options.sets)
        for name in parts["dev"].rows:
            rows = on_rows(model, parts["dev"], name, options.seed, options.per_set)
            groups[f"{name}, held out"] = [a for a in rows if not a.asked.kind.endswith("yes/no")]
            if questions := [a for a in rows if a.asked.kind.endswith("yes/no")]:
                groups[f"{name} yes/no, held out"] = questions
        if unknown := read_unknown(options.data, options.sets):
            groups["unknown classes"] = on_unknown(model, unknown, options.seed, 150)
    results = {name.strip(): summary(found, model.abstain_below) for name, found in groups.items()}
    print("| questions | n | exact % | 95 % interval | majority % | kept right % | declined % | ECE % |")
    print("|---" * 8 + "|")
    for name in groups:
        r = {k: (v if k == "n" else 100 * v) for k, v in results[name.strip()].items()}
        print(
            f"| {name.strip()} | {r['n']} | {r['right']:.1f} | {r['low']:.1f} to {r['high']:.1f} | {r['majority']:.1f} "
            f"| {r['kept right']:.1f} | {r['declined']:.1f} | {r['calibration error']:.1f} |"
        )
    right = verdicts(scenes)
    low, high = wilson(sum(right), len(right))
    share = 100 * sum(right) / max(1, len(right))
    print(f"relation, yes or no alone: {share:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    for name in ("noise or blank", "unknown classes"):
        if name in groups:
            print(f"{name}: declined in words or withheld {100 * declines(groups[name], model.abstain_below):.1f} %")
    for a in [a for a in scenes if not a.right][: options.wrong]:
        print(f"{a.asked.kind} | {a.asked.question} | {a.asked.answer} | {a.text} | {a.confidence:.2f}")
    print(json.dumps({"weights": model.fingerprint, "seed": options.seed, "results": results}))


if __name__ == "__main__":
    main()
