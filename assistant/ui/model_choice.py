"""Which model a person chose on the page: kept for them, and with what to do where its weights are missing."""

from __future__ import annotations

import shlex

from assistant.backends import NeedsDownload
from assistant.errors import GlassboxError, SettingsError
from assistant.panels import Viewer
from assistant.runtime import Runtime
from assistant.ui.languages import megabytes, tr
from assistant.ui.session import Update
from assistant.ui.views.phase import phase


class ModelChoice:
    """The choice of one person."""

    def __init__(self, runtime: Runtime, viewer: Viewer) -> None:
        self._runtime = runtime
        self._viewer = viewer

    def chosen(self) -> str | None:
        """The model to show as chosen; ``None`` where the person never chose one that is still there."""
        try:
            choices, default = self._runtime.extensions.choices, self._runtime.settings.model
            name = choices.preferred_model(self._viewer.owner, default)
        except SettingsError:  # the page says so elsewhere, and works with the default
            return None
        return name if any(each.name == name for each in self._runtime.backends) else None

    def choose(self, name: str) -> Update:
        """Keep a choice; where the model is not on this computer yet, the page says what to do."""
        try:
            backend = self._runtime.generator(name).backend
            choices, default = self._runtime.extensions.choices, self._runtime.settings.model
            choices.prefer_model(self._viewer.owner, name, default)
            need = backend.missing() if isinstance(backend, NeedsDownload) else None
        except GlassboxError as error:
            return Update(phase=phase(str(error), problem=True))
        if need is None:
            return Update(phase=phase("", hidden=True))
        missing = tr("{title} is not on this computer yet.", title=backend.title)
        if need.size:
            size, licence = megabytes(need.size), need.licence or tr("not named")
            missing = tr(
                "{title} is not on this computer yet ({size}, licence: {licence}).",
                title=backend.title,
                size=size,
                licence=licence,
            )
        if not self._viewer.operator:
            return Update(
                phase=phase(f"{missing} {tr('Ask an operator to fetch it, or choose another one.')}", problem=True)
            )
        command = f"assistant models get {shlex.quote(name)}"
        what = tr("Open “Models” above to fetch it, or type: {command}", command=command)
        return Update(phase=phase(f"{missing} {what}", problem=True))
