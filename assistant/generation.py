"""Ask a backend for an answer in a thread of its own, so that a silent model cannot hang the turn."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Literal, cast

from assistant.backends import AnswerEnd, Backend, Delta
from assistant.collecting import Collector
from assistant.errors import BackendError, GenerationError, describe
from assistant.events import Step, StepStarted
from assistant.messages import ModelInfo, Turn
from assistant.settings import Settings


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True, slots=True)
class _Info:
    info: ModelInfo


_Item = StepStarted | _Info | AnswerEnd | _Failed | None


ModelState = Literal["not_loaded", "loading", "ready", "failed"]


class Generator:
    """One backend with its place in the queue: one answer at a time, the others wait asleep."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self._settings = settings
        self._busy = threading.Lock()
        self.state: ModelState = "not_loaded"

    def warm_up(self) -> None:
        """Load the model now, before the first question.

        Raises:
            BackendError: it cannot be loaded.
        """
        with self._busy:
            self._load()

    def _load(self) -> None:
        if self.state != "ready":
            self.state = "loading"
        try:
            self.backend.load()
        except BaseException:
            self.state = "failed"
            raise
        self.state = "ready"

    def run(self, turn: Turn, stop: threading.Event) -> Iterator[StepStarted | ModelInfo | Delta | AnswerEnd | None]:
        """Answer one question.

        Yields:
            Steps, the model's identity, pieces of the answer (text that comes fast is collected), and its end. ``None``
            comes now and then while the model is silent, so that the caller can look around.

        Raises:
            BackendError: the model failed, fell silent for longer than the settings allow, or was not free in time.
        """
        items: Collector[_Item] = Collector()
        left = threading.Event()

        def should_stop() -> bool:
            return stop.is_set() or left.is_set()

        thread = threading.Thread(
            target=self._work, args=(turn, should_stop, items.put), name="glassbox-model", daemon=True
        )
        thread.start()
        heard = monotonic()
        step: Step = "waiting"
        writing = False
        try:
            while True:
                try:
                    item = items.get(0.1)
                except queue.Empty:
                    self._check_silence(monotonic() - heard, step, writing)
                    if stop.is_set():
                        return
                    yield None
                    continue
                heard = monotonic()
                if item is None:
                    return
                if isinstance(item, _Failed):
                    raise _as_backend_error(item.error, self.backend.name)
                if isinstance(item, StepStarted):
                    step = item.step
                writing = writing or isinstance(item, Delta)
                yield item.info if isinstance(item, _Info) else item
                if isinstance(item, AnswerEnd):
                    return
        finally:
            left.set()

    def _check_silence(self, silent: float, step: Step, writing: bool) -> None:
        if step == "waiting":
            limit, what = self._settings.queue_seconds, "was busy with other answers"
        elif writing:
            limit, what = self._settings.next_token_seconds, "fell silent in the middle of the answer"
        else:
            limit, what = self._settings.first_token_seconds, "did not begin to answer"
        if silent > limit:
            raise GenerationError(
                f"The model {self.backend.name!r} {what} for {limit:g} s.",
                hint="Ask again; if it goes on, start the program again.",
            )

    def _work(self, turn: Turn, should_stop: Callable[[], bool], put: Callable[[_Item | Delta], None]) -> None:
        if not self._busy.acquire(blocking=False):
            put(StepStarted("waiting"))
            while not self._busy.acquire(timeout=0.25):
                if should_stop():
                    put(None)
                    return
        try:
            put(StepStarted("loading"))
            self._load()
            put(_Info(self.backend.info()))
            if turn.images:
                put(StepStarted("reading"))
                self.backend.prepare(turn.images)
            put(StepStarted("writing"))
            for item in self.backend.stream(turn, should_stop):
                if not isinstance(cast(object, item), Delta | AnswerEnd):  # a backend is somebody else's code
                    raise GenerationError(
                        f"The model {self.backend.name!r} should yield Delta or AnswerEnd and yielded "
                        f"{type(item).__name__}."
                    )
                put(item)
                if should_stop():
                    break
            put(None)
        except BaseException as error:  # whatever a backend does, also sys.exit, ends in a message
            put(_Failed(error))
        finally:
            self._busy.release()


def _as_backend_error(error: BaseException, name: str) -> BackendError:
    if isinstance(error, BackendError):
        return error
    return GenerationError(
        f"The model {name!r} failed while answering: {describe(error)}.",
        hint="Ask again; assistant doctor tells what may be missing.",
    )
