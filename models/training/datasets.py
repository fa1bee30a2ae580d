"""Pictures and questions from Parquet files of open data (`open-*`), so that the weights have clean terms.

Each row is either for training, for development (held-out rows, by official split or by a hash of the id), or unknown:
whole classes that training never shows, to see whether the model declines what it cannot know.
"""

import hashlib
import io
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps

from training.questions import Asked
from training.wording import typed, with_article

Part = Literal["train", "dev", "unknown"]
UNKNOWN_CLASSES: Final = frozenset(
    (
        "accordion",
        "anchor",
        "hedgehog",
        "helicopter",
        "kangaroo",
        "minaret",
        "pizza",
        "revolver",
        "scorpion",
        "umbrella",
        "wheelchair",
        "dolphin",
    )
)
"""Classes of caltech101 that training never shows."""
NO_ARTICLE: Final = frozenset(
    (
        "juice",
        "milk",
        "yoghurt",
        "soyghurt",
        "soy milk",
        "sour cream",
        "oatghurt",
        "oat milk",
        "sour milk",
        "satsumas",
        "carrots",
        "garlic",
        "ginger",
        "asparagus",
        "pants",
        "shorts",
        "shoes",
        "outwear",
        "scissors",
    )
)
SHARES: Final = {
    "easyvqa": 5.0,
    "caltech101": 6.0,
    "grocery": 4.0,
    "clothing": 4.0,
    "mnist": 4.0,
    "emoji": 2.0,
    "nlvr": 2.0,
}
"""How often a picture comes from each set, relative to the others."""


@dataclass(frozen=True)
class Row:
    """One picture of a set, still encoded."""

    set: str
    id: str
    image: bytes
    label: str
    qa: tuple[tuple[str, str], ...]


def phrase(label: str) -> str:
    """How an answer names a class: `a butterfly`, `juice`."""
    label = label.lower()
    return label if label in NO_ARTICLE else with_article(label)


def part_of(name: str, row: dict[str, Any]) -> Part:
    """Where a row belongs; see the module's text."""
    if name == "caltech101" and row["label"] in UNKNOWN_CLASSES:
        return "unknown"
    if name == "nlvr" or (name in ("emoji", "grocery", "clothing") and row["split"] != "train"):
        return "train" if row["split"] == "train" else "dev"
    if name in ("grocery", "clothing"):
        return "train"
    tenth = int(hashlib.sha256(str(row["id"]).encode()).hexdigest(), 16) % 10
    return "dev" if tenth == 0 else "train"


def read_set(folder: Path, name: str) -> dict[Part, list[Row]]:
    """All rows of `open-<name>.parquet` in `folder`, by part."""
    parts: dict[Part, list[Row]] = {"train": [], "dev": [], "unknown": []}
    table = pq.read_table(folder / f"open-{name}.parquet")  # pyright: ignore[reportUnknownMemberType]
    for row in cast("list[dict[str, Any]]", table.to_pylist()):
        label = str(row["label"] or "")
        if name == "grocery":
            label = str(json.loads(row["meta"])["coarse"])
        if name == "nlvr":
            qa = ((str(row["texts"][0]), label),)
        elif name == "easyvqa":
            qa = tuple((str(q["question"]), str(q["answer"])) for q in row["qa"])
        else:
            qa = ()
        parts[part_of(name, row)].append(Row(name, str(row["id"]), bytes(row["image"]), label.lower(), qa))
    return parts


_WHAT_IS_IT: Final[dict[str, tuple[str, ...]]] = {
    "any": (
        "what is this?",
        "what is this?",
        "what is this?",
        "what's this?",
        "what is in the picture?",
        "what's in this picture?",
        "what do you see?",
        "what is shown here?",
        "what does the picture show?",
        "describe the image",
        "describe the picture",
        "what is it?",
        "name this",
        "what object is this?",
        "which object is shown?",
        "identify this",
        "what am i looking at?",
        "what can you see?",
        "caption this image",
    ),
    "grocery": (
        "what product is this?",
        "what food is this?",
        "which fruit or vegetable is this?",
        "what am i buying?",
        "what is sold here?",
    ),
    "clothing": (
        "what clothing is this?",
        "what piece of clothing is this?",
        "which garment is this?",
        "what kind of clothes is this?",
        "what is this garment?",
    ),
    "mnist": (
        "what digit is this?",
        "which digit is this?",
        "what number is this?",
        "what digit is shown?",
        "what does it say?",
        "which number do you see?",
        "read the digit",
    ),
    "emoji": (
        "what emoji is this?",
        "which emoji is this?",
        "what does this emoji show?",
        "name this emoji",
        "what symbol is this?",
    ),
    "caltech101": (
        "what kind of thing is this?",
        "what animal or thing is this?",
        "which thing is in the photo?",
        "what is in this photo?",
        "what is in the photo?",
    ),
}


def ask_row(rng: random.Random, row: Row, labels: list[str]) -> Asked:
    """One question about a row's picture; `labels` are the set's class names, for wrong guesses."""
    if row.set == "easyvqa":
        question, answer = rng.choice(row.qa)
        return Asked(typed(rng, question), answer, row.set)
    if row.set == "nlvr":
        statement = row.qa[0][0].rstrip(". ")
        form = rng.choice(("{s}", "{s}.", "true or false: {s}", "is it true that {s}?", "{s}. true or false?"))
        return Asked(form.format(s=statement), row.qa[0][1], row.set)
    if row.set in ("caltech101", "grocery", "clothing", "mnist") and rng.random() < 0.25:
        other = row.label if rng.random() < 0.5 else rng.choice(labels)
        thing = f"the digit {other}" if row.set == "mnist" else phrase(other)
        form = rng.choice(
            (
                "is this {t}?",
                "is it {t}?",
                "does the picture show {t}?",
                "is there {t} in the picture?",
                "do you see {t}?",
            )
        )
        return Asked(typed(rng, form.format(t=thing)), "yes" if other == row.label else "no", f"{row.set} yes/no")
    forms = _WHAT_IS_IT[row.set] if rng.random() < 0.4 else _WHAT_IS_IT["any"]
    answer = row.label if row.set in ("mnist", "emoji") else phrase(row.label)
    return Asked(typed(rng, rng.choice(forms)), answer, row.set)


def open_picture(row: Row) -> Image.Image:
    """The row's picture as RGB, transparent parts on white."""
    picture = Image.open(io.BytesIO(row.image))
    if picture.mode == "RGB":
        return picture
    picture = picture.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def _on_canvas(rng: random.Random, picture: Image.Image, least: float, ground: tuple[int, int, int]) -> Image.Image:
    """The picture at a random size and place of a 128 px canvas."""
    side = rng.randint(int(128 * least), 128)
    canvas = Image.new("RGB", (128, 128), ground)
    canvas.paste(
        picture.resize((side, side), Image.Resampling.BICUBIC), (rng.randint(0, 128 - side), rng.randint(0, 128 - side))
    )
    return canvas


def _vary_digit(rng: random.Random, picture: Image.Image) -> Image.Image:
    ink = (0, 0, 0) if rng.random() < 0.5 else (rng.randint(0, 130), rng.randint(0, 130), rng.randint(0, 130))
    paper = (
        (255, 255, 255) if rng.random() < 0.5 else (rng.randint(190, 255), rng.randint(190, 255), rng.randint(190, 255))
    )
    if rng.random() < 0.5:
        ink, paper = (255, 255, 255), (0, 0, 0)
    return _on_canvas(rng, ImageOps.colorize(picture.convert("L"), paper, ink), 0.3, paper)


def _vary_photo(rng: random.Random, picture: Image.Image) -> Image.Image:
    width, height = picture.size
    zoom_x, zoom_y = rng.uniform(0.72, 1.0), rng.uniform(0.72, 1.0)
    left, top = rng.uniform(0, 1 - zoom_x) * width, rng.uniform(0, 1 - zoom_y) * height
    picture = picture.crop((int(left), int(top), int(left + zoom_x * width), int(top + zoom_y * height)))
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.5:
            picture = enhance(picture).enhance(rng.uniform(0.7, 1.3))
    return picture


def _shuffle_boxes(rng: random.Random, picture: Image.Image) -> Image.Image:
    boxes = [picture.crop((x, 0, x + 100, 100)) for x in (0, 150, 300)]
    rng.shuffle(boxes)
    picture = picture.copy()
    for x, box in zip((0, 150, 300), boxes, strict=True):
        picture.paste(box, (x, 0))
    return picture


def _vary_emoji(rng: random.Random, picture: Image.Image) -> Image.Image:
    return _on_canvas(rng, picture, 0.5, (255, 255, 255))


_VARY: Final[dict[str, Callable[[random.Random, Image.Image], Image.Image]]] = {
    "mnist": _vary_digit,
    "caltech101": _vary_photo,
    "grocery": _vary_photo,
    "clothing": _vary_photo,
    "emoji": _vary_emoji,
    "nlvr": _shuffle_boxes,
}


def varied(rng: random.Random, row: Row) -> Image.Image:
    """The row's picture with harmless changes; photos may be mirrored, digits, flags and arrows never are."""
    vary = _VARY.get(row.set)
    picture = open_picture(row)
    return picture if vary is None else vary(rng, picture)


@dataclass(frozen=True)
class OpenData:
    """The open sets of one part, with the class names of each."""

    rows: dict[str, list[Row]]
    labels: dict[str, list[str]]

    def draw(self, rng: random.Random, shares: Mapping[str, float] | None = None) -> Row:
        """A row, its set drawn by `SHARES`; `shares` replaces some of them."""
        names = [n for n in SHARES if self.rows.get(n)]
        weights = [(shares or {}).get(n, SHARES[n]) for n in names]
        return rng.choice(self.rows[rng.choices(names, weights)[0]])


def read_open_data(folder: Path) -> dict[Part, OpenData]:
    """All sets in `SHARES`, by part."""
    rows: dict[Part, dict[str, list[Row]]] = defaultdict(dict)
    labels: dict[str, list[str]] = {}
    for name in SHARES:
        parts = read_set(folder, name)
        labels[name] = sorted({row.label for row in parts["train"]})
        for part, found in parts.items():
            rows[part][name] = found
    return {part: OpenData(by_set, labels) for part, by_set in rows.items()}
