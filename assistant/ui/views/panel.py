"""What every panel has: its frame, its buttons and forms, and the sentence that says what came of a press."""

from __future__ import annotations

from assistant.ui.languages import told, tr
from assistant.ui.views.markup import Child, Html, tag, text


def frame(name: str, title: str, content: str, drawn: str) -> Html:
    """A panel with its heading and the way back to the chat.

    Args:
        name: of the panel.
        title: its heading.
        content: what stands below.
        drawn: another text each time, so that the page's script sees that it was drawn anew.
    """
    label = f"panel-{name}"
    return tag(
        "section",
        tag(
            "div",
            tag("h2", title, id=label, tabindex=-1),
            press(name, "close", tr("Back to the chat")),
            class_="panel-head",
        ),
        text(content),
        class_="panel",
        data_panel=name,
        data_drawn=drawn,
        aria_labelledby=label,
    )


def press(panel: str, act: str, label: str, *, main: bool = False, danger: bool = False, **fields: str) -> Html:
    """A button of a panel; what it is about stands in ``fields``."""
    return tag(
        "button",
        label,
        type="button",
        class_="main" if main else "danger" if danger else None,
        data_event="panel",
        data_panel=panel,
        data_act=act,
        **{f"data_{name}": value for name, value in fields.items()},
    )


def form(panel: str, act: str, *content: Child, **fields: str) -> Html:
    """A form of a panel. With an empty ``act`` its buttons say what they are for (`send`)."""
    return tag(
        "form",
        *content,
        data_event="panel",
        data_panel=panel,
        data_act=act or None,
        **{f"data_{name}": value for name, value in fields.items()},
    )


def send(label: str, act: str = "", *, main: bool = False) -> Html:
    """The button that sends a form."""
    kind = "main" if main else None
    if act:
        return tag("button", label, type="submit", class_=kind, name="act", value=act)
    return tag("button", label, type="submit", class_=kind)


def said(message: str, *, problem: bool = False) -> Html:
    """What came of a press, read out at once."""
    return tag(
        "p", told(message), class_="notice problem" if problem else "notice", role="alert" if problem else "status"
    )
