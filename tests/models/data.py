"""A tiny data folder with the columns of the real one."""

import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from training.datasets import ALL_SETS, file_of

LABELS = {
    "emoji": ["grinning face", "left arrow", "flag of Italy", "cat"],
    "icons": ["alpha box", "bell off"],
    "caltech101": ["ant", "sea horse"],
    "grocery": ["Granny Smith", "Arla Sour Milk"],
    "clothing": ["hat", "t-shirt"],
    "signdigits": ["3", "4"],
    "mnist": ["7", "8"],
    "tinyimagenet": ["Egyptian cat", "wok"],
    "cifar10": ["airplane", "cat"],
    "pacs": ["dog", "house"],
    "scenes15": ["bedroom", "tall building"],
}
COARSE = {"Granny Smith": "Apple", "Arla Sour Milk": "Sour Milk"}
SPLITS = {"nlvr": "dev", "clothing": "validation", "flickr8k": "dev"}


def _picture(name: str, number: int) -> bytes:
    rng = random.Random(f"{name}/{number}")
    size = (400, 100) if name == "nlvr" else (40, 30)
    mode = {"emoji": "RGBA", "icons": "L", "mnist": "L"}.get(name, "RGB")
    picture = Image.new("RGB", size, tuple(rng.randint(0, 255) for _ in range(3)))
    for x in (0, 150, 300):  # tells left from right, and the boxes apart
        picture.paste(tuple(rng.randint(0, 255) for _ in range(3)), (x + 2, 2, x + 12, 20))
    file = io.BytesIO()
    picture.convert(mode).save(file, "PNG")
    return file.getvalue()


def _row(name: str, number: int) -> dict[str, object]:
    labels = LABELS.get(name)
    label = labels[number % len(labels)] if labels else None
    held_out = number % 4 == 3
    meta: dict[str, object] = {}
    texts: list[str] = []
    qa: list[dict[str, str]] = []
    if name == "grocery":
        meta = {"coarse": COARSE[str(label)]}
    elif name == "pacs":
        meta = {"style": "cartoon"}
    elif name == "nlvr":
        texts, label = ["There is 1 tower with 2 blocks."], "true" if number % 2 else "false"
    elif name == "flickr8k":
        texts = [
            "A dog runs on the LEFT .",
            'A dog runs over the " grass " .',
            "dog .",
            "a " + "very " * 20 + "big dog",
        ]
    elif name in ("easyvqa", "bccd", "vqarad"):
        qa = [
            {"question": "How many?", "answer": "Two", "type": "x"},
            {"question": "Is it?", "answer": "Yes", "type": "x"},
        ]
    elif name == "emoji":
        meta = {"category": "Flags" if "flag" in str(label) else "Animals"}
    identity = f"{'fxemoji' if number % 2 else 'noto'}/{number}" if name == "emoji" else f"{name}/{number}"
    return {
        "id": identity,
        "image": _picture(name, number),
        "texts": texts,
        "label": label,
        "qa": qa,
        "meta": json.dumps(meta) if meta else None,
        "split": SPLITS.get(name, "val") if held_out and name != "emoji" else "train",
    }


def write_data(folder: Path, rows: int = 40) -> Path:
    """Write a file of `rows` rows for every set."""
    for name in ALL_SETS:
        pq.write_table(pa.Table.from_pylist([_row(name, i) for i in range(rows)]), file_of(folder, name))  # pyright: ignore[reportUnknownMemberType]
    return folder
