"""What one person's page works with: handlers that reach their own chats and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.panels import Viewer
from assistant.runtime import Runtime
from assistant.ui.asking import Asking
from assistant.ui.composing import Composing
from assistant.ui.drafts import Drafts
from assistant.ui.handlers import Handlers
from assistant.ui.model_choice import ModelChoice
from assistant.ui.panel_room import PanelRoom
from assistant.ui.reading import Reader
from assistant.ui.session import RunningTurns
from assistant.ui.viewer import language_at, person_at

if TYPE_CHECKING:
    import gradio as gr


@dataclass(frozen=True, slots=True)
class Desk:
    """The handlers for one request. ``session`` is the open page; that of another person is never the same.
    ``language`` is the one that they read."""

    session: str
    viewer: Viewer
    language: str
    asking: Asking
    composing: Composing
    handlers: Handlers
    room: PanelRoom
    models: ModelChoice


class Desks:
    """Makes the desk for each request, over the one assistant.

    Args:
        runtime: the whole assistant.
        running: the running turns of all pages.
        uploads: the folder into which pages upload files.
    """

    def __init__(self, runtime: Runtime, running: RunningTurns, uploads: Path) -> None:
        self._runtime = runtime
        self._running = running
        self._uploads = uploads
        self.drafts = Drafts()

    def of(self, request: gr.Request) -> Desk:
        """The desk of whoever sends a request."""
        return self.for_viewer(person_at(request).viewer, request.session_hash or "", language_at(request))

    def for_viewer(self, viewer: Viewer, page: str, language: str = "en") -> Desk:
        """The desk of a person at one open page."""
        theirs = self._runtime.for_person(viewer.owner)
        reader = Reader(theirs)
        return Desk(
            session=f"{viewer.owner}:{page}",
            viewer=viewer,
            language=language,
            asking=Asking(theirs, reader, self._running, self.drafts),
            composing=Composing(theirs, self.drafts, self._uploads),
            handlers=Handlers(theirs, reader, self._running, self._uploads),
            room=PanelRoom(self._runtime, reader, self._running),
            models=ModelChoice(self._runtime, viewer),
        )
