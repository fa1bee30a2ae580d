"""Mend an answer as a rule says: put something in place of what was marked, or leave out the sentences it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from assistant.verdicts import Span
from assistant_constitutions.pack import Principle

Rewrite = Callable[[Principle, str, str], "str | None"]
"""(principle, what has been shown, the rest) -> another rest; ``None`` where nobody can write one."""

_SENTENCE_END = re.compile(r"[.!?]++[\"'”’)]*+(?=\s|$)|\n")
LEFT_OUT = "…"
"""Stands where a sentence stops that had already been shown in part."""


def revised(
    principle: Principle, text: str, spans: Sequence[Span], shown: int, rewrite: Rewrite | None = None
) -> str | None:
    """What is to stand in place of the part of an answer that has not been shown.

    Args:
        principle: says how, in ``revise``.
        text: the whole answer.
        spans: what the evaluators marked in it.
        shown: so many characters have been shown, and stay.
        rewrite: how to have a text written anew, where a model can.

    Returns:
        The new rest; ``None`` where nothing that can be shown is left, or nothing was marked.
    """
    how = principle.revise
    if how is not None and how.rewrite and rewrite is not None:
        written = rewrite(principle, text[:shown], text[shown:])
        if written is not None and written.strip() not in ("", text[shown:].strip()):
            return written
    places = [(max(span.start, shown), span.end) for span in spans if span.end > shown]
    if not places:
        return None
    rest = _replaced(text, places, shown, how.replace) if how and how.replace else _without(text, places, shown)
    return rest if (text[:shown] + rest).strip(f"{LEFT_OUT} \n") else None


def _replaced(text: str, places: Sequence[tuple[int, int]], shown: int, instead: str) -> str:
    pieces: list[str] = []
    at = shown
    for start, end in sorted(places):
        if start >= at:
            pieces += [text[at:start], instead]
        at = max(at, end)
    return "".join([*pieces, text[at:]])


def _without(text: str, places: Sequence[tuple[int, int]], shown: int) -> str:
    pieces: list[str] = []
    for start, end in _sentences(text):
        if end <= shown:
            continue
        marked = any(first < end and last > start for first, last in places)
        if not marked:
            pieces.append(text[max(start, shown) : end])
        elif start < shown:
            pieces.append(f"{LEFT_OUT} ")
    rest = "".join(pieces)
    return rest if text[-1:].isspace() else rest.rstrip()


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences stand, each with the blanks after it; together they are the whole text."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        while end < len(text) and text[end].isspace():
            end += 1
        if end > start:
            yield start, end
        start = max(start, end)
    if start < len(text):
        yield start, len(text)
