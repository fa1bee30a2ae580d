"""What gives a rule its eyes: an evaluator looks at a text (and the turn around it) and reports a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from assistant.messages import Turn
from assistant.verdicts import Region, Span

Cost = Literal["light", "heavy"]
"""``light``: always run, and well under a millisecond. ``heavy``: runs a model, and only for a second look."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: ``text`` is the question or the answer, ``part`` says which; spans index into it.

    Of an answer, ``shown`` characters have been seen by the person; ``whole`` is false while it is being written.
    ``quoted``: the text was read in a picture and is only to be read out, so nobody says it to the assistant.
    """

    turn: Turn
    part: Literal["question", "answer"]
    text: str
    shown: int = 0
    whole: bool = True
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What an evaluator saw. ``score`` in [0, 1]: how strongly the subject shows what the rule is about."""

    score: float
    spans: tuple[Span, ...] = ()
    regions: tuple[Region, ...] = ()
    detail: str = ""


class Evaluator(Protocol):
    """A named evaluator. Packs refer to it by ``name`` and pass ``options`` as data; ``cost`` says when it is run."""

    name: str
    cost: Cost

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: the options cannot be used; the message says which one, what was expected and what came.
        """
        ...

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at the subject; ``None`` where there is nothing to report."""
        ...


@runtime_checkable
class Inspectable(Protocol):
    """What an evaluator may offer besides: with it, the linter of packs finds rules that can never hold, and texts for
    which two rules hold."""

    def highest_score(self, options: Mapping[str, Any]) -> float:
        """The highest score that any text can get; 0 where none gets one."""
        ...

    def signs(self, options: Mapping[str, Any]) -> frozenset[str]:
        """Words out of `words`, of which a text must hold one to get a score."""
        ...

    def words(self, text: str) -> frozenset[str]:
        """The words of a text, as this evaluator reads it."""
        ...

    def terms(self, options: Mapping[str, Any]) -> frozenset[str]:
        """The words and phrases that the options themselves name as signs."""
        ...

    def examples(self, options: Mapping[str, Any], near: frozenset[str]) -> Sequence[str]:
        """Short texts that get a score, with terms out of ``near`` where that can be."""
        ...


def accept_evaluators(value: Any) -> Sequence[Evaluator]:
    """What the hook ``register_evaluators`` may return, as a sequence.

    Raises:
        TypeError: something in it is no evaluator; the message says what is missing.
    """
    found = list(value or ())
    for each in found:
        what = f"the evaluator {getattr(each, 'name', type(each).__name__)!r}"
        for attribute in ("name", "check_options", "evaluate"):
            if not hasattr(each, attribute):
                raise TypeError(f"{what} has no `{attribute}`")
        if getattr(each, "cost", None) not in get_args(Cost):
            raise TypeError(
                f'{what} must declare `cost`: "light" where it always runs and takes well under a millisecond, "heavy" '
                f"where it runs a model; got {getattr(each, 'cost', None)!r}"
            )
    return cast(Sequence[Evaluator], found)
