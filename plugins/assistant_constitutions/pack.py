"""What a constitution pack is: principles with the words that a person reads, and the test cases that hold them."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from assistant.verdicts import Action, Frozen, Rule

Kind = Literal["harm", "truthfulness", "fairness", "autonomy", "privacy", "regulation"]
Place = Literal["input", "output", "image"]
"""``input``: every question. ``output``: the answer. ``image``: a question about at least one picture."""

# Letters, digits, "-" and "_" of ASCII only: an id is part of a file name and is compared by eye.
PackId = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_-]{0,63}\z")]
PrincipleId = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*\z", max_length=100)]

# Joiners are letters' business (Persian, emoji); these turn a line around, or stand in it unseen.
_UNSEEN = frozenset("\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff")


def _readable(text: str) -> str:
    for at, character in enumerate(text):
        turns = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
        control = unicodedata.category(character) == "Cc" and character not in "\n\t"
        if control or turns or character in _UNSEEN or "\U000e0000" <= character <= "\U000e007f":
            raise PydanticCustomError(
                "readable",
                "text that a person sees as it is (character {at} is {code}, which is unseen or turns the line around)",
                {"at": at, "code": f"U+{ord(character):04X}"},
            )
    return text


Case = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Words = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_readable)]
Sentence = Annotated[Case, AfterValidator(_readable)]
"""A sentence for a person. The text of a test case may hold what an attacker writes, also what cannot be seen."""


class PackValue(Frozen):
    """A part of a pack; it takes no value for another type (an unquoted 1.0 is no version, "yes" no number)."""

    model_config = ConfigDict(strict=True)


class EvaluatorUse(PackValue):
    """Which evaluator looks, how sure it has to be, and what it looks for."""

    name: str = Field(min_length=1, max_length=100)
    threshold: float = Field(default=0.5, gt=0, le=1)
    options: dict[str, Any] = Field(default_factory=dict)


class SecondLook(PackValue):
    """A heavy evaluator that decides where the light ones are unsure: the best of their scores reaches ``from`` and
    not its threshold. With ``always`` it decides as well where they hold."""

    name: str = Field(min_length=1, max_length=100)
    threshold: float = Field(default=0.5, gt=0, le=1)
    options: dict[str, Any] = Field(default_factory=dict)
    unsure_from: float = Field(alias="from", ge=0, le=1)
    always: bool = False


class PrincipleException(PackValue):
    """A case in which a principle does not apply. Without ``evaluators`` it is there for people only."""

    text: Sentence
    evaluators: tuple[EvaluatorUse, ...] = Field(default=(), strict=False)


class Revise(PackValue):
    """How the action ``revise`` mends an answer: ``replace`` puts this text in place of what the evaluators marked,
    ``remove_sentences`` leaves out the sentences in which they marked something. With ``rewrite`` the model that the
    setting ``critic_model`` names writes the rest anew; the other two are for where there is none, or it fails."""

    remove_sentences: bool = False
    replace: str = Field(default="", max_length=200)
    rewrite: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.remove_sentences == bool(self.replace):
            raise ValueError("either `remove_sentences: true` or `replace: TEXT`, and not both")
        return self


class Principle(PackValue):
    """One rule. It applies where at least one of its evaluators reaches its threshold and no exception does; where none
    does and one comes close, ``second_look`` decides.

    ``text`` is the sentence that a person reads, ``instead`` what is still possible, ``message`` the question of
    ``ask``, the note of ``warn`` or the sentence that ``disclaim`` adds.
    """

    id: PrincipleId
    title: Sentence
    text: Sentence
    kind: Kind
    applies_to: tuple[Place, ...] = Field(min_length=1, strict=False)
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    action: Action
    evaluators: tuple[EvaluatorUse, ...] = Field(min_length=1, strict=False)
    second_look: SecondLook | None = None
    revise: Revise | None = None
    exceptions: tuple[PrincipleException, ...] = Field(default=(), strict=False)
    references: tuple[Sentence, ...] = Field(default=(), strict=False)
    instead: Words = ""
    message: Words = ""


class Override(PackValue):
    """An exception that a pack adds to a principle of another pack. It has no effect until an operator grants it."""

    rule: PrincipleId
    because: Sentence
    when: tuple[EvaluatorUse, ...] = Field(min_length=1, strict=False)


class TestCase(PackValue):
    """What must become of one text. ``rule``: the principle that decides; for ``allow``, the one it comes close to.

    ``image``: a picture comes with the question.
    """

    __test__ = False  # a name that pytest would take for a class of tests

    text: Case
    role: Literal["user", "assistant"] = "user"
    expect: Action
    rule: PrincipleId
    image: bool = False


class Pack(PackValue):
    """A constitution pack. Of rules that are equally strong and severe, the pack with the higher ``precedence`` speaks,
    and one for a domain before one for the domain ``general``."""

    id: PackId
    version: Annotated[str, StringConstraints(pattern=r"\A[0-9]+(\.[0-9]+){1,2}([-+.][a-z0-9.]+)?\z")]
    title: Sentence
    domain: Sentence
    licence: Sentence
    precedence: int = Field(default=0, ge=0, le=100)
    principles: tuple[Principle, ...] = Field(strict=False)
    overrides: tuple[Override, ...] = Field(default=(), strict=False)
    feedback_reasons: tuple[Sentence, ...] = Field(default=(), strict=False)
    tests: tuple[TestCase, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.principles and not self.overrides:
            raise ValueError("at least one principle, or one exception under `overrides`")
        return self

    def rule(self, principle: Principle) -> Rule:
        """The rule as a verdict cites it."""
        return Rule(
            id=principle.id,
            title=principle.title,
            text=principle.text,
            pack=self.id,
            pack_version=self.version,
            kind=principle.kind,
            severity=principle.severity,
            instead=principle.instead,
            references=principle.references,
        )
