"""The panel "Settings": what holds for one person's page, first of all its language."""

from __future__ import annotations

from assistant.panels import PanelRequest
from assistant.ui.languages import tr
from assistant.ui.views.settings import settings_view


class SettingsPanel:
    """For everybody. A choice is kept by the browser, so that the page to sign in has it too."""

    name = "settings"

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Settings")

    def draw(self, request: PanelRequest) -> str:
        """The panel; its forms go to the address ``/language``."""
        return settings_view()
