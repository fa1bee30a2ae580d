"""Captions as answers: tidy, short, and true of the mirrored picture too."""

import re
from collections.abc import Iterable
from typing import Final

MOST_WORDS: Final = 15
"""Longer captions are left out: an answer should stay under two dozen tokens."""
_SIDES: Final = re.compile(r"\b(left|right|leftmost|rightmost)\b")


def tidy(caption: str) -> str:
    """Lower case, no full stop, no space before punctuation."""
    text = " ".join(caption.lower().replace('"', " ").split()).rstrip(" .!")
    return re.sub(r" ([,.;:!?'])", r"\1", text).replace(" 's", "'s")


def kept_captions(captions: Iterable[str]) -> tuple[str, ...]:
    """The captions that training answers with: at most `MOST_WORDS` words, none that says left or right."""
    tidied = (tidy(caption) for caption in captions)
    return tuple(c for c in tidied if 3 <= len(c.split()) <= MOST_WORDS and not _SIDES.search(c))
