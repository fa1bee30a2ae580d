"""Named patterns kept as data: in a YAML file the lines of a pattern are joined, and ``{part}`` stands for a part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from assistant.evaluators import Finding, Subject
from assistant.verdicts import Span
from assistant_safety.decoding import readings
from assistant_safety.folding import fold

SENTENCE = re.compile(r"[^.!?\n]++(?:[.!?](?=\S)[^.!?\n]*+)*+[.!?\n]?")
_WORD = re.compile(r"[a-z]+")
LONGEST_SENTENCE = 2_000
"""Characters of one sentence that are looked at together; a longer one is cut."""


@cache
def read_patterns(file: str, section: str = "patterns") -> Mapping[str, re.Pattern[str]]:
    """The patterns of one section of a file of this package, compiled, in the order of the file.

    Args:
        file: its name, as in ``claims.yaml``; its section ``parts`` holds what several patterns share.
        section: the name of the section.
    """
    data = yaml.safe_load(resources.files("assistant_safety").joinpath(file).read_text(encoding="utf-8"))
    parts = {name: lines.replace("\n", "") for name, lines in data.get("parts", {}).items()}
    patterns: dict[str, re.Pattern[str]] = {}
    for name, lines in data[section].items():
        pattern = lines.replace("\n", "")
        for part, inside in parts.items():
            pattern = pattern.replace(f"{{{part}}}", inside)
        patterns[name] = re.compile(pattern)
    return patterns


@cache
def read_words(file: str, section: str) -> frozenset[str]:
    """The words of a section of a file of this package, which are separated by spaces."""
    data = yaml.safe_load(resources.files("assistant_safety").joinpath(file).read_text(encoding="utf-8"))
    return frozenset(data[section].split())


def find_said(
    subject: Subject,
    patterns: Mapping[str, re.Pattern[str]],
    scores: Mapping[str, float],
    needs: frozenset[str] = frozenset(),
) -> Finding | None:
    """Look for scored patterns, sentence by sentence, in every reading of a text.

    Args:
        subject: what is judged.
        patterns: by name; ``reported`` takes back what was found in its sentence.
        scores: the score of each pattern that is looked for, in (0, 1].
        needs: a sentence without any of these words is passed over; empty: none is.

    Returns:
        The patterns that were found, marked and named, with the highest of their scores; ``None`` without any.
    """
    found: dict[str, list[Span]] = {}
    after = ""
    for reading in readings(subject.text):
        folded = fold(reading.text)
        for sentence in SENTENCE.finditer(folded.text):
            for start in range(sentence.start(), sentence.end(), LONGEST_SENTENCE):
                end = min(sentence.end(), start + LONGEST_SENTENCE)
                if needs and needs.isdisjoint(_WORD.findall(folded.text, start, end)):
                    continue
                for name in scores:
                    match = patterns[name].search(folded.text, start, end)
                    if (
                        match is None
                        or match.start() == match.end()
                        or patterns["reported"].search(folded.text, start, end)
                    ):
                        continue
                    first, last = reading.span(*folded.span(*match.span()))
                    found.setdefault(name, []).append(Span(part=subject.part, start=first, end=last))
                    after = after or reading.after
        if found:
            break
    if not found:
        return None
    said = "; ".join(found)
    return Finding(
        score=max(scores[name] for name in found),
        spans=tuple(dict.fromkeys(span for spans in found.values() for span in spans)),
        detail=f"Found: {said}{f' ({after})' if after else ''}.",
    )


def without_options(options: Mapping[str, Any]) -> None:
    """Accept no options.

    Raises:
        ValueError: there is one.
    """
    if options:
        raise ValueError(f"option {next(iter(options))!r}: expected no options")
