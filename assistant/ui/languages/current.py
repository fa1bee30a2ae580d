"""Which language is spoken right now: one for each request, found in its cookie or in what the browser asks for."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeVar

LANGUAGES = {"en": "English", "de": "Deutsch", "ar": "العربية"}
"""Every language by its code, each with its own name for itself."""

COOKIE = "glassbox_language"
"""Where a browser keeps the language that was chosen in the settings."""

_RIGHT_TO_LEFT = frozenset({"ar"})
_current: ContextVar[str] = ContextVar("glassbox_language", default="en")

Item = TypeVar("Item")


def current() -> str:
    """The language of this request."""
    return _current.get()


def direction(language: str = "") -> Literal["ltr", "rtl"]:
    """The direction of a language's lines; of the current one where none is named."""
    return "rtl" if (language or current()) in _RIGHT_TO_LEFT else "ltr"


@contextmanager
def speaking(language: str) -> Generator[None]:
    """Speak a language until the end of the block; English where there is no such language."""
    before = _current.set(language if language in LANGUAGES else "en")
    try:
        yield
    finally:
        _current.reset(before)


def in_language(language: str, items: Iterator[Item]) -> Iterator[Item]:
    """The items of a generator, each made while the language is spoken.

    The web server asks for each item in a context of its own, so that a block around the whole would not hold.
    """
    while True:
        with speaking(language):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def chosen_language(cookies: Mapping[str, str], accepted: str) -> str:
    """The language for a request.

    Args:
        cookies: of the request; a choice in the settings stands there.
        accepted: its header ``Accept-Language``, as in ``de-AT, en;q=0.5`` (RFC 9110, 12.5.4).
    """
    chosen = cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        name, _, weight = part.partition(";")
        try:
            share = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        wanted.append((share, name.strip().partition("-")[0].lower()))
    wanted.sort(key=lambda each: -each[0])
    return next((name for share, name in wanted if share > 0 and name in LANGUAGES), "en")
