"""Failed sign-ins: after a few, the next ones have to wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

PER_NAME_AND_ADDRESS = 5
PER_ADDRESS = 20
PER_NAME = 50
"""More than from one address, so that a stranger does not lock somebody out with a few tries."""

WAIT_SECONDS = 60.0
"""After the first failure too many; twice as long after each further one, up to `LONGEST_WAIT`."""
LONGEST_WAIT = 15 * 60.0
FORGET_SECONDS = 60 * 60.0
_MOST = 20_000  # names and addresses that are remembered


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Throttle:
    """Counts failures by name and by address. Safe to use from many threads; forgotten when the program ends.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait(self, name: str, address: str) -> int:
        """Whole seconds until the next try may be made; 0 where it may be made now."""
        with self._lock:
            left = max(self._left(key, allowed) for key, allowed in _counted(name, address))
        return -int(-left // 1)

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        present = self._clock()
        with self._lock:
            for key, _ in _counted(name, address):
                found = self._failures.pop(key, None)
                if found is None or present - found.last > FORGET_SECONDS:
                    found = _Failures(0, present)
                self._failures[key] = _Failures(found.count + 1, present)
            while len(self._failures) > _MOST:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address."""
        with self._lock:
            self._failures.pop((name, address), None)

    def _left(self, key: tuple[str, str], allowed: int) -> float:
        found = self._failures.get(key)
        if found is None or found.count < allowed:
            return 0.0
        wait = min(WAIT_SECONDS * 2.0 ** min(found.count - allowed, 10), LONGEST_WAIT)
        return max(0.0, found.last + wait - self._clock())


def _counted(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (((name, address), PER_NAME_AND_ADDRESS), (("", address), PER_ADDRESS), ((name, ""), PER_NAME))
