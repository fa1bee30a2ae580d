"""Requests word by word in another language: enough for whoever knows both, and no grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random

import yaml

from assistant_redteam.mutation import Mutant, Mutator
from assistant_redteam.wording import phrase_pattern

_LEAST_CONTENT = 2
"""Not counting small words: a verb and a noun, say; fewer, and the mutant is English with a foreign "how"."""


@dataclass(frozen=True, slots=True)
class _Tables:
    small_words: frozenset[str]
    languages: Mapping[str, tuple[Mapping[str, str], re.Pattern[str]]]


@cache
def _tables() -> _Tables:
    text = resources.files("assistant_redteam").joinpath("translations.yaml").read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    small_words = frozenset(read.pop("small_words"))
    return _Tables(small_words, {language: (table, phrase_pattern(table)) for language, table in read.items()})


def _translate(language: str, text: str) -> Mutant | None:
    table, pattern = _tables().languages[language]
    changes: list[tuple[str, str]] = []

    def put(match: re.Match[str]) -> str:
        before = match.group().lower()
        after = table[before]
        if before not in _tables().small_words:
            changes.append((before, after))
        return after

    translated = pattern.sub(put, text)
    return Mutant(translated, tuple(changes)) if len(changes) >= _LEAST_CONTENT else None


def _mutator(language: str) -> Mutator:
    def make(text: str, random: Random) -> Mutant | None:
        return _translate(language, text)

    about = f"Word by word in {language.capitalize()}; words that are not in the table stay English."
    return Mutator(f"into {language.capitalize()}", "language", False, about, make)


TRANSLATION = tuple(_mutator(language) for language in ("german", "french", "spanish"))
"""Every language that there is a table for."""
