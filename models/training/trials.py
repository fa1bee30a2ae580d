"""What is asked when a model is measured: pictures that training never showed, with questions and right answers.

One half of the held-out rows is for calibration, the other for evaluation; generated pictures differ by seed.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image

from assistant_vlm import LoadedModel
from training.answers import Answered, answer
from training.asking import ask_row
from training.augmenting import open_picture
from training.datasets import ALL_SETS, VisionData, file_of, read_data
from training.noise import no_information
from training.questions import CANNOT_TELL, Asked, ask
from training.scenes import random_scene
from training.sources import Mix, make_example
from training.talk import NEEDS_PICTURE, held_out
from training.wording import typed

UNKNOWN_SETS: Final = ("scenes15",)
"""Sets whose classes no other set has, for a model that was not trained on them."""
CALIBRATION, EVALUATION = 0, 1


@dataclass(frozen=True)
class Trial:
    """A picture, or none, and the questions of one conversation about it."""

    picture: Image.Image | None
    conversation: tuple[Asked, ...]


def answers(model: LoadedModel, trials: Iterable[Trial]) -> list[Answered]:
    """The model's answers, conversation by conversation."""
    return [a for trial in trials for a in answer(model, trial.picture, trial.conversation)]


def blanked(trials: Sequence[Trial]) -> list[Trial]:
    """The same questions about a gray picture: what can be answered without seeing."""
    return [replace(t, picture=t.picture and Image.new("RGB", t.picture.size, (127, 127, 127))) for t in trials]


def swapped(trials: Sequence[Trial]) -> list[Trial]:
    """The same questions, each about the picture of the next trial."""
    pictures = [t.picture for t in trials]
    return [replace(t, picture=other) for t, other in zip(trials, pictures[1:] + pictures[:1], strict=True)]


def half_of(text: str) -> int:
    """`CALIBRATION` or `EVALUATION`, by the text alone."""
    return hashlib.sha256(f"half/{text}".encode()).digest()[0] % 2


def generated(source: str, seed: int, n: int, side: int, data: VisionData | None = None) -> list[Trial]:
    """`n` pictures of a generated source, each with one conversation; `data` for collages."""
    rng = random.Random(f"evaluate/{source}/{seed}")
    examples = [make_example(rng, source, side, Mix(), data) for _ in range(n)]
    return [
        Trial(None if e.pixels is None else Image.fromarray(e.pixels), tuple(next(e.conversations))) for e in examples
    ]


def of_rows(data: VisionData, name: str, seed: int, n: int, half: int | None = EVALUATION) -> list[Trial]:
    """One question for each of up to `n` rows of one half of a set (None: of both); pictures as they are."""
    rng = random.Random(f"rows/{seed}/{name}")
    rows = [row for row in data.rows[name] if half is None or half_of(row.id) == half]
    rng.shuffle(rows)
    return [Trial(open_picture(row), (ask_row(rng, row, data),)) for row in rows[:n]]


def strange_pictures(folder: Path, known: Iterable[str], seed: int, n: int) -> dict[str, list[Trial]]:
    """Up to `n` training rows of each set in `folder` that is none of the `known` ones; nothing is asked."""
    others = [name for name in ALL_SETS if name not in set(known) and file_of(folder, name).exists()]
    found: dict[str, list[Trial]] = {}
    for name in others:
        rows = read_data(folder, [name])["train"].rows[name]
        random.Random(f"strange/{seed}/{name}").shuffle(rows)
        found[name] = [Trial(open_picture(row), ()) for row in rows[:n]]
    return found


def read_unknown(folder: Path, known: Iterable[str]) -> VisionData | None:
    """Training rows of the sets in `UNKNOWN_SETS` that are none of the `known` ones and lie in `folder`, if any."""
    sets = [name for name in UNKNOWN_SETS if name not in set(known) and file_of(folder, name).exists()]
    return read_data(folder, sets)["train"] if sets else None


def of_unknown(data: VisionData, seed: int, n: int, half: int = EVALUATION) -> list[Trial]:
    """`what is this?` on one half of the classes of sets that training never saw: only declining is right."""
    rng = random.Random(f"unknown/{seed}")
    classes = [label for label in data.label_space if half_of(label) == half]
    rows = [row for rows in data.rows.values() for row in rows if f"{row.set}:{row.label}" in classes]
    asked = (Asked("what is this?", CANNOT_TELL, "unknown class"),)
    return [Trial(open_picture(row), asked) for row in rng.sample(rows, min(n, len(rows)))]


def of_noise(seed: int, n: int) -> list[Trial]:
    """Questions about pictures that show nothing."""
    rng = random.Random(f"noise/{seed}")
    asked = [Asked(typed(rng, ask(rng, random_scene(rng)).question), CANNOT_TELL, "noise") for _ in range(n)]
    return [Trial(no_information(rng), (one,)) for one in asked]


def without_picture(seed: int, n: int) -> list[Trial]:
    """Questions about a picture that nobody gave."""
    rng = random.Random(f"no picture/{seed}")
    asked = [Asked(typed(rng, ask(rng, random_scene(rng)).question), NEEDS_PICTURE, "no picture") for _ in range(n)]
    return [Trial(None, (one,)) for one in asked]


def of_talk() -> list[Trial]:
    """Talk in wordings that training never showed."""
    return [Trial(None, (one,)) for one in held_out()]
