"""HTML that is safe by construction: whatever is not `Html` is escaped on its way in."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"img", "input", "br", "hr", "rect"})


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


def percent(share: float) -> str:
    """A share in [0, 1] as a whole percentage."""
    return f"{share:.0%}".replace("%", " %")
