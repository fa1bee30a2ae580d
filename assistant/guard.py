"""Run other people's code with a time limit, and turn whatever it does into an outcome.

A chain of calls runs in one borrowed thread, so that twenty plugins cost one hand-over and not twenty. When a call runs
over its limit, the caller walks away from that thread (Python cannot end it) and the rest of the chain runs in another.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Call:
    """One function to run, for at most ``seconds``."""

    function: Callable[[], Any]
    seconds: float


class Outcome(NamedTuple):
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
        self.started = perf_counter()
        self.abandoned = False
        self.known = threading.Lock()
        """Held while what is known changes, so that the caller never blames the call after the one that was slow."""
        self.over = threading.Lock()
        """Held until all calls are over. The caller sleeps on it, which costs less than a condition."""
        self.over.acquire()

    def run(self) -> bool:
        """Run in the borrowed thread; False where the caller has walked away meanwhile."""
        with self.known:
            if self.abandoned:
                return False
            begin = self.started = perf_counter()
        for call in self.calls:
            value, error = None, None
            try:
                value = call.function()
            except BaseException as raised:  # SystemExit and KeyboardInterrupt of a plugin must not end the program
                error = raised
            now = perf_counter()
            outcome = Outcome("crash" if error else "ok", (now - begin) * 1000, value, error)
            with self.known:
                if self.abandoned:
                    return False
                self.outcomes.append(outcome)
                begin = self.started = now
        self.over.release()
        return True

    def wait(self) -> list[Outcome]:
        """Wait in the calling thread until all calls are over, or one of them is over its limit."""
        shortest = min(call.seconds for call in self.calls)  # looking that often, no limit is missed by more
        left = shortest
        while not self.over.acquire(timeout=min(left, shortest)):
            with self.known:
                if len(self.outcomes) == len(self.calls):
                    break
                limit = self.calls[len(self.outcomes)].seconds
                left = self.started + limit - perf_counter()
                if left <= 0:
                    self.abandoned = True
                    return [*self.outcomes, Outcome("timeout", limit * 1000)]
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
