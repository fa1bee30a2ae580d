"""A picture on the page."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ImagePart
from assistant.ui.languages import tr


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on the page: where it is, and what it is called."""

    address: str
    alt: str


def picture_of(part: ImagePart, number: int = 0) -> Picture:
    """A stored picture, served under its hash."""
    named = tr("Picture {number}", number=number + 1) + (f", {part.name}" if part.name else "")
    return Picture(f"pictures/{part.sha256}", part.alt or named)
