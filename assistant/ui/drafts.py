"""The question that is being prepared on each open page: its pictures, and the earlier question that it changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from assistant.messages import ImagePart, new_id
from assistant.verdicts import Region

MOST_PAGES = 1000
"""Pages whose drafts are kept; of more, the one that was touched longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class DraftPicture:
    """One picture that will go with the question, and the places in it that the question is about. ``key`` names it on
    the page."""

    part: ImagePart
    regions: tuple[Region, ...] = ()
    key: str = field(default_factory=lambda: new_id()[:8])


@dataclass(frozen=True, slots=True)
class Draft:
    """What goes with the text in the box.

    ``text`` is that text, once it was sent; ``editing`` is the turn whose question is being changed. ``focus`` is the
    element to which the keyboard goes when this is drawn, and ``problem`` a sentence about what just went wrong.
    ``pointing`` is the key of the picture on which somebody draws.
    """

    pictures: tuple[DraftPicture, ...] = ()
    text: str = ""
    editing: str | None = None
    pointing: str = ""
    problem: str = ""
    focus: str = ""

    @property
    def regions(self) -> tuple[Region, ...]:
        """The places in all pictures, in the order of their numbers."""
        return tuple(
            region.model_copy(update={"image": number})
            for number, each in enumerate(self.pictures)
            for region in each.regions
        )

    def find(self, key: str) -> int:
        """The place of a picture; -1 where it is not there."""
        return next((place for place, each in enumerate(self.pictures) if each.key == key), -1)


class Drafts:
    """The draft of every open page. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drafts: OrderedDict[str, Draft] = OrderedDict()

    def get(self, session: str) -> Draft:
        """The draft of a page; an empty one at first."""
        with self._lock:
            return self._drafts.get(session, Draft())

    def change(self, session: str, change: Callable[[Draft], Draft]) -> Draft:
        """Change the draft of a page, whatever else changes it at the same time; returns the new one."""
        with self._lock:
            before = replace(self._drafts.pop(session, Draft()), problem="", focus="")
            fresh = self._drafts[session] = change(before)
            while len(self._drafts) > MOST_PAGES:
                self._drafts.popitem(last=False)
            return fresh

    def put(self, session: str, draft: Draft) -> None:
        """Replace the draft of a page."""
        self.change(session, lambda _: draft)

    def take(self, session: str) -> Draft:
        """The draft of a page, which is empty from now on."""
        with self._lock:
            return self._drafts.pop(session, Draft())
