"""Captions as answers: tidy, short, and true of the mirrored picture too."""

import re
from collections.abc import Iterable
from typing import Final

MOST_WORDS: Final = 15
"""Longer captions are left out: an answer should stay under two dozen tokens."""
LEAST_SHARED: Final = 0.5
"""A caption agrees with those of people when so many of its content words are among theirs."""
_LITTLE: Final = frozenset(
    (
        "a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "with", "by", "for", "from", "into", "over",
        "up", "down", "out", "off", "through", "near", "next", "while", "as", "is", "are", "be", "being", "has",
        "have", "his", "her", "its", "their", "him", "them", "it", "he", "she", "they", "there", "that", "this",
        "who", "which", "some", "each", "other",
    )
)  # fmt: skip
"""Words that any caption may have."""
_SIDES: Final = re.compile(r"\b(left|right|leftmost|rightmost)\b")


def tidy(caption: str) -> str:
    """Lower case, no full stop, no space before punctuation."""
    text = " ".join(caption.lower().replace('"', " ").split()).rstrip(" .!")
    return re.sub(r" ([,.;:!?'])", r"\1", text).replace(" 's", "'s")


def kept_captions(captions: Iterable[str]) -> tuple[str, ...]:
    """The captions that training answers with: at most `MOST_WORDS` words, none that says left or right."""
    tidied = (tidy(caption) for caption in captions)
    return tuple(c for c in tidied if 3 <= len(c.split()) <= MOST_WORDS and not _SIDES.search(c))


def content_words(caption: str) -> frozenset[str]:
    """The words of a caption that say what is there, without a plural's `s`."""
    words = re.findall(r"[a-z]+", caption.lower())
    return frozenset(word.removesuffix("s") for word in words if word not in _LITTLE)


def agrees(caption: str, by_people: Iterable[str]) -> bool:
    """Whether at least half of a caption's content words are among those of people's captions."""
    told = content_words(caption)
    known = frozenset[str]().union(*(content_words(one) for one in by_people))
    return bool(told) and len(told & known) >= LEAST_SHARED * len(told)
