"""HTML that is safe by construction: whatever is not `Html` is escaped on its way in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

VOID = frozenset({"img", "input"})
_BRACES = re.compile(r"\{(\w+)\}")


class Html(str):
    """Markup that this package wrote; everything else is text and gets escaped."""

    __slots__ = ()


Child = str | None
"""A piece of content: `Html` goes in as it is, any other text is escaped, ``None`` is left out."""


def text(value: str) -> Html:
    """Text as HTML, for content and for attribute values alike."""
    return value if isinstance(value, Html) else Html(escape(value, quote=True))


def join(children: Iterable[Child]) -> Html:
    """Several pieces, one after the other."""
    return Html("".join(text(child) for child in children if child is not None))


def rich(sentence: str, **children: Child) -> Html:
    """A sentence with elements in the places of its braces, as in ``rich("Type {it}.", it=tag("code", "ls"))``."""
    pieces = _BRACES.split(sentence)
    return join(children[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def dots(facts: Iterable[str]) -> Html:
    """Facts in a row, with a dot between them, each with its own direction; empty ones are left out."""
    parts = [tag("bdi", fact) for fact in facts if fact]
    return join(part for number, each in enumerate(parts) for part in ((" · ", each) if number else (each,)))


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """One element.

    Args:
        name: the element's name; never from outside.
        children: its content.
        attributes: ``class_`` becomes ``class``, ``data_turn`` becomes ``data-turn``; ``True`` gives a bare attribute;
            ``False`` and ``None`` leave it out.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(label if value is True else f'{label}="{text(str(value))}"')
    start = Html(f"<{' '.join(parts)}>")
    if name in VOID:
        return start
    return Html(f"{start}{join(children)}</{name}>")


def thumb(rating: str) -> Html:
    """A thumb, up or down, in the colour of the text around it; drawn, as not every system has one in its fonts."""
    shape = "M7 11v9H4v-9h3zm2 9h8.4a2 2 0 0 0 2-1.6l1.3-6.2A2 2 0 0 0 19 10h-5l.9-4.3A1.6 1.6 0 0 0 13.2 4L9 10.5V20z"
    return tag(
        "svg",
        tag("path", d=shape, transform=None if rating == "up" else "rotate(180 12 12)"),
        viewBox="0 0 24 24",
        width=18,
        height=18,
        fill="currentColor",
        aria_hidden="true",
        class_="thumb-sign",
    )
