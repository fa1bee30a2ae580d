"""A picture on the page."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ImagePart


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on the page: where it is, and what it is called."""

    address: str
    alt: str


def picture_of(part: ImagePart, number: int = 0) -> Picture:
    """A stored picture, served under its hash."""
    named = f"Picture {number + 1}" + (f", {part.name}" if part.name else "")
    return Picture(f"pictures/{part.sha256}", part.alt or named)
