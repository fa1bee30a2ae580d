"""Who implements a hook, in which order, and with what declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pluggy

from assistant.marks import CHECKING_HOOKS, PHASES, OnFailure, Phase, mark_of
from assistant.settings import Settings

START_PATIENCE = 6
"""Hooks that are called once, at start, read files and parse them: they may take so many times as long as others."""


@dataclass(frozen=True)
class Implementation:
    """One plugin's implementation of one hook, with what it declared."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    phase: Phase
    on_failure: OnFailure
    seconds: float


def seconds_for(settings: Settings, hook: str) -> float:
    """How long an implementation may take that does not say so itself; longer for what is called once, at start."""
    once = hook == "startup" or hook.startswith("register_")
    return settings.hook_seconds * (START_PATIENCE if once else 1)


def implementations_of(manager: pluggy.PluginManager, hook: str, settings: Settings) -> list[Implementation]:
    """The implementations of a hook by every registered plugin, in the order in which they run."""
    found: list[Implementation] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        mark = mark_of(implementation.function)
        found.append(
            Implementation(
                plugin=implementation.plugin_name,
                hook=hook,
                function=implementation.function,
                arguments=tuple(implementation.argnames),
                phase=mark.phase,
                on_failure=mark.on_failure or ("closed" if hook in CHECKING_HOOKS else "open"),
                seconds=mark.time_limit or seconds_for(settings, hook),
            )
        )
    return sorted(found, key=lambda each: (PHASES.index(each.phase), each.plugin))
