"""The pictures that ship with the program, each with questions to try.

`python -m training.examples --to FOLDER` draws them and chooses the questions; each comes with the answer that the
weights of that day gave, which is right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: its file in this folder, what it shows, and what one could ask."""

    file: str
    alt: str
    questions: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the picture is."""
        return Path(str(files(__name__) / self.file))


@cache
def read_examples() -> tuple[Example, ...]:
    """The pictures, in the order of ``examples.json``."""
    listed = json.loads((files(__name__) / "examples.json").read_text(encoding="utf-8"))
    return tuple(
        Example(each["file"], each["alt"], tuple(asked["question"] for asked in each["questions"])) for each in listed
    )
