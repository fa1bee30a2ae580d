"""When two short answers are the same."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = frozenset(("a", "an", "the"))
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


def normalise(text: str) -> str:
    """An answer without what does not matter: case, space at the ends, punctuation and articles.

    After the evaluation of visual question answering (Antol et al. 2015, section 3), without its table of number words.
    The point inside a number stays. Where nothing would be left ("?", "A"), the text stays as it is, in lower case.
    """
    lower = text.replace("\0", "").lower().strip()
    kept = "".join(" " if _is_punctuation(each) else each for each in _POINT.sub("\0", lower).replace("’", "'"))
    words = [word.replace("\0", ".") for word in kept.split() if word not in _ARTICLES]
    return " ".join(words) or lower


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")
