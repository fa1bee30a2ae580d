"""One result of ``assistant doctor``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from assistant.errors import describe
from assistant.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was found, and what to do about it (empty where nothing has to be done).

    ``warn``: the chat works, but not as it should. ``fail``: something does not work.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    todo: str = ""


def guarded(name: str, look: Callable[[Settings], Check], settings: Settings) -> Check:
    """The result of a check; a failure where the check itself broke."""
    try:
        return look(settings)
    except Exception as error:
        return Check(name, "fail", f"The check itself broke ({describe(error)}).", "Please report this.")
