"""The panel "Refusals": which rules end questions, and how often a reviewer found them wrong."""

from __future__ import annotations

from assistant import appeals
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.ui.languages import tr
from assistant.ui.views.rates import rates_view


class RefusalsPanel:
    """One line for each rule in each version of its pack."""

    name = "refusals"
    audience = "reviewers"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Refusals")

    def draw(self, request: PanelRequest) -> str:
        """The table.

        Raises:
            StoreError: the counts cannot be read.
        """
        return rates_view(appeals.rates(self._runtime.store.rule_tallies()), appeals.BIASED)
