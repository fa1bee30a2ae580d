"""All readings of a text: as it stands, and decoded where a part of it is encoded, with the way back to its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant_safety.ciphers import cipher_pieces
from assistant_safety.encodings import DECODERS, Piece
from assistant_safety.english import familiarity

DEEPEST = 4
"""How many encodings inside each other are undone."""

MOST_READINGS = 10
"""Readings of one text, the plain one among them."""

MOST_PIECES = 1_000
"""Pieces of one kind that are decoded in one reading; the rest stays encoded."""

MOST_CHARACTERS = 200_000
"""Characters of all decoded readings together."""

_MEANT = 0.75
"""A reading is meant if its share of frequent words is at least this part of the best reading's share."""

_WHOLE = 20_000
_AROUND = 600
"""Of a text of over 20,000 characters a decoded reading keeps so many characters around each decoded piece."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One reading of a text.

    ``how``: the encodings that were undone, the outermost first; empty for the text as it stands. Character ``i`` of
    ``text`` came from the characters ``starts[i]`` to ``ends[i]`` (exclusive) of the original.
    """

    text: str
    how: tuple[str, ...]
    starts: Sequence[int]
    ends: Sequence[int]

    @property
    def after(self) -> str:
        """For the detail of a finding: "" or "after decoding base64, then ROT13"."""
        return f"after decoding {', then '.join(self.how)}" if self.how else ""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Characters ``start`` to ``end`` (exclusive) of this reading as a place in the original text."""
        return min(self.starts[start:end]), max(self.ends[start:end])


@lru_cache(maxsize=16)
def readings(text: str) -> tuple[Decoded, ...]:
    """Read a text in every way that makes sense of it.

    Ordinary text has one reading, itself. Where a part looks encoded and decodes to words, there is another one with
    the decoded words in its place, so that they are read together with what stands around them. Encodings inside each
    other are undone up to `DEEPEST` times, and the whole work is bounded by `MOST_READINGS` and `MOST_CHARACTERS`.

    Args:
        text: any text.

    Returns:
        The readings; the first is always the text as it stands. The last few texts are remembered.
    """
    found = [Decoded(text, (), range(len(text)), range(1, len(text) + 1))]
    seen = {text}
    level = found[:]
    room = MOST_CHARACTERS
    for _ in range(DEEPEST):
        deeper: list[Decoded] = []
        for reading in level:
            for how, pieces in _decodings(reading.text):
                one = _put_in(reading, how, pieces)
                if one.text in seen or len(found) >= MOST_READINGS or len(one.text) > room:
                    continue
                seen.add(one.text)
                room -= len(one.text)
                found.append(one)
                deeper.append(one)
        if not deeper:
            break
        level = deeper
    return tuple(found)


@lru_cache(maxsize=16)
def meant_readings(text: str) -> tuple[Decoded, ...]:
    """The readings of a text that can be what its writer meant: those with the most frequent words.

    An encoded text as it stands is noise, and so is one that was decoded the wrong way. Words are found in noise as
    well, but no meaning. What stands around an encoded part stands in the decoded reading too.

    Args:
        text: any text.

    Returns:
        At least one reading. A text of over 20,000 characters as it stands is always among them, because its decoded
        readings do not hold all of it.
    """
    every = readings(text)
    if len(every) == 1:
        return every
    shares = [_share_of_words(each.text) for each in every]
    enough = _MEANT * max(shares)
    return tuple(
        each
        for each, share in zip(every, shares, strict=True)
        if share >= enough or (not each.how and len(text) > _WHOLE)
    )


def _share_of_words(text: str) -> float:
    """The share of characters, but for blanks, that are letters of frequent words."""
    visible = sum(not character.isspace() for character in text)
    letters = sum(character.isascii() and character.isalpha() for character in text)
    return familiarity(text) * letters / visible if visible else 0.0


def _decodings(text: str) -> Iterable[tuple[str, list[Piece]]]:
    for name, decoder in (*DECODERS, ("a cipher", cipher_pieces)):
        pieces: list[Piece] = []
        for piece in decoder(text):
            if not pieces or piece.start >= pieces[-1].end:
                pieces.append(piece)
            if len(pieces) >= MOST_PIECES:
                break
        if pieces:
            yield pieces[0].how or name, pieces


def _put_in(reading: Decoded, how: str, pieces: list[Piece]) -> Decoded:
    """The reading with decoded pieces in their places."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def keep(start: int, end: int) -> None:
        text.append(reading.text[start:end])
        starts.extend(reading.starts[start:end])
        ends.extend(reading.ends[start:end])

    whole = len(reading.text) <= _WHOLE
    done = 0
    for piece in pieces:
        if not whole and piece.start - done > 2 * _AROUND:
            if done:
                keep(done, done + _AROUND)
            done = piece.start - _AROUND
        keep(done, piece.start)
        text.append(piece.text)
        if piece.origin is None:
            starts.extend([reading.starts[piece.start]] * len(piece.text))
            ends.extend([reading.ends[piece.end - 1]] * len(piece.text))
        else:
            starts.extend(reading.starts[piece.start + place] for place in piece.origin)
            ends.extend(reading.ends[piece.start + place] for place in piece.origin)
        done = piece.end
    keep(done, len(reading.text) if whole else min(len(reading.text), done + _AROUND))
    return Decoded("".join(text), (*reading.how, how), starts, ends)
