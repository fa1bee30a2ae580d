"""Where an answer that was begun goes on: what of it is about which picture, and what has not been shown yet."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.errors import GenerationError


def split_begun(begun: str, labels: Sequence[str]) -> list[str]:
    """What was written about each picture, in order; shorter than ``labels`` where the later ones were not come to.

    Args:
        begun: the beginning of the answer.
        labels: what stands before the part about each picture, line breaks included; all that is unlike "" is shown.

    Raises:
        GenerationError: it does not begin as such an answer does.
    """
    parts: list[str] = []
    rest = begun
    for number, label in enumerate(labels):
        if not rest or _is_begun(rest, label):
            break
        if not rest.startswith(label):
            raise GenerationError(
                f"Expected an answer that begins with {label.strip()!r}; came {begun[:40]!r}.",
                hint="Try again to get another answer.",
            )
        rest = rest[len(label) :]
        following = labels[number + 1] if number + 1 < len(labels) else ""
        at = rest.find(following) if following else -1
        if at < 0 and following:  # the label itself may be begun
            at = next((at for at in range(len(rest)) if _is_begun(rest[at:], following)), -1)
        part = rest if at < 0 else rest[:at]
        parts.append(part)
        rest = rest[len(part) :]
    return parts


def _is_begun(text: str, label: str) -> bool:
    return bool(label) and len(text) < len(label) and label.startswith(text)


class Unshown:
    """Passes on what comes after the beginning of an answer.

    Args:
        begun: the beginning.
    """

    def __init__(self, begun: str) -> None:
        self._left = begun

    def of(self, piece: str) -> str:
        """The part of a piece that is new.

        Raises:
            GenerationError: the answer does not begin in that way.
        """
        known = self._left[: len(piece)]
        if not piece.startswith(known):
            raise GenerationError(
                f"Expected an answer that goes on with {known!r}; came {piece[:40]!r}.",
                hint="Try again to get another answer.",
            )
        self._left = self._left[len(known) :]
        return piece[len(known) :]
