"""The page: chat, past chats, and the inside of every answer. Gradio is imported when the page is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.runtime import Runtime
from assistant.ui.session import RunningTurns

if TYPE_CHECKING:
    import gradio as gr

__all__ = ["build_ui"]


def build_ui(runtime: Runtime, running: RunningTurns | None = None) -> gr.Blocks:
    """The page over a runtime, to be mounted by `assistant.api.create_app`.

    Args:
        runtime: answers, and keeps what is shown.
        running: where its running turns are listed, for whoever must be able to stop them.
    """
    from assistant.ui.layout import build

    return build(runtime, running or RunningTurns())
