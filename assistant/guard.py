"""Run other people's code with a time limit, and turn whatever it does into an outcome.

A chain of calls runs in one borrowed thread, so that twenty plugins cost one hand-over and not twenty. When a call runs
over its limit, the caller walks away from that thread (Python cannot end it) and the rest of the chain runs in another.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Call:
    """One function to run, for at most ``seconds``."""

    function: Callable[[], Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call. ``error`` is set where it crashed, ``value`` where it returned."""

    state: Literal["ok", "crash", "timeout"]
    milliseconds: float
    value: Any = None
    error: BaseException | None = None


class _Chain:
    """Calls that run one after the other, and what is known of them so far."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.outcomes: list[Outcome] = []
        self.started = monotonic()
        self.abandoned = False
        self.changed = threading.Condition()

    def run(self) -> bool:
        """Run in the borrowed thread; False where the caller has walked away meanwhile."""
        for call in self.calls:
            with self.changed:
                if self.abandoned:
                    return False
                self.started = monotonic()
            begin = perf_counter()
            try:
                value = call.function()
                outcome = Outcome("ok", (perf_counter() - begin) * 1000, value=value)
            except BaseException as error:  # SystemExit and KeyboardInterrupt of a plugin must not end the program
                outcome = Outcome("crash", (perf_counter() - begin) * 1000, error=error)
            with self.changed:
                if self.abandoned:
                    return False
                self.outcomes.append(outcome)
                if len(self.outcomes) == len(self.calls):
                    self.changed.notify()
        return True

    def wait(self) -> list[Outcome]:
        """Wait in the calling thread until all calls are over, or one of them is over its limit."""
        shortest = min(call.seconds for call in self.calls)  # looking that often, no limit is missed by more
        with self.changed:
            while len(self.outcomes) < len(self.calls):
                limit = self.calls[len(self.outcomes)].seconds
                left = self.started + limit - monotonic()
                if left <= 0:
                    self.abandoned = True
                    return [*self.outcomes, Outcome("timeout", limit * 1000)]
                self.changed.wait(min(left, shortest))
            return self.outcomes


class _Worker(threading.Thread):
    """A thread that is lent to one chain after the other."""

    def __init__(self, idle: queue.SimpleQueue[_Worker]) -> None:
        super().__init__(name="glassbox-hooks", daemon=True)
        self.idle = idle
        self.inbox: queue.SimpleQueue[_Chain] = queue.SimpleQueue()

    def run(self) -> None:
        while self.inbox.get().run():
            self.idle.put(self)


class Guard:
    """Runs chains of calls. One per program; safe to use from many threads at once."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def run(self, calls: Sequence[Call]) -> list[Outcome]:
        """Run all calls in order and return one outcome for each; never raises for what a call does."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(calls):
            chain = _Chain(calls[len(outcomes) :])
            self._borrow().inbox.put(chain)
            outcomes += chain.wait()
        return outcomes

    def _borrow(self) -> _Worker:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self._idle)
            worker.start()
            return worker
