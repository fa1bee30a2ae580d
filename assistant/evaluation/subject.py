"""The model under test: what a measurement asks of it, and how a backend's offer is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from assistant.backends import AnswerEnd, Backend, Delta
from assistant.messages import ImagePart, Message, ModelInfo, Turn, TurnSettings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, how sure it says it is (in [0, 1], or ``None``), and whether a chat would withhold it.

    ``unfamiliar``: it would withhold it because the picture is unlike those that the model knows.
    """

    text: str
    confidence: float | None
    declined: bool
    unfamiliar: bool = False


@runtime_checkable
class AnswersPictures(Protocol):
    """A backend may offer this: what it would say, also where it is not sure enough to say it in a chat.

    ``abstain_below`` is the confidence under which a chat withholds the answer.
    """

    abstain_below: float

    def answer_picture(self, picture: ImagePart, question: str) -> tuple[str, float]:
        """The answer to one question about one picture, and the calibrated probability that it is right."""
        ...


@runtime_checkable
class ChoosesAmong(Protocol):
    """A backend may offer this: an answer out of a list."""

    def choose(self, picture: ImagePart, question: str, options: Sequence[str]) -> Sequence[tuple[str, float]]:
        """Options with their probabilities, the likeliest first; of a long list, perhaps only the best ones."""
        ...


@runtime_checkable
class KnowsItsPictures(Protocol):
    """A backend may offer this: a chat withholds its answers about pictures that are unlike those it knows."""

    def is_unfamiliar(self, picture: ImagePart) -> bool:
        """Whether the picture is unlike those it was trained on."""
        ...


@runtime_checkable
class PhrasesLabels(Protocol):
    """A backend may offer this: the words in which its answers name a class ("a butterfly")."""

    def phrase(self, label: str, task: Literal["label", "naming"]) -> str:
        """How it names a class of things (``label``), or something with a name of its own (``naming``)."""
        ...


class Subject:
    """A backend as the measurement sees it. What the backend does not offer is done through the chat's own ``stream``.

    Args:
        backend: the model; it is loaded where needed.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def can_choose(self) -> bool:
        """Whether it can be held to a list of answers; one that finds out while it runs says so in ``can_choose``."""
        return isinstance(self._backend, ChoosesAmong) and getattr(self._backend, "can_choose", True)

    @property
    def abstain_below(self) -> float | None:
        """The confidence under which a chat withholds its answers, where it says so."""
        return self._backend.abstain_below if isinstance(self._backend, AnswersPictures) else None

    def info(self) -> ModelInfo:
        """Which model this is."""
        return self._backend.info()

    def answer(self, picture: ImagePart, question: str) -> Answer:
        """What it says in its own words, as the first question of a chat, without randomness.

        Raises:
            GenerationError: it could not answer.
        """
        if isinstance(self._backend, AnswersPictures):
            text, confidence = self._backend.answer_picture(picture, question)
            unfamiliar = isinstance(self._backend, KnowsItsPictures) and self._backend.is_unfamiliar(picture)
            return Answer(text, confidence, unfamiliar or confidence < self._backend.abstain_below, unfamiliar)
        turn = Turn(question=Message(text=question, images=(picture,)), settings=TurnSettings(model=self._backend.name))
        self._backend.prepare(turn.images)
        text, end = "", AnswerEnd()
        for piece in self._backend.stream(turn, lambda: False):
            if isinstance(piece, Delta):
                text += piece.text
            else:
                end = piece
        return Answer(text, end.confidence, end.unsure)

    def choose(self, picture: ImagePart, question: str, options: Sequence[str]) -> Sequence[tuple[str, float]]:
        """The likeliest options with their probabilities, best first. Only where `can_choose`.

        Raises:
            GenerationError: it could not answer.
            TypeError: it does not offer this.
        """
        if not isinstance(self._backend, ChoosesAmong):
            raise TypeError(f"the backend {self._backend.name} has no method choose")
        return self._backend.choose(picture, question, options)

    def phrase(self, label: str, task: Literal["label", "naming"]) -> str:
        """How it names a class; the label in lower case where it has no rule of its own."""
        if isinstance(self._backend, PhrasesLabels):
            return self._backend.phrase(label, task)
        return " ".join(label.replace("_", " ").lower().split())
