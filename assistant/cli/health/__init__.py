"""The checks of ``assistant doctor``: the machine first, then the house that stands on it."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.cli.health import house, machine
from assistant.cli.health.check import Check
from assistant.settings import Settings

__all__ = ["Check", "examine"]


def examine(settings: Settings) -> Iterator[Check]:
    """Run every check, and hand out each result as soon as it is there. No check raises, whatever it meets."""
    yield from machine.examine(settings)
    yield from house.examine(settings)
