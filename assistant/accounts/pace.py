"""How fast one person, or one key, may send requests."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

_MOST = 20_000  # people and keys that are remembered


class Pace:
    """A bucket for each: it holds a minute's worth of requests and fills up again evenly. Safe to use from any thread.

    Args:
        a_minute: requests.
        clock: seconds that only grow.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = float(a_minute)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how much is left, and when that was so

    def wait(self, who: str) -> int:
        """Take one request out of a bucket: 0, or the whole seconds until there is one again."""
        present = self._clock()
        with self._lock:
            left, since = self._buckets.pop(who, (self._most, present))
            left = min(self._most, left + (present - since) * self._most / 60)
            allowed = left >= 1
            self._buckets[who] = (left - 1 if allowed else left, present)
            while len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) * 60 / self._most))
