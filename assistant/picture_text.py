"""The text in the pictures of a question: every picture is read once, before the rules see the turn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from assistant.extensions import Extensions
from assistant.messages import Exchange, HookCall, ImagePart, Message, Reading, Turn

KEPT = 512
"""How many readings are kept, by the hash of the picture."""


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """The turn with the readings of its pictures in place, how the plugins fared, and what the person is told."""

    turn: Turn
    calls: tuple[HookCall, ...] = ()
    notes: tuple[str, ...] = ()


class PictureText:
    """Asks the plugins what is written in pictures. Safe to use from many threads.

    Args:
        extensions: the plugins of the runtime.
    """

    def __init__(self, extensions: Extensions) -> None:
        self._extensions = extensions
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._lock = threading.Lock()

    def unread(self, turn: Turn) -> bool:
        """Whether a picture of the turn has to be read first, and there is a plugin that may."""
        readers = self._extensions.implementations("read_picture")
        return bool(readers) and any(image.reading is None for image in turn.images)

    def read(self, turn: Turn) -> ReadTurn:
        """Put the readings of the pictures in place. What was read before, in this turn or another, stays as it is.

        A plugin that fails leaves a note and the picture unread; nothing is raised.
        """
        found: dict[str, Reading] = {}
        calls: list[HookCall] = []
        notes: list[str] = []
        for image in turn.images:
            if image.reading is None and image.sha256 not in found:
                reading, failed, made = self._look(image)
                calls += made
                if reading is not None:
                    found[image.sha256] = reading
                if failed:
                    notes.append(f"Text in the picture was not read, or not by the reader that should have. {failed}")
        turn = _with_readings(turn, found)
        notes += [image.reading.note for image in turn.images if image.reading and image.reading.note]
        return ReadTurn(turn, tuple(calls), tuple(dict.fromkeys(notes)))

    def _look(self, image: ImagePart) -> tuple[Reading | None, str, tuple[HookCall, ...]]:
        with self._lock:
            kept = self._kept.get(image.sha256)
            if kept is not None:
                self._kept.move_to_end(image.sha256)
                return kept, "", ()
        answers = self._extensions.call_first("read_picture", {"image": image}, accept_reading)
        calls = tuple(answer.call for answer in answers)
        reading = next((answer.value for answer in answers if answer.value is not None), None)
        failed = next((str(answer.error) for answer in answers if answer.error), "")
        # Neither a stand-in for a reader that failed nor a reading that was cut short is good for the next turn.
        if reading is not None and reading.complete and not failed:
            with self._lock:
                self._kept[image.sha256] = reading
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return reading, failed, calls


def accept_reading(value: Any) -> Reading | None:
    """What ``read_picture`` may return.

    Raises:
        TypeError: it is neither ``None`` nor a `Reading`.
    """
    if value is None or isinstance(value, Reading):
        return value
    raise TypeError(f"expected None or a Reading, got {type(value).__name__}")


def _with_readings(turn: Turn, found: dict[str, Reading]) -> Turn:
    if not found:
        return turn
    history = tuple(Exchange(question=_read_message(each.question, found), answer=each.answer) for each in turn.history)
    return turn.model_copy(update={"question": _read_message(turn.question, found), "history": history})


def _read_message(message: Message, found: dict[str, Reading]) -> Message:
    images = tuple(
        each.model_copy(update={"reading": found[each.sha256]})
        if each.reading is None and each.sha256 in found
        else each
        for each in message.images
    )
    return message.model_copy(update={"images": images})
