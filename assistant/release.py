"""The gate that lets a streamed answer out, piece by piece, after its checks."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

HOLD_BACK = 64
"""Characters at the end of the text so far that stay inside until more has come or the answer is over. A phrase of up
to so many characters that a rule refuses is therefore found whole before its first character could leave."""

FLUSH_SECONDS = 0.04
"""How often the gate opens while text is coming."""


class ReleaseGate:
    """Collects the pieces of one answer, has them checked, and says what may be shown.

    Args:
        check: called with (released, pending); returns True where the pending text may leave. It is asked about all
            text that has come, also about the part that is still held back.
        hold_everything: let nothing out before `finish` (some plugin wants to see the whole answer first).
        clock: seconds; for tests.
    """

    def __init__(
        self,
        check: Callable[[str, str], bool],
        *,
        hold_everything: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._check = check
        self._hold_everything = hold_everything
        self._clock = clock
        self._last_flush = -FLUSH_SECONDS
        self._pending = ""
        self.released = ""
        self.closed = False
        """True once a check said no: nothing leaves any more."""

    def hold(self) -> None:
        """Let nothing more out before `finish`: what has come is about to be changed."""
        self._hold_everything = True

    def replace(self, text: str) -> None:
        """Put another text in place of what is still inside; it has not been checked yet."""
        self._pending = text

    @property
    def pending(self) -> str:
        """What is still inside."""
        return self._pending

    @property
    def text(self) -> str:
        """All that has come so far, shown or not."""
        return self.released + self._pending

    def feed(self, piece: str) -> str:
        """Take in a piece; returns what may be shown now, often nothing."""
        self._pending += piece
        if self.closed or self._hold_everything or self._clock() - self._last_flush < FLUSH_SECONDS:
            return ""
        room = len(self._pending) - HOLD_BACK
        cut = max(self._pending.rfind(" ", 0, room), self._pending.rfind("\n", 0, room)) + 1 if room > 0 else 0
        return self._let_out(cut) if cut else ""

    def feed_last(self, piece: str) -> None:
        """Take in what comes at the very end; it leaves with `finish`."""
        self._pending += piece

    def check_whole(self) -> bool:
        """Check everything that has come, letting nothing out; False closes the gate."""
        if not self.closed and self._pending and not self._check(self.released, self._pending):
            self.closed = True
        return not self.closed

    def finish(self) -> str:
        """The answer is over and has passed `check_whole`: the rest."""
        if self.closed:
            return ""
        rest, self._pending = self._pending, ""
        self.released += rest
        return rest

    def _let_out(self, cut: int) -> str:
        self._last_flush = self._clock()
        if not self._check(self.released, self._pending):
            self.closed = True
            return ""
        if self._hold_everything:  # the check asked for that
            return ""
        piece, self._pending = self._pending[:cut], self._pending[cut:]
        self.released += piece
        return piece
