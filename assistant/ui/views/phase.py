"""The line that says what is going on."""

from __future__ import annotations

from assistant.ui.languages import told
from assistant.ui.views.markup import Html, tag


def phase(words: str, *, going_on: bool = False, problem: bool = False, hidden: bool = False) -> Html:
    """One line, read out when it changes; ``hidden`` is for screen readers alone."""
    kind = "hidden" if hidden else "problem" if problem else "going-on" if going_on else "said"
    return tag("p", told(words), class_=kind, role="status", aria_live="polite")
