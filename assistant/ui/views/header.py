"""The top of the page: the name of the house, the panels, and on a narrow screen the way to the chats."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.ui.views.markup import Html, tag


def header(panels: Sequence[tuple[str, str]], current: str = "") -> Html:
    """The header.

    Args:
        panels: name and title of each.
        current: the name of the one that is open.
    """
    buttons = (
        tag(
            "button",
            title,
            type="button",
            aria_current="page" if name == current else None,
            data_event="panel",
            data_panel=name,
            data_act="",
        )
        for name, title in panels
    )
    return tag(
        "div",
        tag("h1", "Glassbox"),
        tag("p", "Chat with pictures, and see through the answer.", class_="quiet"),
        tag("nav", *buttons, class_="rooms", aria_label="Panels"),
        tag("button", "Chats and plugins", type="button", id="menu", aria_expanded="false", aria_controls="left"),
        class_="header",
    )
