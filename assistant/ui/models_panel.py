"""The panel "Models": an operator fetches the weights of a model, after seeing their size and licence."""

from __future__ import annotations

from assistant.backends import NeedsDownload
from assistant.errors import InputError
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.ui.languages import tr
from assistant.ui.views.markup import Html, join
from assistant.ui.views.models_panel import NAME, ModelRow, models_view, offer_view
from assistant.ui.views.panel import said


class ModelsPanel:
    """Which models there are, and which of them have to be fetched first."""

    name = NAME
    audience = "operators"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Models")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the operator did.

        Raises:
            GlassboxError: it cannot be done; the message says why.
        """
        request.must_be_operator()
        match request.act:
            case "":
                return self._list()
            case "look":
                model = self._model(request)
                return join(
                    [offer_view(self._runtime.generator(request.text("model")).backend, model.missing()), self._list()]
                )
            case "fetch":
                self._runtime.downloads.start(request.text("model"), self._model(request))
                return self._list()
            case "stop":
                self._runtime.downloads.stop(request.text("model"))
                return join([said(tr("It stops in a moment.")), self._list()])
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    def _model(self, request: PanelRequest) -> NeedsDownload:
        backend = self._runtime.generator(request.text("model")).backend
        if not isinstance(backend, NeedsDownload):
            raise InputError(f"Nothing has to be fetched for {backend.name}.")
        return backend

    def _list(self) -> Html:
        progress = self._runtime.downloads.all()
        return models_view(
            [
                ModelRow(each, isinstance(each, NeedsDownload), progress.get(each.name))
                for each in self._runtime.backends
            ]
        )
