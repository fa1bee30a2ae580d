"""One answer at a time from a model, and a way past an answer that never ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(eq=False, slots=True)
class Holder:
    """Who has the place, or waits for it. ``until`` is the moment from which nobody waits for it to leave any more;
    ``None``: it may stay as long as it works."""

    until: float | None = None


class OneAtATime:
    """A place for one holder; the others wait asleep.

    Python cannot end a thread. A holder that was dismissed and does not leave in time is left behind: the next one gets
    the place, and the thread runs on beside it for as long as it likes.

    Args:
        on_left_behind: called, by the one who takes the place next, each time somebody is left behind.
    """

    def __init__(self, on_left_behind: Callable[[], None] = lambda: None) -> None:
        self.left_behind = 0
        """How often somebody was left behind since the start."""
        self._on_left_behind = on_left_behind
        self._changed = threading.Condition()
        self._holder: Holder | None = None
        self._stuck: set[Holder] = set()

    @property
    def stuck(self) -> int:
        """How many were left behind and have not come to an end since."""
        return len(self._stuck)

    def take(self, holder: Holder, seconds: float) -> bool:
        """Wait for the place; false where it was not free within so many seconds."""
        end = monotonic() + seconds
        with self._changed:
            while self._holder is not None:
                instant = monotonic()
                until = self._holder.until
                if until is not None and instant >= until:
                    break
                if instant >= end:
                    return False
                self._changed.wait(min(end, until if until is not None else end) - instant)
            hung, self._holder = self._holder, holder
            if hung is not None:
                self._stuck.add(hung)
                self.left_behind += 1
        if hung is not None:
            self._on_left_behind()
        return True

    def dismiss(self, holder: Holder, seconds: float) -> None:
        """Nobody waits for this holder's work any more: it has so many seconds to leave the place by itself."""
        with self._changed:
            until = monotonic() + seconds
            holder.until = until if holder.until is None else min(holder.until, until)
            self._changed.notify_all()

    def leave(self, holder: Holder) -> None:
        """The holder has come to its end, in its place or left behind."""
        with self._changed:
            if self._holder is holder:
                self._holder = None
                self._changed.notify()
            else:
                self._stuck.discard(holder)
