"""A text as words, with every other way to read them: 1ee7, s-p-l-i-t, strrretched."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache

from assistant_safety.folding import Folded, fold

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# Each starts only where a run starts and never gives a character back: a long run is walked over once.
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++(?=\s)|\n\s*\n")
_DRESSED = re.compile(r"[a-z0-9@$!|€+]+")
_MARKS = frozenset("0123456789@$!|€+")
_LEET = str.maketrans("03456789@$!|€+", "oeasgtbgasilet")
_JOINED = re.compile(r"(?<![^\W_])[^\W_]++(?:[-._*~·]++[^\W_]++)+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
_LONGEST_WORD = 32
_RUN_TO_SEARCH = 8
"""Single letters in a row, from which on words are looked for inside the row: ``h o w t o h i d e``."""

_LETTERS_A_WORD = 5
_LONGEST_INSIDE = 12
_LETTERS_TO_SEARCH = 10_000
"""Half of the characters that a question may have by default: a gap stands after every letter."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as words. Words are numbered from 0; ``starts`` and ``ends`` are characters of the original text.

    ``places`` tells for each way to read a word where it stands, as its first and last word number: more than one
    number where the word was taken apart.
    """

    words: list[str] = field(default_factory=list[str])
    starts: list[int] = field(default_factory=list[int])
    ends: list[int] = field(default_factory=list[int])
    sentences: list[int] = field(default_factory=list[int])
    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])
    other_ends: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """For a word that is read differently from how it is written: (word, its first number) -> its last number."""
    inside: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])
    """What could be a word inside a long row of single letters, with its first and last number."""
    positions: list[int] = field(default_factory=list[int])
    """How far along each word stands, counted in words; letters in a row are counted as the words they would make."""
    groups: dict[object, list[tuple[int, int]]] = field(default_factory=dict[object, list[tuple[int, int]]])
    """Where the words of a group stand, for those that were looked for: many rules look for the same group."""

    def follow(self, forms: frozenset[str], at: int) -> int | None:
        """The last word number of a word out of ``forms`` that starts at number ``at``; ``None`` where none does."""
        if at < len(self.words) and self.words[at] in forms:
            return at
        if self.other_ends:
            for form in forms:
                end = self.other_ends.get((form, at))
                if end is not None:
                    return end
        return None

    def add(self, form: str, first: int, last: int) -> None:
        """Note that the words ``first`` to ``last`` can be read as ``form``."""
        if (form, first) not in self.other_ends and not (first == last and self.words[first] == form):
            self.other_ends[form, first] = last
            self.places.setdefault(form, []).append((first, last))


def _add_other_readings(reading: Reading, folded: Folded, starts: list[int], ends: list[int]) -> None:
    text = folded.text

    def numbers(start: int, end: int) -> tuple[int, int]:
        return bisect_left(starts, start), bisect_left(ends, end)

    if not _MARKS.isdisjoint(text):
        for match in _DRESSED.finditer(text):
            chunk = match.group().rstrip("!|+")
            if len(chunk) > _LONGEST_WORD or _MARKS.isdisjoint(chunk) or chunk.isdigit():
                continue
            first, last = numbers(match.start(), match.start() + len(chunk))
            if first <= last < len(starts):
                plain = chunk.translate(_LEET)
                for one in ("i", "l") if "1" in chunk else ("",):
                    reading.add(plain.replace("1", one), first, last)
    for match in _JOINED.finditer(text):
        chunk = "".join(character for character in match.group() if character.isalnum())
        if len(chunk) <= _LONGEST_WORD:
            reading.add(chunk, *numbers(match.start(), match.end()))
    if _STRETCHED.search(text):
        for number, word in enumerate(reading.words):
            if _STRETCHED.search(word):
                reading.add(_STRETCHED.sub(r"\1", word), number, number)
                reading.add(_STRETCHED.sub(r"\1\1", word), number, number)


def _add_split_letters(reading: Reading, text: str, starts: list[int], ends: list[int]) -> None:
    words = reading.words
    if sum(len(word) == 1 for word in words) < 3:
        reading.positions.extend(range(len(words)))
        return
    split: dict[int, int] = {}
    searched = number = 0
    while number < len(words):
        last = number
        if len(words[number]) == 1:
            gap = text[ends[number] : starts[number + 1]] if number + 1 < len(words) else ""
            while (
                gap
                and len(gap) <= 3
                and last + 1 < len(words)
                and len(words[last + 1]) == 1
                and text[ends[last] : starts[last + 1]] == gap
            ):
                last += 1
            if last - number >= 2:
                split[number] = last
                letters = "".join(words[number : last + 1]).translate(_LEET).replace("1", "i")
                if len(letters) <= _LONGEST_WORD:
                    reading.add(letters, number, last)
                if len(letters) >= _RUN_TO_SEARCH:
                    _add_words_inside(reading, number, letters[: max(0, _LETTERS_TO_SEARCH - searched)])
                    searched += len(letters)
        number = last + 1
    position = number = 0
    while number < len(words):
        last = split.get(number, number)
        reading.positions.extend(position + letter // _LETTERS_A_WORD for letter in range(last - number + 1))
        position = reading.positions[-1] + 1
        number = last + 1


def _add_words_inside(reading: Reading, number: int, letters: str) -> None:
    for start in range(len(letters) - 3):
        for end in range(start + 4, min(start + _LONGEST_INSIDE, len(letters)) + 1):
            reading.inside.setdefault(letters[start:end], []).append((number + start, number + end - 1))


def words_of(text: str) -> list[str]:
    """The words of a text as they are written, folded."""
    return _WORD.findall(fold(text).text)


@lru_cache(maxsize=24)
def read(text: str) -> Reading:
    """Take a text apart into words.

    The effort grows with the length of the text and no faster.

    Args:
        text: any text.

    Returns:
        Its words, where they stand in ``text``, and the other ways to read them. The last few are kept, because every
        rule looks at the same text.
    """
    folded = fold(text)
    starts: list[int] = []
    ends: list[int] = []
    reading = Reading()
    for match in _WORD.finditer(folded.text):
        start, end = match.span()
        starts.append(start)
        ends.append(end)
        reading.words.append(match.group().removesuffix("'s"))
    for original_start, original_end in map(folded.span, starts, ends):
        reading.starts.append(original_start)
        reading.ends.append(original_end)
    breaks = [match.start() for match in _SENTENCE_END.finditer(folded.text)]
    reading.sentences.extend(bisect_left(breaks, start) for start in starts)
    for number, word in enumerate(reading.words):
        reading.places.setdefault(word, []).append((number, number))
    if "'s" in folded.text:
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if folded.text.endswith("'s", start, end):
                reading.add(folded.text[start:end], number, number)
    _add_other_readings(reading, folded, starts, ends)
    _add_split_letters(reading, folded.text, starts, ends)
    return reading
