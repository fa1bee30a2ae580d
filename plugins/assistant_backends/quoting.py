"""Questions about what is written in a picture, answered by quoting what was read there: no model writes a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant import Reading, ReadText, Turn

NOTHING_READ = "No text could be read in this picture."
LONGEST = 60
"""Lines that are quoted at most; how many more there are is said."""

_ASKS_TO_READ = re.compile(
    r"\bwhat (?:does|do|did) .{0,60}\b(?:say|read)\b"
    r"|\bwhat(?: is|'s| was| stands)? (?:written|said|printed)\b"
    r"|\bwhat(?: is|'s) the (?:text|writing|title|heading|caption|inscription)\b"
    r"|\bwhat (?:text|words?|writing|letters)\b"
    r"|\bis (?:there )?(?:any |some )?(?:text|writing|anything written)\b"
    r"|\b(?:read|transcribe|quote|copy|type|write) (?:out |down |off |me |to me )*(?:all |everything|aloud|"
    r"(?:this|that|the|these|it|what)\b)",
    re.IGNORECASE,
)
_ASKS_FOR_VALUE = re.compile(
    r"\b(?:what(?: is|'s| was| are)|which is|tell me|give me|find) (?:the |my |its )(?P<key>[\w -]{2,40}?)"
    r"(?: (?:on|in|of|at|for|from|shown|written|printed|given)\b.*)?$",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(
    r"\bhow much (?:is it|is this|was it|was this|did .{1,30} cost|in total|do i (?:owe|pay))\b", re.IGNORECASE
)
_WORDS = re.compile(r"[^\W_]+")
_VALUE = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters ``start`` to ``end`` of the answer are line number ``line`` of what was read in picture ``image``."""

    start: int
    end: int
    image: int
    line: int


@dataclass(frozen=True, slots=True)
class QuotedAnswer:
    """An answer that quotes. ``pieces``, joined, are its text; ``confidence`` is that of the least clear line."""

    pieces: tuple[str, ...]
    quotes: tuple[Quote, ...]
    reader: str
    confidence: float | None

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)


def quoted_answer(turn: Turn) -> QuotedAnswer | None:
    """Answer a question about what is written in the pictures of a turn.

    Returns:
        What was read, quoted, or that nothing could be read; ``None`` where the question is about something else or a
        picture was not read.
    """
    question = turn.question.text.strip().rstrip("?!. ")
    readings = [image.reading for image in turn.images]
    if not question or not readings or any(each is None for each in readings):
        return None
    read = [each for each in readings if each is not None]
    if _ASKS_TO_READ.search(question):
        found = [list(range(len(each.texts))) for each in read]
    else:
        keys = _keys(question)
        found = [_value_lines(keys, each) if keys else [] for each in read]
        if not any(found):
            return None
    return _compose(read, found)


def _keys(question: str) -> list[str]:
    if _HOW_MUCH.search(question):
        return ["total"]
    asked = _ASKS_FOR_VALUE.search(question)
    if asked is None:
        return []
    return [word.lower() for word in _WORDS.findall(asked["key"])]


def _value_lines(keys: Sequence[str], reading: Reading) -> list[int]:
    """The line that names what is asked for, and the one beside it where the value stands there."""
    for number in reversed(range(len(reading.texts))):  # a sum stands under what it sums up
        line = reading.texts[number]
        words = [word.lower() for word in _WORDS.findall(line.text)]
        if not all(key in words for key in keys):
            continue
        if _VALUE.search(line.text) or len(words) > len(keys):
            return [number]
        beside = [
            other
            for other, each in enumerate(reading.texts)
            if other != number and _same_row(line, each) and each.region.left >= line.region.left
        ]
        if beside:
            return [number, *beside]
    return []


def _same_row(one: ReadText, two: ReadText) -> bool:
    shared = min(one.region.bottom, two.region.bottom) - max(one.region.top, two.region.top)
    return shared > 0.5 * min(one.region.bottom - one.region.top, two.region.bottom - two.region.top)


def _compose(readings: Sequence[Reading], found: Sequence[Sequence[int]]) -> QuotedAnswer:
    pieces: list[str] = []
    quotes: list[Quote] = []
    sure: list[float] = []
    at = 0
    for image, (reading, lines) in enumerate(zip(readings, found, strict=True)):
        start = ("\n" if image else "") + (f"Picture {image + 1}: " if len(readings) > 1 else "")
        for piece, line in _sentences(reading, lines, start):
            pieces.append(piece)
            if line is not None:
                text = reading.texts[line].text
                begin = at + piece.index("“") + 1
                quotes.append(Quote(begin, begin + len(text), image, line))
                sure.append(reading.texts[line].confidence)
            at += len(piece)
    readers = dict.fromkeys(reading.reader for reading in readings)
    return QuotedAnswer(tuple(pieces), tuple(quotes), ", ".join(readers), min(sure, default=None))


def _sentences(reading: Reading, lines: Sequence[int], start: str) -> Iterator[tuple[str, int | None]]:
    """Pieces of the answer about one picture, each with the line that it quotes."""
    if not lines:
        yield start + NOTHING_READ, None
        return
    if len(lines) == 1:
        yield f"{start}It says “{reading.texts[lines[0]].text}”.", lines[0]
        return
    yield f"{start}It says:", None
    for line in lines[:LONGEST]:
        yield f"\n“{reading.texts[line].text}”", line
    if len(lines) > LONGEST:
        yield f"\n... and {len(lines) - LONGEST} more lines.", None
