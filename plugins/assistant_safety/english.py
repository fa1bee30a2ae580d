"""How much a text looks like English, from a list of frequent words; and words found again where the gaps are gone.

The list (``common_words.txt``, the most frequent first) is counted by ``models/training/safety_attacks.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from math import log

_LETTERS = re.compile(r"[a-z]++(?:'[a-z]++)?")
_LONGEST = 20
_LONGEST_ROW = 2_000
"""Letters in one row that are taken apart into words; a longer row is no sentence."""

_UNKNOWN_LETTER = 9.0
"""The cost of a letter that no word covers: dearer than a letter of the rarest word."""


@cache
def common_words() -> Mapping[str, float]:
    """Frequent words of English requests, each with its cost: minus the logarithm of its share, by Zipf's law."""
    lines = resources.files("assistant_safety").joinpath("common_words.txt").read_text(encoding="utf-8").split()
    total = log(len(lines))
    return {word: log((place + 1) * total) for place, word in enumerate(lines)}


def is_known(word: str) -> bool:
    """Whether a word, in lower case, is a frequent one."""
    return word in common_words()


def familiarity(text: str) -> float:
    """The share of letters in frequent words, in [0, 1]; 0 without letters. Single letters do not count."""
    known = total = 0
    words = common_words()
    for word in _LETTERS.findall(text.lower()):
        if len(word) > 1:
            total += len(word)
            known += len(word) if word in words else 0
    return known / total if total else 0.0


@lru_cache(maxsize=1024)
def words_inside(letters: str) -> Sequence[str]:
    """Cut a row of lower-case letters into words by the cheapest way (Viterbi's algorithm over Zipf costs).

    Args:
        letters: without spaces. A row of over 2,000 letters comes back whole.

    Returns:
        The pieces in order; together they are ``letters``. What no word covers comes back as one piece.
    """
    if len(letters) > _LONGEST_ROW:
        return (letters,)
    words = common_words()
    best: list[float] = [0.0]
    back: list[int] = [0]
    for end in range(1, len(letters) + 1):
        cost, start = best[end - 1] + _UNKNOWN_LETTER, end - 1
        for begin in range(max(0, end - _LONGEST), end):
            price = words.get(letters[begin:end])
            if price is not None and best[begin] + price < cost:
                cost, start = best[begin] + price, begin
        best.append(cost)
        back.append(start)
    pieces: list[str] = []
    end = len(letters)
    while end:
        piece = letters[back[end] : end]
        if pieces and piece not in words and pieces[-1] not in words:
            pieces[-1] = piece + pieces[-1]
        else:
            pieces.append(piece)
        end = back[end]
    return tuple(reversed(pieces))
