"""What the learned evaluator reads in a text: hashed words, pieces of words, pairs of words that stand close together,
and the classes of the lexicon that a word belongs to (an act, a target, a stance, a frame).

Training and run time share this file, so that both see the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from zlib import crc32

import yaml

from assistant_safety.inflection import forms_of
from assistant_safety.reading import read

BUCKETS = 1 << 16
"""Rows of the table of weights. A feature's row is its CRC-32, modulo this."""

LONGEST = 400
"""Words of a text that are read at once; a longer text is read in pieces of this length."""

_REACH = 5
"""How far apart, in words, the two words of a pair may stand."""


def words_in(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


FUNCTION_WORDS = words_in(
    """
    a an the of to in on at for and or is are was were be been am do does did it its this that with by from
    as so if can could would should will shall may might i me my we our you your they them he she his her us
    have has had not no there here some any all which what who how when where why than then about into up
    out off over
    """
)


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The classes of each word of ``lexicon.yaml``, with the word's simple inflections."""
    text = resources.files("assistant_safety").joinpath("lexicon.yaml").read_text(encoding="utf-8")
    classes: dict[str, tuple[str, ...]] = {}
    for name, words in yaml.safe_load(text).items():
        for term in words.split():
            for form in (term[1:],) if term.startswith("=") else forms_of(term):
                if name not in classes.get(form, ()):
                    classes[form] = (*classes.get(form, ()), name)
    return classes


def _row(name: str) -> int:
    return crc32(name.encode()) % BUCKETS


@lru_cache(maxsize=50_000)
def rows_of_word(word: str) -> tuple[int, ...]:
    """The rows of one word by itself: the word, its pieces of 3 to 5 letters, and its classes."""
    framed = f"<{word}>"
    pieces = (
        {framed[at : at + size] for size in (3, 4, 5) for at in range(len(framed) - size + 1)} if len(word) > 3 else ()
    )
    names = [f"w {word}", *(f"c {piece}" for piece in sorted(pieces)), *(f"k {name}" for name in classes_of(word))]
    return tuple(map(_row, names))


@lru_cache(maxsize=50_000)
def classes_of(word: str) -> tuple[str, ...]:
    """The classes of a word: those of the lexicon, or none."""
    return lexicon().get(word, ())


def tokens_of(text: str) -> list[str]:
    """The words of a text as the learned evaluator reads them: folded, taken out of disguise, digits as 0."""
    return [token for token, _, _ in placed_tokens(text)]


def placed_tokens(text: str) -> list[tuple[str, int, int]]:
    """As `tokens_of`, each with its first and last word number in `read`."""
    reading = read(text)
    tokens: list[tuple[str, int, int]] = []
    known = lexicon()
    others = (
        {first: (form, last) for (form, first), last in reading.other_ends.items() if form in known}
        if (reading.other_ends)
        else {}
    )
    number = 0
    while number < len(reading.words):
        word, last = reading.words[number], number
        if number in others and word not in known:
            word, last = others[number]
        tokens.append(("0" if word.isdigit() else word, number, last))
        number = last + 1
    return tokens


def rows_of_pairs(tokens: Sequence[str]) -> list[int]:
    """The rows of neighbours, of pairs of content words, and of pairs of classes that stand close together."""
    names: list[str] = []
    before = "^"
    for token in tokens:
        names.append(f"b {before} {token}")
        before = token
    names.append(f"b {before} $")
    names.extend(f"t {a} {b} {c}" for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False))
    if len(tokens) > 1:
        names.append(f"s {tokens[0]} {tokens[1]}")
    recent: list[tuple[int, str, tuple[str, ...]]] = []
    for at, token in enumerate(tokens):
        if token in FUNCTION_WORDS:
            continue
        classes = classes_of(token)
        recent = [each for each in recent if at - each[0] <= _REACH]
        for _, other, theirs in recent:
            names.append(f"p {other} {token}")
            for one in theirs:
                names.append(f"q {one} {token}")
                names.extend(f"r {one} {two}" for two in classes)
            names.extend(f"u {other} {two}" for two in classes)
        recent.append((at, token, classes))
    return [crc32(name.encode()) % BUCKETS for name in dict.fromkeys(names)]
