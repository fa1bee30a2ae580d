"""Who looks at the page, and in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.accounts.person import Person
from assistant.api.login.callers import person_in
from assistant.ui.languages import chosen_language

if TYPE_CHECKING:
    import gradio as gr


def person_at(request: gr.Request) -> Person:
    """The person behind a request of the page; the gate in front of every route has found out who it is.

    Raises:
        RuntimeError: the request did not come through the gate.
    """
    inner = request.request
    if inner is None:
        raise RuntimeError("a request of the page came without what the server knows of it")
    return person_in(inner.scope)


def language_at(request: gr.Request) -> str:
    """The language in which the page is shown to whoever sends a request."""
    inner = request.request
    return "en" if inner is None else chosen_language(inner.cookies, inner.headers.get("accept-language", ""))
