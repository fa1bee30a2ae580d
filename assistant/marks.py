"""``@hookimpl``: how a plugin marks a function as its implementation of a hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

import pluggy

from assistant.hookspecs import PROJECT

Phase = Literal["normalise", "check", "judge", "observe"]
PHASES: tuple[Phase, ...] = ("normalise", "check", "judge", "observe")
"""The order in which implementations run. ``normalise`` prepares, ``check`` decides by itself, ``judge`` decides in the
light of the checks, ``observe`` only looks."""

CHECKING_HOOKS = frozenset({"before_turn", "check_segment", "after_turn"})
"""Hooks whose answer decides what a person may see. A crash in them ends the turn unless the plugin says otherwise."""

OnFailure = Literal["closed", "open"]
F = TypeVar("F", bound=Callable[..., Any])

_pluggy_mark = pluggy.HookimplMarker(PROJECT)
_ATTRIBUTE = "_assistant_mark"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an implementation declares about itself. ``on_failure`` ``None``: closed for checking hooks, else open."""

    phase: Phase = "check"
    on_failure: OnFailure | None = None
    time_limit: float | None = None


@overload
def hookimpl(function: F, /) -> F: ...


@overload
def hookimpl(
    *, phase: Phase = "check", on_failure: OnFailure | None = None, time_limit: float | None = None
) -> Callable[[F], F]: ...


def hookimpl(
    function: F | None = None,
    /,
    *,
    phase: Phase = "check",
    on_failure: OnFailure | None = None,
    time_limit: float | None = None,
) -> F | Callable[[F], F]:
    """Mark a function as an implementation of the hook of the same name.

    Args:
        function: the function, where the mark is used without brackets.
        phase: when it runs among the implementations of other plugins.
        on_failure: ``closed`` ends the turn as a finished refusal when the function crashes or is too slow, ``open``
            goes on with a note. Left out: closed for `CHECKING_HOOKS`, open for all others.
        time_limit: seconds; left out, the setting ``hook_seconds`` holds.

    Raises:
        ValueError: an argument has a value that is not allowed.

    Example:
        >>> @hookimpl(phase="check", on_failure="closed", time_limit=1.0)
        ... def before_turn(turn):
        ...     return None
    """
    if phase not in PHASES:
        raise ValueError(f"hookimpl: phase must be one of {', '.join(PHASES)}; got {phase!r}")
    if on_failure not in (None, "closed", "open"):
        raise ValueError(f"hookimpl: on_failure must be 'closed' or 'open'; got {on_failure!r}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"hookimpl: time_limit must be more than 0 seconds; got {time_limit!r}")

    def mark(target: F) -> F:
        setattr(target, _ATTRIBUTE, Mark(phase, on_failure, time_limit))
        return _pluggy_mark(target)

    return mark if function is None else mark(function)


def mark_of(function: Callable[..., Any]) -> Mark:
    """What the implementation declared; the defaults where it was marked with pluggy's own marker."""
    return getattr(getattr(function, "__func__", function), _ATTRIBUTE, Mark())
