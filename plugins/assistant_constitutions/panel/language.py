"""The texts of this panel in the reader's language."""

from __future__ import annotations

from assistant.ui.languages import Translations, day, later, number, told

__all__ = ["day", "later", "number", "told", "tr", "trn"]

_TEXTS = Translations("assistant_constitutions")
tr, trn = _TEXTS.tr, _TEXTS.trn
