"""Where an answer goes on that a model was asked in words to go on with: what it says once more is left out."""

from __future__ import annotations

import re

LEAST = 12
"""A repetition of fewer characters may be what comes next."""
REACH = 400
"""How far back in the text a repetition may begin, besides its very beginning; in characters."""
_NO_SPACES = "\u2e80"
"""From here on, scripts are written without spaces between words."""


class Seam:
    """Passes on an answer from where it is new.

    Args:
        begun: what is there of it.
    """

    def __init__(self, begun: str) -> None:
        self._begun = begun
        self._held = ""
        words = (match.start() for match in re.finditer(r"\S+", begun))
        self._starts = [at for at in words if at == 0 or at >= len(begun) - REACH]
        self._open = True

    def feed(self, piece: str) -> str:
        """Take in a piece; returns what is new. What may turn out to be a repetition is held back."""
        if not self._open:
            return piece
        self._held += piece
        text = self._held.lstrip()
        again = [self._begun[at:] for at in self._starts]
        if not text or any(len(text) <= len(each) and each.startswith(text) for each in again):
            return ""
        return self.rest()

    def rest(self) -> str:
        """What is held back, where nothing more comes or it is decided."""
        held, self._held = self._held, ""
        if not self._open or not held:
            return held
        self._open = False
        text = held.lstrip()
        repeated = (self._begun[at:] for at in self._starts if len(self._begun) - at >= LEAST)
        found = max((each for each in repeated if text.startswith(each)), key=len, default="")
        return text[len(found) :] if found else self._joined(held)

    def _joined(self, text: str) -> str:
        """With a space, where two words would run together."""
        before, after = self._begun[-1:], text[:1]
        apart = not before or before.isspace() or not after.isalnum()
        return text if apart or max(before, after) >= _NO_SPACES else f" {text}"
