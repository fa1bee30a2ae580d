"""Hand what a model says from its thread to another, text in pieces that are worth waking up for."""

from __future__ import annotations

import queue
import threading
from typing import Generic, TypeVar

from assistant.backends import Delta

COLLECT_SECONDS = 0.02
"""Text that comes within so much of the last piece is handed on in one with what follows."""

Item = TypeVar("Item")


class Collector(Generic[Item]):
    """A queue from one thread to one other.

    The first text is handed on at once, and so is everything that is not text. Between two pieces of text the reader
    sleeps: to be woken for each word of a fast model costs more than the word.
    """

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item | Delta] = queue.SimpleQueue()
        self._not_text = threading.Event()
        self._next: list[Item | Delta] = []
        self._gathers = False

    def put(self, item: Item | Delta) -> None:
        """Hand in what comes next."""
        self._items.put(item)
        if not isinstance(item, Delta):
            self._not_text.set()

    def get(self, seconds: float) -> Item | Delta:
        """What comes next; text that has come since the last piece in one piece.

        Raises:
            queue.Empty: nothing came in so many seconds.
        """
        if self._next:
            return self._next.pop()
        if self._gathers:
            self._not_text.wait(COLLECT_SECONDS)
        self._not_text.clear()  # what had set it is in the queue by now
        item = self._items.get(timeout=seconds)
        self._gathers = isinstance(item, Delta)
        if not isinstance(item, Delta):
            return item
        texts = [item.text]
        while not self._items.empty():
            more = self._items.get()
            if not isinstance(more, Delta):
                self._next.append(more)
                self._gathers = False
                break
            texts.append(more.text)
        return item if len(texts) == 1 else Delta("".join(texts))
