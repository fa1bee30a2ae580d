"""What gives a rule its eyes: an evaluator looks at a text (and the turn around it) and reports a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from assistant.messages import Turn
from assistant.verdicts import Region, Span


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: ``text`` is the question or the answer, ``part`` says which; spans index into it."""

    turn: Turn
    part: Literal["question", "answer"]
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What an evaluator saw. ``score`` in [0, 1]: how strongly the subject shows what the rule is about."""

    score: float
    spans: tuple[Span, ...] = ()
    regions: tuple[Region, ...] = ()
    detail: str = ""


class Evaluator(Protocol):
    """A named evaluator. Packs refer to it by ``name`` and pass ``options`` as data."""

    name: str

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: the options cannot be used; the message says which one, what was expected and what came.
        """
        ...

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at the subject; ``None`` where there is nothing to report."""
        ...
