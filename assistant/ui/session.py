"""What one open page shows, what a handler changes on it, and which turns are running."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from assistant.messages import TurnRecord


@dataclass(frozen=True, slots=True)
class Place:
    """Where one open page is among the conversations; the server keeps it for each browser tab.

    ``leaf`` is the turn that the next question follows. ``unsaved`` are turns that the store could not take.
    """

    conversation_id: str | None = None
    leaf: str | None = None
    unsaved: tuple[TurnRecord, ...] = ()

    @property
    def empty(self) -> bool:
        """True where nothing has been asked yet."""
        return self.conversation_id is None and not self.unsaved


@dataclass(frozen=True, slots=True)
class View:
    """What the side panel of one open page shows: a turn, and the index of one of its words.

    Apart from `Place`, so that a look inside an answer and a turn that ends meanwhile do not overwrite each other.
    """

    selected: str | None = None
    word: int | None = None


NO_RECEIPT = ("", "")
"""A receipt is a turn's id with the sentence that came back for a rating or an appeal."""


@dataclass(frozen=True, slots=True)
class Update:
    """What changes on the page; ``None``: stays as it is. ``box`` is the text in the box for the question; the other
    strings are HTML. ``model`` is the name of the one that is chosen. ``camera`` is whether the camera is shown."""

    place: Place | None = None
    view: View | None = None
    warnings: str | None = None
    transcript: str | None = None
    running: str | None = None
    phase: str | None = None
    box: str | None = None
    tray: str | None = None
    camera: bool | None = None
    busy: bool | None = None
    chats: str | None = None
    found: str | None = None
    inspector: str | None = None
    plugins: str | None = None
    panel: str | None = None
    header: str | None = None
    model: str | None = None


@dataclass(slots=True, eq=False)
class Run:
    """One running turn. ``left`` is set where its page shows something else by now."""

    stop: threading.Event = field(default_factory=threading.Event)
    left: bool = False


class RunningTurns:
    """The running turn of every open page, at most one each. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}

    def start(self, session: str) -> Run | None:
        """Begin a turn; ``None`` where one is running on this page."""
        with self._lock:
            present = self._runs.get(session)
            if present is not None and not present.left:
                return None
            run = self._runs[session] = Run()
            return run

    def end(self, session: str, run: Run) -> None:
        """The turn is over."""
        with self._lock:
            if self._runs.get(session) is run:
                del self._runs[session]

    def running(self, session: str) -> bool:
        """Whether the page's turn is running."""
        with self._lock:
            run = self._runs.get(session)
        return run is not None and not run.left

    def stop(self, session: str) -> None:
        """Stop the page's turn, if one is running; what was written stays."""
        with self._lock:
            run = self._runs.get(session)
        if run is not None:
            run.stop.set()

    def leave(self, session: str) -> None:
        """The page shows something else from now on: stop its turn, and let it change nothing there."""
        with self._lock:
            run = self._runs.get(session)
            if run is not None:
                run.left = True
                run.stop.set()

    def stop_all(self) -> None:
        """Stop every running turn."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.stop.set()
