"""End an answer before the first of some texts, whatever backend writes it."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Looks for texts in an answer that comes in pieces.

    Args:
        texts: none of them empty.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._longest = max(map(len, texts), default=0)
        self._held = ""
        self.found = False
        """True once one of the texts has come: the answer is over."""

    def feed(self, piece: str) -> str:
        """Take in a piece; returns what belongs to the answer. The beginning of a text that may be one is held back."""
        if not self._texts:
            return piece
        if self.found:
            return ""
        text = self._held + piece
        places = [at for at in map(text.find, self._texts) if at >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = next((size for size in range(min(self._longest - 1, len(text)), 0, -1) if self._begins(text[-size:])), 0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What is still held back, where nothing more comes."""
        rest, self._held = self._held, ""
        return rest

    def _begins(self, end: str) -> bool:
        return any(text.startswith(end) for text in self._texts)
