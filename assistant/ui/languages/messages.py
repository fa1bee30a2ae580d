"""Sentences that come to the page ready-made in English: errors, receipts, notes of stored turns.

They are English where they are made, stored, logged and sent to programs. The page finds each among the English texts
of its catalogues, with whatever stands in its braces, and says it in the reader's language. Nothing is lost where it is
not found: the English sentence is shown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from assistant.ui.languages.catalogue import OURS, PACKAGES, read
from assistant.ui.languages.current import current

_BRACES = re.compile(r"\{(\d+)\}")
_END = re.compile(r"(?<=[.?!:”]) ")
_MOST = 4000
"""Characters of a sentence that are looked at."""


def told(text: str) -> str:
    """A ready-made English text, one sentence or several, in the reader's language."""
    if current() == "en" or not text or len(text) > _MOST:
        return text
    whole = _sentence(text)
    if whole is not None:
        return whole
    # The longest beginning that is known, and then the rest; what is not known stays as it is.
    for cut in reversed([found.start() for found in _END.finditer(text)]):
        start = _sentence(text[:cut])
        if start is not None:
            return f"{start} {told(text[cut + 1 :])}"
    first = _END.search(text)
    return f"{text[: first.start()]} {told(text[first.end() :])}" if first else text


def _sentence(text: str) -> str | None:
    for package in PACKAGES:
        forms = read(package, current()).texts.get(text)
        if forms:
            return forms[0]
    for pattern, translated in _patterns(tuple(PACKAGES), current()):
        match = pattern.fullmatch(text)
        if match:
            values = {name[1:]: _value(value) for name, value in match.groupdict().items()}
            pieces = _BRACES.split(translated)
            return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(pieces))
    return None


def _value(text: str) -> str:
    """What stands in a brace: a sentence, or words that are all known, as in ``upper left``."""
    whole = _sentence(text)
    if whole is not None:
        return whole
    words = [read(OURS, current()).texts.get(word) for word in text.split()]
    return " ".join(word[0] for word in words if word) if words and all(words) else text


@lru_cache(maxsize=8)
def _patterns(packages: tuple[str, ...], language: str) -> list[tuple[re.Pattern[str], str]]:
    """What recognises a sentence with numbered braces, and its translation; those with the most own words first."""
    known = {key: forms[0] for package in packages for key, forms in read(package, language).texts.items()}
    found: list[tuple[int, re.Pattern[str], str]] = []
    for key, translated in known.items():
        pieces = _BRACES.split(key)
        if len(pieces) > 1:
            # A brace that comes twice is the same both times.
            source, seen = "", set[str]()
            for place, piece in enumerate(pieces):
                if place % 2 == 0:
                    source += re.escape(piece)
                else:
                    source += f"(?P=v{piece})" if piece in seen else f"(?P<v{piece}>.+?)"
                    seen.add(piece)
            own = sum(map(len, pieces[::2]))
            found.append((own, re.compile(source, re.DOTALL), translated))
    return [(pattern, translated) for _, pattern, translated in sorted(found, key=lambda each: -each[0])]
