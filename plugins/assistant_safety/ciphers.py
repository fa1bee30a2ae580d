"""Ciphers that keep words as words: letters moved along the alphabet, turned round, or moved inside the word.

Tried only on a run of words that are no frequent English ones, and believed only where they come out as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from assistant_safety.encodings import LONGEST_PIECE, Piece
from assistant_safety.english import common_words, familiarity

_WORD = re.compile(r"[A-Za-z]++(?:'[A-Za-z]++)?")
_SAMPLE = 300
"""Characters of a run on which a cipher is tried before the whole run is read by it."""

_LEAST_UNKNOWN = 3
_LEAST_LETTERS = 10
_MOST_RUNS = 6
_BELIEVED = 0.55
"""Share of letters in frequent words, from which on a way to read a run is believed. Ordinary English has 0.8."""

_PLAIN = 0.4
"""Share of letters in frequent words, above which a run is taken for English with names in it."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def _shift(by: int) -> dict[int, int]:
    moved = _ALPHABET[by:] + _ALPHABET[:by]
    return str.maketrans(_ALPHABET + _ALPHABET.upper(), moved + moved.upper())


_ATBASH = str.maketrans(_ALPHABET + _ALPHABET.upper(), _ALPHABET[::-1] + _ALPHABET[::-1].upper())
_SHIFTS = [(f"a Caesar cipher (ROT{26 - by})" if by != 13 else "ROT13", _shift(by)) for by in range(1, 26)]


def cipher_pieces(text: str) -> Iterator[Piece]:
    """Caesar ciphers, Atbash, texts and words written backwards, and pig latin."""
    for number, (start, end) in enumerate(_strange_runs(text)):
        if number == _MOST_RUNS:
            return
        run = text[start : min(end, start + LONGEST_PIECE)]
        piece = _read_run(run)
        if piece is not None:
            yield Piece(start, start + len(run), piece.text, piece.origin, piece.how)


@lru_cache(maxsize=64)
def _read_run(run: str) -> Piece | None:
    """A run by the cipher that gives the most frequent words; ``None`` where it is none. The last few are remembered:
    an answer that is being written is looked at again and again."""
    sample = run[:_SAMPLE]
    if familiarity(sample) > _PLAIN:
        return None
    ways: list[tuple[float, str, Callable[[str], Piece]]] = []
    for how, table in (*_SHIFTS, ("Atbash", _ATBASH)):
        share = familiarity(sample.translate(table))
        ways.append((share, how, lambda whole, table=table: _same_places(whole.translate(table))))
    ways.append((familiarity(sample[::-1]), "letters backwards", _backwards))
    ways.append((familiarity(_each_backwards(sample).text), "words backwards", _each_backwards))
    ways.append((familiarity(_pig_latin(sample).text), "pig latin", _pig_latin))
    share, how, read = max(ways, key=lambda way: way[0])
    return replace(read(run), how=how) if share >= _BELIEVED else None


def _strange_runs(text: str) -> Iterator[tuple[int, int]]:
    """Runs of at least three unknown words, with at most two short known ones between two of them."""
    known = common_words()
    last = unknown = letters = between = 0
    before = -1
    run_start = -1
    for match in _WORD.finditer(text):
        word = match.group().lower()
        short = len(word) <= 2
        if word not in known and not (short and run_start < 0):
            if run_start < 0:
                run_start = before if before >= 0 else match.start()
                unknown = letters = 0
            last = match.end()
            unknown += 1
            letters += len(word)
            between = 0
        elif run_start >= 0:
            between += 1
            if between > 2 or len(word) > 4:
                if unknown >= _LEAST_UNKNOWN and letters >= _LEAST_LETTERS:
                    yield run_start, last
                run_start = -1
            elif short and text[last : match.start()].isspace():
                last = match.end()
        # A short word before the first unknown one may belong to the run.
        before = match.start() if short and run_start < 0 else -1
    if run_start >= 0 and unknown >= _LEAST_UNKNOWN and letters >= _LEAST_LETTERS:
        yield run_start, last


def _same_places(text: str) -> Piece:
    return Piece(0, len(text), text, range(len(text)))


def _backwards(text: str) -> Piece:
    return Piece(0, len(text), text[::-1], range(len(text) - 1, -1, -1))


def _each_backwards(text: str) -> Piece:
    origin = list(range(len(text)))
    for match in _WORD.finditer(text):
        origin[match.start() : match.end()] = range(match.end() - 1, match.start() - 1, -1)
    return Piece(0, len(text), "".join(text[place] for place in origin), origin)


_PIG = re.compile(r"([A-Za-z]{2,20}?)[-']?((?:[bcdfghjklmnpqrstvwxyz]|qu){1,4}|w|y)ay\b", re.IGNORECASE)


def _pig_latin(text: str) -> Piece:
    """ "igpay atinlay" back to "pig latin": the shortest end before "ay" that gives a frequent word goes in front."""
    kept: list[str] = []
    origin: list[int] = []
    end = 0
    known = common_words()
    for match in _WORD.finditer(text):
        kept.append(text[end : match.start()])
        origin.extend(range(end, match.start()))
        end = match.end()
        word = match.group().lower()
        plain = word
        if word.endswith("ay") and len(word) > 3 and word not in known:
            stem = word[:-2]
            moved = [stem[-count:] + stem[:-count] for count in range(1, min(4, len(stem)))]
            moved += [stem[:-1]] if stem[-1] in "wyh" else [stem]
            plain = next((each for each in moved if each in known), moved[0])
        kept.append(plain)
        origin.extend([match.start()] * len(plain))
    kept.append(text[end:])
    origin.extend(range(end, len(text)))
    return Piece(0, len(text), "".join(kept), origin)
