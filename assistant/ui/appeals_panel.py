"""The panel "Appeals": a reviewer reads what people said against refusals, and decides."""

from __future__ import annotations

from assistant import appeals
from assistant.errors import InputError
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.ui.languages import told, tr
from assistant.ui.views.appeals import appeals_view
from assistant.ui.views.markup import Html, join
from assistant.ui.views.panel import said


class AppealsPanel:
    """Lists the open appeals; a reviewer upholds or overturns them."""

    name = "appeals"
    audience = "reviewers"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Appeals")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the reviewer did.

        Raises:
            GlassboxError: the decision cannot be taken; the message says why.
        """
        match request.act:
            case "":
                return self._listed(request)
            case "uphold" | "overturn":
                request.must_be_reviewer()
                return join([said(self._decided(request)), self._listed(request)])
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    def _decided(self, request: PanelRequest) -> str:
        appeal, reason, who = request.text("appeal"), request.text("reason"), request.viewer.name
        if request.act == "uphold":
            done = appeals.uphold(self._runtime, appeal, rule=request.text("rule"), reason=reason, who=who)
            return tr("Upheld: the refusal by {rule} stands. The person sees your reason next to it.", rule=done.rule)
        overturned = appeals.overturn(self._runtime, appeal, reason=reason, who=who)
        done = tr("Overturned. The person sees your reason next to the refusal.")
        return f"{done} {told(overturned.case.message)}"

    def _listed(self, request: PanelRequest) -> Html:
        cases = appeals.cases(self._runtime)
        waiting = [each for each in cases if each.appeal.status == "open"]
        decided = [each for each in reversed(cases) if each.appeal.status != "open"]
        return appeals_view(self.name, waiting, decided, may_decide=request.viewer.may_review)
