"""Fields of what a browser sends: anything may be in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def field_text(data: Mapping[str, Any], name: str) -> str:
    """A field of text; empty where it is missing or something else."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def field_texts(data: Mapping[str, Any], name: str) -> list[str]:
    """A field of one text or several."""
    value = data.get(name)
    values: list[Any] = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def field_number(data: Mapping[str, Any], name: str) -> int | None:
    """A field with a whole number from 0 on; ``None`` where it is missing or something else."""
    value = field_text(data, name)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
