"""Keep what was worked out, up to a number of bytes; what was used longest ago goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key, safe for several threads.

    Args:
        most_bytes: The values together take no more; one that is larger alone is not kept.
        bytes_of: Memory that a value takes.
    """

    def __init__(self, most_bytes: int, bytes_of: Callable[[V], int]) -> None:
        self.most_bytes = most_bytes
        self._bytes_of = bytes_of
        self._values: OrderedDict[object, V] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, key: object) -> V | None:
        """The value kept under `key`, which is then the one used last."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: object, value: V) -> V:
        """Keep `value`, unless there is one already; the kept one comes back, so that equal values are held once."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            if self._bytes_of(value) > self.most_bytes:
                return value
            self._values[key] = value
            self._bytes += self._bytes_of(value)
            while self._bytes > self.most_bytes:
                self._bytes -= self._bytes_of(self._values.popitem(last=False)[1])
            return value

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._values.clear()
            self._bytes = 0

    @property
    def bytes(self) -> int:
        """Memory that the kept values take."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._values)
