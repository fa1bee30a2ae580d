"""What a rule says about a turn: verdicts, the places they point at, and the refusal that a person reads."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Action = Literal["allow", "warn", "disclaim", "revise", "ask", "refuse"]
"""From weakest to strongest. ``warn`` shows a note, ``disclaim`` adds a sentence to the answer, ``revise`` replaces the
answer, ``ask`` ends the turn with a question to the person, ``refuse`` ends it with a refusal."""

ACTIONS: tuple[Action, ...] = ("allow", "warn", "disclaim", "revise", "ask", "refuse")

Part = Literal["question", "answer", "image"]


class Frozen(BaseModel):
    """A value that nobody can change, with no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Frozen):
    """Characters ``start`` to ``end`` (exclusive, in Python characters) of the question or of the answer."""

    part: Part = "question"
    start: int = Field(ge=0)
    end: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a span must end after it starts; got start={self.start}, end={self.end}")
        return self


class Region(Frozen):
    """A box in picture number ``image`` (from 0), in fractions of its width and height, each in [0, 1].

    ``text`` is what is written there, where that is why it is pointed at.
    """

    image: int = Field(default=0, ge=0)
    left: float = Field(ge=0, le=1)
    top: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)
    bottom: float = Field(ge=0, le=1)
    text: str = ""


class Rule(Frozen):
    """The rule that a verdict cites, with everything that a person must be able to read about it."""

    id: str
    title: str
    text: str
    pack: str
    pack_version: str
    kind: str = "harm"
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    instead: str = ""
    references: tuple[str, ...] = ()


class Verdict(Frozen):
    """What one check says. ``score`` and ``threshold`` are in [0, 1]; a check without a score leaves both out.

    ``message`` is the sentence for a person: the disclaimer of ``disclaim``, the question of ``ask``, the note of
    ``warn``. ``detail`` says for the trace why this verdict decided, gave way or did not hold. ``replacement`` is the
    new answer of ``revise`` and must be given with it.
    """

    action: Action
    rule: Rule | None = None
    evaluator: str = ""
    spans: tuple[Span, ...] = ()
    regions: tuple[Region, ...] = ()
    score: float | None = Field(default=None, ge=0, le=1)
    threshold: float | None = Field(default=None, ge=0, le=1)
    message: str = ""
    detail: str = ""
    replacement: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action == "revise" and self.replacement is None:
            raise ValueError("a verdict 'revise' must bring the new answer in `replacement`")
        if self.action in ("refuse", "ask") and self.rule is None:
            raise ValueError(f"a verdict {self.action!r} must cite a rule in `rule`")
        return self

    @property
    def blocks(self) -> bool:
        """True where the turn ends with this verdict."""
        return self.action in ("refuse", "ask")


class Refusal(Frozen):
    """Why a turn ended without an answer. One object behind the card in the page, the JSON and the export.

    ``cause`` is ``rule`` where a rule decided, and ``check_failed`` where a check that must hold could not run; then
    ``plugin`` names it. ``triggers`` are the marked words of the question; of a refused answer no word is kept.
    """

    cause: Literal["rule", "check_failed"]
    stage: Literal["question", "answer"]
    action: Literal["refuse", "ask"] = "refuse"
    rule: Rule
    evaluator: str = ""
    plugin: str = ""
    spans: tuple[Span, ...] = ()
    regions: tuple[Region, ...] = ()
    triggers: tuple[str, ...] = ()
    score: float | None = None
    threshold: float | None = None
    message: str = ""
    detail: str = ""
    """What the evaluator saw, and why this rule decides over others, in words; empty where nothing more is known."""
    harmless_part: str = ""
    """The part of the question that passes every rule by itself and can be asked alone; empty where there is none."""

    @property
    def instead(self) -> str:
        """What is still possible."""
        return self.rule.instead

    def as_text(self) -> str:
        """The card in plain text, for a shell or a screen reader."""
        lines = [
            f"{'One question first' if self.action == 'ask' else 'Refused'}: {self.rule.title}",
            self.rule.text,
            f"Rule {self.rule.id}, pack {self.rule.pack} {self.rule.pack_version}.",
        ]
        if self.message:
            lines.insert(1, self.message)
        if self.triggers:
            lines.append("Because of: " + ", ".join(f"“{word}”" for word in self.triggers) + ".")
        if self.detail:
            lines.append(f"Seen: {self.detail}")
        for region in self.regions:
            says = f": “{region.text}”" if region.text else ""
            lines.append(f"Because of the marked place in picture {region.image + 1}{says}.")
        if not self.triggers and self.stage == "answer" and self.cause == "rule":
            lines.append("The drafted answer broke the rule; it was not shown and is not kept.")
        if self.harmless_part:
            lines.append(f"This part can be asked by itself: “{self.harmless_part}”")
        if self.instead:
            lines.append(f"Still possible: {self.instead}")
        return "\n".join(lines)
