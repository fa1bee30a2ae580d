"""Read pictures with their labels, questions or captions from Parquet files.

`open-*` files have terms that allow use and change; `research-*` files do not, and only the recipe `photos` reads them.

Each row belongs to one part:

* `train`;
* `dev`, held out for choosing between models: the official held-out rows where a set has them (all of them for NLVR),
  a tenth by a hash of the id where it has none;
* `style`, for emoji: names whose second drawing is held out, so that a name is known from one drawing style and has
  to be found again in another.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, cast

import pyarrow.parquet as pq

from assistant_vlm.naming import clean
from training.captions import kept_captions

Part = Literal["train", "dev", "style"]
OPEN_SETS: Final = (
    "easyvqa", "nlvr", "emoji", "icons", "caltech101", "grocery", "clothing", "signdigits", "mnist", "bccd", "vqarad",
)  # fmt: skip
RESEARCH_SETS: Final = ("flickr8k", "tinyimagenet", "cifar10", "pacs", "scenes15")
ALL_SETS: Final = OPEN_SETS + RESEARCH_SETS
SECOND_STYLE: Final = "fxemoji/"
"""Prefix of the ids of emoji in the second drawing style; each of their names has a first drawing too."""

_OFFICIAL: Final = frozenset(("nlvr", "emoji", "icons", "grocery", "clothing", "signdigits", "bccd", "flickr8k"))
_HELD_OUT_SPLITS: Final = frozenset(("val", "dev", "validation"))
_NEVER_MIRRORED: Final = frozenset(("easyvqa", "nlvr", "icons", "signdigits", "mnist", "vqarad"))
_ONE_SIDED: Final = frozenset(
    (
        "left", "right", "arrow", "arrows", "button", "keycap", "clock", "flag", "letter", "clockwise",
        "counterclockwise", "o’clock", "thirty",
    )
)  # fmt: skip
_ONE_SIDED_CATEGORIES: Final = frozenset(("Symbols", "Flags"))


@dataclass(frozen=True)
class Row:
    """One picture of a set, still encoded.

    Attributes:
        set: A name in `ALL_SETS`.
        id: Unique over all sets.
        image: The encoded picture.
        label: Its class or name in words; empty where there is none.
        coarse: A wider class, for groceries only.
        qa: Questions and answers that come with it; for NLVR the statement and `true` or `false`.
        captions: Sentences about it.
        mirrors: Whether everything said about it stays true when left and right are exchanged.
    """

    set: str
    id: str
    image: bytes
    label: str = ""
    coarse: str = ""
    qa: tuple[tuple[str, str], ...] = ()
    captions: tuple[str, ...] = ()
    mirrors: bool = False


def share_of(text: str) -> float:
    """A number in [0, 1) that depends on `text` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def part_of(name: str, row: dict[str, Any]) -> Part:
    """Where a row belongs; see the module's text."""
    if name in _OFFICIAL:
        if row["split"] in _HELD_OUT_SPLITS:
            return "dev"
        second = str(row["id"]).startswith(SECOND_STYLE)
        return "style" if second and share_of(f"style/{row['label']}") < 0.25 else "train"
    return "dev" if share_of(f"dev/{row['id']}") < 0.1 else "train"


def _row(name: str, raw: dict[str, Any]) -> Row:
    meta = cast("dict[str, Any]", json.loads(raw["meta"] or "{}"))
    label = clean(str(raw["label"] or ""))
    qa = tuple((str(q["question"]), clean(str(q["answer"]))) for q in raw["qa"])
    if name == "nlvr":
        label, qa = "", ((str(raw["texts"][0]), label),)
    if "style" in meta:
        qa = (("which style is the picture in?", str(meta["style"])),)
    one_sided = bool(_ONE_SIDED & set(label.replace(":", " ").replace("-", " ").split()))
    return Row(
        name,
        str(raw["id"]),
        bytes(raw["image"]),
        label,
        coarse=clean(str(meta.get("coarse", ""))),
        qa=qa,
        captions=kept_captions(raw["texts"]) if name == "flickr8k" else (),
        mirrors=name not in _NEVER_MIRRORED and not one_sided and meta.get("category") not in _ONE_SIDED_CATEGORIES,
    )


def read_set(file: Path, name: str) -> dict[Part, list[Row]]:
    """All rows of the Parquet file of the set `name` that something can be asked about, by part."""
    parts: dict[Part, list[Row]] = {"train": [], "dev": [], "style": []}
    columns = ["id", "image", "texts", "label", "qa", "meta", "split"]
    table = pq.read_table(file, columns=columns)  # pyright: ignore[reportUnknownMemberType]
    for raw in cast("list[dict[str, Any]]", table.to_pylist()):
        row = _row(name, raw)
        if row.label or row.qa or row.captions:
            parts[part_of(name, raw)].append(row)
    return parts


@dataclass(frozen=True)
class VisionData:
    """The rows of one part, and what all parts share: names and label space are those of the training rows.

    Attributes:
        rows: Rows by set.
        labels: Class names of each set, sorted.
        coarse: The wider class names, for groceries only.
    """

    rows: dict[str, list[Row]]
    labels: dict[str, list[str]]
    coarse: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @cached_property
    def label_space(self) -> tuple[str, ...]:
        """`set:label` of every class or name of the training rows, sorted."""
        return tuple(sorted(f"{name}:{label}" for name, labels in self.labels.items() for label in labels))

    @cached_property
    def _label_index(self) -> dict[str, int]:
        return {label: i for i, label in enumerate(self.label_space)}

    def label_index(self, row: Row) -> int:
        """Index of the row's label in `label_space`; -1 where it has none."""
        return self._label_index.get(f"{row.set}:{row.label}", -1)


def file_of(folder: Path, name: str) -> Path:
    """Where the set `name` lies in the data folder."""
    return folder / f"{'research' if name in RESEARCH_SETS else 'open'}-{name}.parquet"


def read_data(folder: Path, sets: Iterable[str] = OPEN_SETS) -> dict[Part, VisionData]:
    """The `sets` by part; all parts share the names of classes."""
    rows: dict[Part, dict[str, list[Row]]] = {"train": {}, "dev": {}, "style": {}}
    labels: dict[str, list[str]] = {}
    coarse: dict[str, list[str]] = {}
    for name in sets:
        parts = read_set(file_of(folder, name), name)
        labels[name] = sorted({row.label for row in parts["train"]} - {""})
        coarse[name] = sorted({row.coarse for row in parts["train"]} - {""})
        for part, found in parts.items():
            if found:
                rows[part][name] = found
    return {part: VisionData(by_set, labels, coarse) for part, by_set in rows.items()}
