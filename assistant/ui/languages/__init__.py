"""The language of the page: which one a person reads, and every text, number and date in it.

A text stands in the code in English, inside `tr` or `trn`, and that English text is its key in the catalogues
(``translations/de.po`` and so on, gettext's format). What a catalogue lacks stays English.
"""

from __future__ import annotations

from assistant.ui.languages.catalogue import Translations
from assistant.ui.languages.current import (
    COOKIE,
    LANGUAGES,
    chosen_language,
    current,
    direction,
    in_language,
    speaking,
)
from assistant.ui.languages.formats import day, megabytes, moment, number, percent
from assistant.ui.languages.messages import told

__all__ = [
    "COOKIE",
    "LANGUAGES",
    "Translations",
    "chosen_language",
    "current",
    "day",
    "direction",
    "in_language",
    "later",
    "megabytes",
    "moment",
    "number",
    "percent",
    "speaking",
    "told",
    "tr",
    "trn",
]

_OURS = Translations("assistant.ui")
tr, trn = _OURS.tr, _OURS.trn


def later(message: str) -> str:
    """Mark a text that `tr` gets later, as in a table at the head of a file; gives it back as it is."""
    return message
