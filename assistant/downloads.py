"""Weights that are being fetched behind the page, one thread for each model."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal

from assistant.backends import NeedsDownload
from assistant.errors import GlassboxError, describe


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: bytes that have come, and those that are expected (0: nobody knows)."""

    done: int = 0
    total: int = 0
    state: Literal["running", "done", "stopped", "failed"] = "running"
    problem: str = ""


class Downloads:
    """The downloads since the start, by the name of the model. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Progress] = {}
        self._stops: dict[str, threading.Event] = {}

    def start(self, name: str, model: NeedsDownload) -> None:
        """Begin to fetch a model; nothing where that is under way."""
        with self._lock:
            present = self._found.get(name)
            if present is not None and present.state == "running":
                return
            self._found[name] = Progress()
            stop = self._stops[name] = threading.Event()
        threading.Thread(target=self._fetch, args=(name, model, stop), name="glassbox-download", daemon=True).start()

    def stop(self, name: str) -> None:
        """End one early; what has come stays, and a second try goes on from there."""
        with self._lock:
            stop = self._stops.get(name)
        if stop is not None:
            stop.set()

    def stop_all(self) -> None:
        """End all of them early."""
        for name in self.all():
            self.stop(name)

    def all(self) -> dict[str, Progress]:
        """Every download, by the name of its model."""
        with self._lock:
            return dict(self._found)

    def _fetch(self, name: str, model: NeedsDownload, stop: threading.Event) -> None:
        def came(done: int, total: int) -> None:
            with self._lock:
                self._found[name] = Progress(done, total)

        problem = ""
        try:
            model.download(came, stop.is_set)
        except GlassboxError as error:
            problem = str(error)
        except BaseException as error:  # a backend is somebody else's code
            problem = f"The download failed: {describe(error)}."
        with self._lock:
            state = "failed" if problem else "stopped" if stop.is_set() else "done"
            self._found[name] = replace(self._found[name], state=state, problem=problem)
