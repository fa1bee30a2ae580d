"""The contract of a model that answers: load, prepare, stream, trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from assistant.errors import GenerationError
from assistant.messages import ImagePart, ModelInfo, ReadText, TokenCount, Turn, TurnRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer. The pieces, joined, are the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The last thing a stream yields.

    ``confidence`` in [0, 1] or ``None``; ``unsure`` where the deltas say that the model cannot tell; ``state`` is
    whatever JSON data `Backend.trace` needs to look at this answer again; ``notes`` tell the person what the model did
    not take into account ("The first 3 questions of this chat were left out"); ``reader`` is set where the answer only
    quotes what that reader read in a picture, and the model wrote nothing; ``tokens`` is what it read and wrote, where
    it counts.
    """

    confidence: float | None = None
    unsure: bool = False
    state: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reader: str = ""
    tokens: TokenCount | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """One word of an answer: characters ``start`` to ``end`` of it, written by the tokens ``first`` to ``last`` (both
    inclusive) of picture number ``image``'s part of the answer. ``copied_from`` is the place of a word that was read in
    the picture and not written by a model."""

    text: str
    start: int
    end: int
    first: int
    last: int
    image: int = 0
    copied_from: ReadText | None = None


@dataclass(frozen=True, slots=True)
class ModelTrace:
    """A model's account of one answer.

    ``cross_attention[image]`` has the axes [tokens, layers, heads, rows, cols]: for each answer token, the weights over
    the cells of that picture at the position that wrote the token. The cells of one head sum to at most 1; what is
    missing went to something without a place, such as a vector of the whole picture. It is empty for a backend that
    cannot say.
    """

    words: tuple[Word, ...]
    cross_attention: tuple[NDArray[np.float32], ...] = ()
    token_logprobs: tuple[float, ...] = ()


class Backend(Protocol):
    """A model that can answer.

    The runtime calls ``load`` once, before the first use and off the page's path; then, for each turn, ``prepare`` and
    ``stream``, one turn at a time. ``stream`` asks ``should_stop()`` at every token and ends early when it is true. One
    that does not end then is left behind after a while, in its thread, and the next turn begins beside it.
    """

    name: str
    title: str
    licence: str
    can_trace: bool
    size: str
    """How large it is, in words; empty where that is not known before it is loaded."""
    notice: str
    """What a person should know before choosing this model (may be empty)."""

    def load(self) -> None:
        """Make ready; may be called again and then does nothing.

        Raises:
            ModelLoadError: weights missing, truncated or of another shape.
        """
        ...

    def info(self) -> ModelInfo:
        """Which model this is; loads it where needed."""
        ...

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """Read the pictures ahead of the question; kept by their hash, so that a second question starts sooner."""
        ...

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """Write the answer.

        Yields:
            Deltas, and one `AnswerEnd` at the end.

        Raises:
            GenerationError: the model could not answer.
        """
        ...

    def trace(self, record: TurnRecord) -> ModelTrace:
        """Look at a finished answer again. The pictures' ``data`` must be present in ``record``.

        Raises:
            BackendError: this backend cannot trace, or the record was written by another model.
        """
        ...


@runtime_checkable
class RunsElsewhere(Protocol):
    """A backend may offer this: it hands questions and pictures to another program or another computer."""

    @property
    def where(self) -> str:
        """Where the model runs, for the person who chooses it."""
        ...


@runtime_checkable
class StartsAnew(Protocol):
    """A backend may offer this: it lets go of what an answer that hangs may hold, such as a lock of its own."""

    def start_anew(self) -> None:
        """Called when an answer was left behind, before the next one begins. Must be quick."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """A backend may offer this: it carries on an answer. Where `Turn.begun` has a text, `Backend.stream` yields only
    what comes after it."""

    @property
    def can_go_on(self) -> bool:
        """Whether it can."""
        ...


@dataclass(frozen=True, slots=True)
class Download:
    """What has to be fetched before a model can answer: how many bytes, under which licence, from where.

    ``size`` is ``None`` and ``licence`` is empty where the source does not say.
    """

    size: int | None
    licence: str
    source: str


@runtime_checkable
class NeedsDownload(Protocol):
    """A backend may offer this: its weights may have to be fetched first. `Backend.load` never fetches anything, so
    that nobody downloads gigabytes by asking a question."""

    def missing(self) -> Download | None:
        """What has to be fetched; ``None`` where all of it is on this computer.

        Raises:
            BackendError: there is no such model, or the source cannot be reached.
        """
        ...

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """Fetch it. What had come stays, so that a second try goes on from there.

        Args:
            on_progress: told of the bytes that have come and of those that are expected.
            should_stop: asked now and then; the download ends early when it is true.

        Raises:
            BackendError: it cannot be fetched.
        """
        ...


def where_it_runs(backend: Backend) -> str:
    """Where a model runs, in words."""
    return backend.where if isinstance(backend, RunsElsewhere) else "this computer"


def check_goes_on(backend: Backend) -> None:
    """Make sure that a model can carry on an answer.

    Raises:
        GenerationError: it cannot.
    """
    if not (isinstance(backend, GoesOn) and backend.can_go_on):
        raise GenerationError(
            f"The model {backend.name!r} cannot go on with an answer.", hint="Try again to get another answer."
        )
