"""For rules that must know that all writing was seen: the evaluator ``unread_text``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant import Finding, Region, Subject
from assistant.evaluators import Cost


class UnreadText:
    """Reports pictures with writing that was not read, or that nobody could read. The score is 1 or there is none.

    A reader that fails leaves a note and the turn goes on; a pack that would rather have it end refuses with this.
    """

    name = "unread_text"
    cost: Cost = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """There are none.

        Raises:
            ValueError: some came.
        """
        if options:
            raise ValueError(f"expected no options; came {', '.join(sorted(map(str, options)))}")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at the pictures of the turn."""
        pictures = [
            number
            for number, image in enumerate(subject.turn.images)
            if image.reading is None or not image.reading.complete
        ]
        if not pictures:
            return None
        regions = tuple(Region(image=number, left=0, top=0, right=1, bottom=1) for number in pictures)
        return Finding(score=1.0, regions=regions, detail="text in the picture was not read")
