"""The settings of the page: its language."""

from __future__ import annotations

from assistant.ui.languages import LANGUAGES, current, tr
from assistant.ui.views.markup import Html, join, tag


def settings_view() -> Html:
    """The languages, each in its own words, and what stays as it is in any of them."""
    return join(
        [
            tag("h3", tr("Language"), id="language"),
            tag("p", tr("The page follows your browser until you choose. Your choice is kept in this browser.")),
            language_form("/", labelled_by="language"),
            tag(
                "p",
                tr(
                    "The bundled model understands and answers English only, in any language of the page. The rules of "
                    "a pack stay in the language in which the pack was written."
                ),
                class_="notice",
            ),
        ]
    )


def language_form(after: str, *, labelled_by: str = "") -> Html:
    """A button for each language; pressing one loads the page again in it.

    Args:
        after: the address to go to afterwards.
        labelled_by: the id of a heading; without one, the form has a label of its own.
    """
    buttons = (
        tag(
            "button",
            name,
            type="submit",
            name="language",
            value=code,
            lang=code,
            aria_pressed="true" if code == current() else "false",
        )
        for code, name in LANGUAGES.items()
    )
    label = None if labelled_by else tr("Language")
    return tag(
        "form",
        tag("input", type="hidden", name="next", value=after),
        tag(
            "div",
            *buttons,
            role="group",
            aria_labelledby=labelled_by or None,
            aria_label=label,
            class_="languages",
        ),
        method="post",
        action="/language",
    )
