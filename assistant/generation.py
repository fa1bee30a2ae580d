"""Ask a backend for an answer in a thread of its own, so that a silent model cannot hang the turn, nor the next one."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Literal, cast

from assistant.backends import AnswerEnd, Backend, Delta, StartsAnew
from assistant.collecting import Collector
from assistant.errors import BackendError, GenerationError, describe
from assistant.events import Step, StepStarted
from assistant.messages import ModelInfo, Turn
from assistant.one_at_a_time import Holder, OneAtATime
from assistant.settings import Settings

log = logging.getLogger("glassbox.model")

MOST_STUCK = 10
"""A model with so many answers that never came to an end is not asked any more: each of them holds memory."""


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
        self._place = OneAtATime(self._go_past)
        self.state: ModelState = "not_loaded"

    @property
    def left_behind(self) -> int:
        """How many answers did not end when they were told to, since the start; the next ones went past them."""
        return self._place.left_behind

    @property
    def stuck(self) -> int:
        """How many of these have not ended since."""
        return self._place.stuck

    def _go_past(self) -> None:
        log.warning(
            "The model %r did not end an answer that nobody waits for. Its thread is left behind and the next question "
            "answered; %d of its threads are stuck.",
            self.backend.name,
            self._place.stuck,
        )
        if isinstance(self.backend, StartsAnew):
            try:
                self.backend.start_anew()
            except Exception as error:  # a backend is somebody else's code
                log.warning("The model %r could not start anew: %s", self.backend.name, describe(error))

    def warm_up(self) -> None:
        """Load the model now, before the first question.

        Raises:
            BackendError: it cannot be loaded.
        """
        holder = Holder()
        while not self._place.take(holder, 1.0):
            pass
        self._place.dismiss(holder, self._settings.first_token_seconds)
        try:
            self._load()
        finally:
            self._place.leave(holder)

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
        if self._place.stuck >= MOST_STUCK:
            raise GenerationError(
                f"The model {self.backend.name!r} hangs: {self._place.stuck} of its answers never came to an end.",
                hint="Choose another model, or start the program again.",
            )
        items: Collector[_Item] = Collector()
        left = threading.Event()

        def should_stop() -> bool:
            return stop.is_set() or left.is_set()

        holder = Holder()
        thread = threading.Thread(
            target=self._work, args=(turn, holder, should_stop, items.put), name="glassbox-model", daemon=True
        )
        thread.start()
        heard = monotonic()
        step: Step = "waiting"
        writing = False
        patience = self._settings.next_token_seconds  # with a model that is told to stop
        try:
            while True:
                try:
                    item = items.get(0.1)
                except queue.Empty:
                    if too_silent := self._too_silent(monotonic() - heard, step, writing):
                        patience = 0.0
                        raise too_silent from None
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
            self._place.dismiss(holder, patience)

    def _too_silent(self, silent: float, step: Step, writing: bool) -> GenerationError | None:
        """What to say of a model that was silent for so many seconds; ``None`` within the limit."""
        if step == "waiting":
            limit, what = self._settings.queue_seconds, "was busy with other answers"
        elif writing:
            limit, what = self._settings.next_token_seconds, "fell silent in the middle of the answer"
        else:
            limit, what = self._settings.first_token_seconds, "did not begin to answer"
        if silent <= limit:
            return None
        return GenerationError(
            f"The model {self.backend.name!r} {what} for {limit:g} s.",
            hint="Ask again; if it goes on, choose another model or start the program again.",
        )

    def _work(
        self, turn: Turn, holder: Holder, should_stop: Callable[[], bool], put: Callable[[_Item | Delta], None]
    ) -> None:
        if not self._place.take(holder, 0.0):
            put(StepStarted("waiting"))
            while not self._place.take(holder, 0.25):
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
            if should_stop():  # reading may have taken so long that it was left behind
                put(None)
                return
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
            self._place.leave(holder)


def _as_backend_error(error: BaseException, name: str) -> BackendError:
    if isinstance(error, BackendError):
        return error
    return GenerationError(
        f"The model {name!r} failed while answering: {describe(error)}.",
        hint="Ask again; assistant doctor tells what may be missing.",
    )
