"""From the rows of a file to what is asked about their pictures, and which answers are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.evaluation.matching import normalise
from assistant.evaluation.rows import Row
from assistant.evaluation.subject import Subject

QUESTION = "what is this?"
EXACT_QUESTION = "what product is this?"
"""Asked for the label of a row that has a wider class too; `QUESTION` then asks for the wider one."""
CAPTION_QUESTION = "describe the picture."

TRUTH = ("true", "false")

Target = Literal["statement", "label", "coarse", "name", "answer"]
"""What is asked for; captions are scored apart."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One question about one row's picture, with its right answer.

    ``place`` is the row's place among the chosen ones; ``expected`` the right answer in the model's words; ``accepted``
    the normalised texts that count as right; ``kind`` the type of the question or the style of the picture.
    """

    place: int
    target: Target
    question: str
    expected: str
    accepted: frozenset[str]
    kind: str


def trials_of(place: int, row: Row, subject: Subject) -> list[Trial]:
    """What is asked about one row; nothing for a row that has captions only."""
    match row.task:
        case "statement":
            truth = row.label.lower()
            return [Trial(place, "statement", row.texts[0], truth, frozenset((truth,)), row.style)]
        case "label":
            exact = EXACT_QUESTION if row.coarse else QUESTION
            trials = [_named(place, "label", exact, row.label, row.style, subject)]
            if row.coarse:
                trials.append(_named(place, "coarse", QUESTION, row.coarse, row.style, subject))
            return trials
        case "naming":
            return [_named(place, "name", QUESTION, row.texts[0], row.style, subject)]
        case "vqa":
            return [
                Trial(place, "answer", each.question, each.answer, frozenset((normalise(each.answer),)), each.kind)
                for each in row.qa
            ]
        case "caption":
            return []


def _named(place: int, target: Target, question: str, label: str, kind: str, subject: Subject) -> Trial:
    phrase = subject.phrase(label, "naming" if target == "name" else "label")
    return Trial(place, target, question, phrase, frozenset((normalise(phrase), normalise(label))), kind)


def options_of(rows: Sequence[Row], subject: Subject) -> dict[Target, tuple[str, ...]]:
    """The answers to choose among for each target that has such a list: every class that occurs in the rows, sorted."""
    labels = {row.label for row in rows if row.task == "label"}
    coarse = {row.coarse for row in rows if row.task == "label" and row.coarse}
    names = {row.texts[0] for row in rows if row.task == "naming"}
    options: dict[Target, tuple[str, ...]] = {
        "statement": TRUTH if any(row.task == "statement" for row in rows) else (),
        "label": tuple(sorted({subject.phrase(each, "label") for each in labels})),
        "coarse": tuple(sorted({subject.phrase(each, "label") for each in coarse})),
        "name": tuple(sorted({subject.phrase(each, "naming") for each in names})),
    }
    return {target: each for target, each in options.items() if each}
