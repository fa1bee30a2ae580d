"""Undress a text: compatibility forms, accents, invisible characters and look-alike letters, with the way back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# Letters of other alphabets that a reader takes for Latin ones, after lower-casing and taking accents off.
_LOOKALIKES = str.maketrans(
    {
        **dict(zip("абвгеѕіјкмнорстухԁԛԝһӏьп", "abbreсijkmhopctyxdqwhlbn", strict=True)),
        **dict(zip("αβγεηικνορτυχωϲϳ", "abyenikvoptuxwcj", strict=True)),
        **dict(zip("ɑɡıłøđħʟɴʀᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ", "agilodhlnracdejkmoptuvwz", strict=True)),
        **dict(zip("‘’‛ʼ′“”‐‑‒–—", "'''''\"\"-----", strict=True)),
        "ѕ": "s",
        "г": "r",
        "н": "h",
        "т": "t",
        "с": "c",
    }
)
# Letters by their category, blank to the eye.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_RUNS = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Folded:
    """``text`` as a reader sees it, in lower case; character ``i`` of it came from character ``origin[i]``."""

    text: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Characters ``start`` to ``end`` (exclusive) of the folded text, as a place in the original one."""
        return self.origin[start], self.origin[end - 1] + 1


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _BLANK:
        return ""
    kept = (
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) not in ("Mn", "Me", "Cf")
    )
    return "".join(kept).casefold().translate(_LOOKALIKES)


def fold(text: str) -> Folded:
    """Fold compatibility forms, case, accents and look-alikes, and drop what cannot be seen.

    Args:
        text: any text.

    Returns:
        The folded text and, for each of its characters, the place that it came from.
    """
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    pieces: list[str] = []
    origin: list[int] = []
    for run in _RUNS.finditer(text):
        piece = run.group()
        if piece.isascii():
            pieces.append(piece.lower())
            origin.extend(range(run.start(), run.end()))
        else:
            folded = _fold_character(piece)
            pieces.append(folded)
            origin.extend([run.start()] * len(folded))
    return Folded("".join(pieces), origin)
