"""The panels beside the chat: ours and those that plugins bring. One is open at a time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from assistant.backends import NeedsDownload
from assistant.errors import GlassboxError, StoreError, describe
from assistant.messages import new_id
from assistant.panels import Panel, PanelRequest, Viewer
from assistant.runtime import Runtime
from assistant.store.schema import LOCAL
from assistant.ui.account_panel import AccountPanel
from assistant.ui.appeals_panel import AppealsPanel
from assistant.ui.fields import field_text
from assistant.ui.languages import tr
from assistant.ui.models_panel import ModelsPanel
from assistant.ui.people_panel import PeoplePanel
from assistant.ui.plugins_panel import PluginsPanel
from assistant.ui.reading import Reader
from assistant.ui.refusals_panel import RefusalsPanel
from assistant.ui.session import Place, RunningTurns, Update
from assistant.ui.settings_panel import SettingsPanel
from assistant.ui.views.header import header
from assistant.ui.views.markup import Html, join, text
from assistant.ui.views.panel import frame, said
from assistant.ui.views.phase import phase

log = logging.getLogger("glassbox.panels")


class PanelRoom:
    """Opens and closes the panels and hands on what a person does in them."""

    def __init__(self, runtime: Runtime, reader: Reader, running: RunningTurns) -> None:
        own: list[Panel] = [
            AppealsPanel(runtime),
            RefusalsPanel(runtime),
            PluginsPanel(runtime),
            PeoplePanel(runtime),
            AccountPanel(runtime),
            SettingsPanel(),
        ]
        if any(isinstance(each, NeedsDownload) for each in runtime.backends):
            own.append(ModelsPanel(runtime))
        taken = {each.name for each in own}
        self.panels = [*(each for each in runtime.panels if each.name not in taken), *own]
        self._store = runtime.store
        self._reader = reader
        self._running = running

    def header(self, viewer: Viewer, current: str = "") -> Html:
        """The top of the page, with the panels that are for this person; a reviewer sees how many appeals wait."""
        try:
            waiting = len(self._store.appeals("open")) if viewer.may_review else 0
        except StoreError:
            waiting = 0
        titles = [
            (each.name, f"{each.title} ({waiting})" if waiting and isinstance(each, AppealsPanel) else each.title)
            for each in self.panels
            if may_open(each, viewer)
        ]
        return header(titles, current)

    def act(self, place: Place, session: str, data: Mapping[str, Any], viewer: Viewer) -> Update:
        """What a button or a form of a panel asks for; ``data["panel"]`` names the panel, ``data["act"]`` the press."""
        name, act = field_text(data, "panel"), field_text(data, "act")
        if act == "close":
            return self._closed(place, session, viewer)
        panel = next((each for each in self.panels if each.name == name and may_open(each, viewer)), None)
        if panel is None:
            return Update(phase=phase(tr("There is no panel “{name}”. Load the page again.", name=name), problem=True))
        content = self._drawn(panel, PanelRequest(act, data, viewer))
        shown = frame(panel.name, panel.title, content, drawn=new_id())
        return Update(panel=shown, header=self.header(viewer, panel.name))

    def _closed(self, place: Place, session: str, viewer: Viewer) -> Update:
        """The chat again, as it stands now: an appeal may have been decided. A running turn draws it itself."""
        running = self._running.running(session)
        return Update(
            panel=Html(""),
            header=self.header(viewer),
            transcript=None if running else self._reader.transcript(place),
            plugins=self._reader.plugins(),
            warnings=self._reader.warnings(),
        )

    def _drawn(self, panel: Panel, request: PanelRequest) -> Html:
        try:
            return text(panel.draw(request))
        except Exception as error:
            problem = said(_sentence(panel, error), problem=True)
        if not request.act:
            return problem
        try:  # below the problem, the panel as it stands
            return join([problem, text(panel.draw(PanelRequest("", {}, request.viewer)))])
        except Exception:
            return problem


def may_open(panel: Panel, viewer: Viewer) -> bool:
    """Whether a panel is for this person. Those about other people's turns are for reviewers and operators."""
    wanted = getattr(panel, "audience", "everybody")
    if wanted == "signed-in":
        return viewer.owner != LOCAL
    return wanted == "everybody" or viewer.operator or (wanted == "reviewers" and viewer.may_review)


def _sentence(panel: Panel, error: Exception) -> str:
    if isinstance(error, GlassboxError):
        return str(error)
    log.exception("The panel %r failed.", panel.name, exc_info=error)
    return tr(
        "The panel “{title}” failed ({describe}). Nothing else is affected.",
        title=panel.title,
        describe=describe(error),
    )
