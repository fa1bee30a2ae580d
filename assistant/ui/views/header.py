"""The top of the page: the name of the house, the panels, and on a narrow screen the ways to chats and panels."""

from __future__ import annotations

import json
from collections.abc import Sequence

from assistant.ui.languages import current, direction, tr
from assistant.ui.views.markup import Html, tag


def header(panels: Sequence[tuple[str, str]], current_panel: str = "") -> Html:
    """The header. With it the page's script gets the language and its own texts.

    Args:
        panels: name and title of each.
        current_panel: the name of the one that is open.
    """
    buttons = (
        tag(
            "button",
            title,
            type="button",
            aria_current="page" if name == current_panel else None,
            data_event="panel",
            data_panel=name,
            data_act="",
        )
        for name, title in panels
    )
    return tag(
        "div",
        tag("h1", "Glassbox", lang="en"),
        tag("p", tr("Chat with pictures, and see through the answer."), class_="quiet"),
        tag("button", tr("Chats"), type="button", id="menu", aria_expanded="false", aria_controls="left"),
        tag("button", tr("Panels"), type="button", id="rooms-menu", aria_expanded="false", aria_controls="rooms"),
        tag("nav", *buttons, id="rooms", class_="rooms", aria_label=tr("Panels")),
        class_="header",
        data_language=current(),
        data_direction=direction(),
        data_texts=json.dumps(script_texts(), ensure_ascii=False),
    )


def script_texts() -> dict[str, str]:
    """What the page's script says by itself."""
    return {
        "conversation": tr("Conversation"),
        "question": tr("Your question"),
        "far": tr("{come} of {whole}"),
        "come": tr("{come} so far"),
    }
