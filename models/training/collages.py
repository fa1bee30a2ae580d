"""Several pictures of the data sets on one sheet, and questions about what is where.

What is asked about is named as in the answers to `what is this?`; there are no plurals, because class names have
irregular ones: `how many pictures show a wolf?`.
"""

import random
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from assistant_vlm.naming import phrase
from training.asking import DIGIT_SETS
from training.augmenting import Pixels, varied
from training.datasets import Row, VisionData
from training.questions import Asked
from training.wording import joined

COLLAGE_SETS: Final = ("caltech101", "grocery", "clothing", "mnist", "cifar10", "pacs")
"""Sets whose classes are known well enough to be named at a quarter of the sheet."""
LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    "row": ("left", "right"),
    "column": ("top", "bottom"),
    "three": ("top left", "top right", "bottom left", "bottom right"),
    "grid": ("top left", "top right", "bottom left", "bottom right"),
}
"""Places of the pictures of each layout, in reading order; one place of `three` stays empty."""
NEIGHBOURS: Final[dict[str, tuple[str, str]]] = {
    "left of": ("right", "left"),
    "right of": ("left", "right"),
    "above": ("bottom", "top"),
    "below": ("top", "bottom"),
}
"""For `X is left of Y`: the word in the place of Y, and the word in its stead in the place of X."""


@dataclass(frozen=True)
class Collage:
    """What is where: the name of what each place shows, in reading order."""

    names: dict[str, str]


def name_of(row: Row) -> str:
    """What a picture shows, without an article: `butterfly`, `juice`, `digit 7`."""
    return f"digit {row.label}" if row.set in DIGIT_SETS else row.coarse or row.label


def named(name: str) -> str:
    """A name as an answer says it: `a butterfly`, `juice`, `the digit 7`."""
    return f"the {name}" if name.startswith("digit ") else phrase(name)


def random_collage(rng: random.Random, data: VisionData, side: int) -> tuple[Collage, Pixels]:
    """A sheet of two to four pictures, and what they show.

    Raises:
        ValueError: None of the sets in `COLLAGE_SETS` was read.
    """
    sets = [name for name in COLLAGE_SETS if name in data.rows]
    if not sets:
        raise ValueError(f"expected one of the sets {COLLAGE_SETS} for collages, got {sorted(data.rows)}")
    layout = rng.choice(list(LAYOUTS))
    places = list(LAYOUTS[layout])
    if layout == "three":
        places.remove(rng.choice(places))
    rows = [rng.choice(data.rows[rng.choice(sets)]) for _ in places]
    if rng.random() < 0.3:  # one thing twice
        rows[-1] = rows[0]
        rng.shuffle(rows)
    sheet = Image.new("RGB", (side, side), tuple(rng.randint(0, 255) for _ in range(3)))
    half = side // 2
    for place, row in zip(places, rows, strict=True):
        edge = half - rng.randint(0, half // 10)
        tile = Image.fromarray(np.ascontiguousarray(varied(rng, row, edge)))
        sheet.paste(
            tile, (_offset(rng, place, "left", "right", half, edge), _offset(rng, place, "top", "bottom", half, edge))
        )
    names = [name_of(row) for row in rows]
    return Collage(dict(zip(places, names, strict=True))), np.asarray(sheet)


def _offset(rng: random.Random, place: str, near: str, far: str, half: int, edge: int) -> int:
    """Where a tile starts along one axis: in its half, or anywhere where the layout has only one place."""
    if near in place or far in place:
        return (half if far in place else 0) + rng.randint(0, half - edge)
    return rng.randint(0, 2 * half - edge)


def ask_collage(rng: random.Random, collage: Collage, data: VisionData) -> Asked:
    """One question about a collage."""
    asker = rng.choice((_ask_place, _ask_place, _ask_next, _ask_next, _ask_where, _ask_count, _ask_exists, _ask_all))
    return asker(rng, collage, data) or _ask_place(rng, collage, data)


def _some_name(rng: random.Random, collage: Collage, data: VisionData, present: float) -> str:
    if rng.random() < present:
        return rng.choice(list(collage.names.values()))
    return name_of(rng.choice(data.rows[rng.choice([name for name in COLLAGE_SETS if name in data.rows])]))


def _ask_place(rng: random.Random, collage: Collage, data: VisionData) -> Asked:
    place = rng.choice(list(collage.names))
    where = f"at the {place}" if "top" in place or "bottom" in place else f"on the {place}"
    form = rng.choice(("what is {w}?", "what do you see {w}?", "what's {w}?", "which thing is {w}?"))
    answer = named(collage.names[place])
    return Asked(form.format(w=where), answer, "collage place", {"ask": "place", "place": place})


def _ask_next(rng: random.Random, collage: Collage, data: VisionData) -> Asked | None:
    relation = rng.choice(list(NEIGHBOURS))
    place = rng.choice(list(collage.names))
    name = collage.names[place]
    other = _some_name(rng, collage, data, 0.0)
    if other not in collage.names.values() and rng.random() < 0.15:
        name = other
    about = {"ask": "next", "name": name, "relation": relation}
    question = rng.choice(("what is {r} the {n}?", "what's {r} the {n}?", "which thing is {r} the {n}?"))
    question = question.format(r=relation, n=name)
    count = list(collage.names.values()).count(name)
    if count == 0:
        return Asked(question, f"There is no {name}.", "collage next", about)
    word, instead = NEIGHBOURS[relation]
    found = collage.names.get(place.replace(word, instead)) if word in place else None
    if count > 1 or found is None:
        return None
    return Asked(question, named(found), "collage next", about)


def _ask_where(rng: random.Random, collage: Collage, data: VisionData) -> Asked | None:
    name = _some_name(rng, collage, data, 0.88)
    places = [place for place, found in collage.names.items() if found == name]
    if len(places) > 1:
        return None
    answer = places[0] if places else f"There is no {name}."
    return Asked(f"where is the {name}?", answer, "collage where", {"ask": "where", "name": name})


def _ask_count(rng: random.Random, collage: Collage, data: VisionData) -> Asked:
    if rng.random() < 0.3:
        question = rng.choice(("how many pictures are there?", "how many pictures do you see?", "count the pictures"))
        return Asked(question, str(len(collage.names)), "collage count", {"ask": "count", "name": ""})
    name = _some_name(rng, collage, data, 0.75)
    question = rng.choice(("how many pictures show {n}?", "how many times do you see {n}?")).format(n=named(name))
    answer = str(list(collage.names.values()).count(name))
    return Asked(question, answer, "collage count", {"ask": "count", "name": name})


def _ask_exists(rng: random.Random, collage: Collage, data: VisionData) -> Asked:
    name = _some_name(rng, collage, data, 0.5)
    form = rng.choice(("is there {n}?", "do you see {n}?", "does one of the pictures show {n}?"))
    answer = "yes" if name in collage.names.values() else "no"
    return Asked(form.format(n=named(name)), answer, "collage exists", {"ask": "exists", "name": name})


def _ask_all(rng: random.Random, collage: Collage, data: VisionData) -> Asked:
    form = rng.choice(
        ("what do you see?", "what is in the picture?", "describe the picture", "what do the pictures show?")
    )
    return Asked(form, joined([named(n) for n in collage.names.values()]), "collage all", {"ask": "all"})
