"""Small files of labelled pictures, and a model that sees nothing but the colour in the middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assistant import ImagePart
from assistant.errors import GenerationError
from assistant.intake import open_image
from assistant.testing import FakeModel, picture

COLOURS: Mapping[tuple[int, int, int], str] = {
    (255, 0, 0): "red",
    (0, 0, 255): "blue",
    (0, 128, 0): "green",
    (128, 128, 128): "nothing",
}
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.binary()),
        ("task", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("label", pa.string()),
        ("qa", pa.list_(pa.struct([("question", pa.string()), ("answer", pa.string()), ("type", pa.string())]))),
        ("meta", pa.string()),
        ("split", pa.string()),
    ]
)
Write = Callable[..., Path]


class Seer(FakeModel):
    """Says the colour in the middle of the picture, in the words of its phrase rule; likes the colour among options.

    Args:
        says: what it says for a colour and a question.
        sure: how sure it is for a colour.
    """

    abstain_below = 0.5

    def __init__(
        self,
        says: Callable[[str, str], str] = lambda colour, _question: colour,
        sure: Callable[[str], float] = lambda _colour: 0.75,
    ) -> None:
        super().__init__()
        self.says, self.sure = says, sure
        self.asked: list[tuple[str, str]] = []
        self.chosen: list[tuple[str, str]] = []

    def colour(self, image: ImagePart) -> str:
        pixels = open_image(image)
        return COLOURS[pixels.getpixel((pixels.width // 2, pixels.height // 2))]  # type: ignore[index]

    def answer_picture(self, image: ImagePart, question: str) -> tuple[str, float]:
        colour = self.colour(image)
        self.asked.append((colour, question))
        if question == "break":
            raise GenerationError("It broke.")
        return self.says(colour, question), self.sure(colour)

    def choose(self, image: ImagePart, question: str, options: Sequence[str]) -> list[tuple[str, float]]:
        colour = self.colour(image)
        self.chosen.append((colour, question))
        said = self.says(colour, question)
        ranked = sorted(options, key=lambda option: (option != said, option))
        return [(option, 2.0 ** -(place + 1)) for place, option in enumerate(ranked)]

    def phrase(self, label: str, task: Literal["label", "naming"]) -> str:
        return label.lower() if task == "naming" else f"a {label.lower()}"


def row(id: str, task: str, colour: str = "red", **values: Any) -> dict[str, Any]:
    """A row with a picture of that colour; ``image`` may replace it."""
    given = {"id": id, "task": task, "image": picture(colour), "texts": [], "qa": [], "split": "train", **values}
    return {name: given.get(name) for name in SCHEMA.names}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows to a Parquet file: ``write([row(...), ...])``."""

    def to_file(rows: Sequence[dict[str, Any]], schema: pa.Schema = SCHEMA, name: str = "some.parquet") -> Path:
        path = tmp_path / name
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
        return path

    return to_file
