"""A model that was named in a way that cannot be read: it stands in its place and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant import AnswerEnd, Delta, ImagePart, ModelInfo, ModelTrace, Turn, TurnRecord
from assistant.backends import Download
from assistant.errors import GlassboxError, ModelLoadError


class UnusableModel:
    """Stands for a model that cannot be opened.

    Args:
        name: as it was written.
        error: why.
    """

    title = "A model that cannot be used"
    licence = ""
    size = ""
    can_trace = False

    def __init__(self, name: str, error: GlassboxError) -> None:
        self.name = name
        self.notice = str(error)
        self._error = error

    def missing(self) -> Download | None:
        """Nothing can be fetched.

        Raises:
            ModelLoadError: always.
        """
        raise self._problem()

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """As `missing`."""
        raise self._problem()

    def load(self) -> None:
        """As `missing`."""
        raise self._problem()

    def info(self) -> ModelInfo:
        """As `missing`."""
        raise self._problem()

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """As `missing`."""
        raise self._problem()

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """As `missing`."""
        raise self._problem()

    def trace(self, record: TurnRecord) -> ModelTrace:
        """As `missing`."""
        raise self._problem()

    def _problem(self) -> ModelLoadError:
        return ModelLoadError(self._error.message, hint=self._error.hint)
