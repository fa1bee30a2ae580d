"""How each plugin stands: working, switched off after failures, broken; and how long its calls took."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Literal

from assistant.errors import PluginError, PluginLoadError

log = logging.getLogger("glassbox.plugins")

State = Literal["working", "disabled", "broken", "switched_off", "left_out"]


@dataclass
class PluginStatus:
    """One plugin as it stands: for `assistant plugins list` and for the page."""

    name: str
    version: str
    distribution: str
    state: State
    hooks: tuple[str, ...] = ()
    detail: str = ""
    failures: int = 0
    """In a row; a call that works sets it back to 0."""
    place: Literal["inside", "child"] = "inside"
    """Whether its code runs inside the program or in a child process."""
    confined: tuple[str, ...] = ()
    """What its child process is kept from, in words."""
    last_failure: str = ""
    """The latest failure since the start, in words."""
    about: str = ""
    """What it is for: one sentence of its own."""


@dataclass(slots=True)
class Timing:
    """How long the calls of one implementation took since the start, in milliseconds."""

    calls: int = 0
    total: float = 0.0
    longest: float = 0.0


class Statuses:
    """The plugins of one program as they stand, by name; safe to use from many threads.

    Args:
        failures_before_off: a plugin that fails so often in a row is switched off.
    """

    def __init__(self, failures_before_off: int) -> None:
        self.by_name: dict[str, PluginStatus] = {}
        self.timings: dict[tuple[str, str], Timing] = {}
        """By plugin and hook."""
        self._failures_before_off = failures_before_off
        self._lock = threading.Lock()

    def is_working(self, name: str) -> bool:
        """Whether its hooks are called."""
        return self.by_name[name].state == "working"

    def break_at_import(self, name: str, version: str, distribution: str, detail: str) -> PluginStatus:
        """Note a plugin that could not be imported, made or registered; ``detail`` says why."""
        error = PluginLoadError(
            f"The plugin {name!r} is left out: {detail}.",
            plugin=name,
            hint=f"Mend or remove its package, or type: assistant plugins disable {name}",
        )
        log.error("%s", error)
        self.by_name[name] = PluginStatus(name, version, distribution, "broken", detail=str(error))
        return self.by_name[name]

    def stop_working(self, name: str, detail: str) -> None:
        """Mark a plugin as broken: its start failed, so none of its hooks may be trusted."""
        self.by_name[name].state = "broken"
        self.by_name[name].detail = detail

    def enable(self, name: str) -> None:
        """Let it work again, with a clean sheet."""
        with self._lock:
            status = self.by_name[name]
            status.state, status.detail, status.failures = "working", "", 0

    def disable(self, name: str) -> None:
        """An operator switched it off."""
        with self._lock:
            self.by_name[name].state = "disabled"

    def count(self, name: str, error: PluginError | None) -> None:
        """Note how a call ended. After some failures in a row the plugin is switched off."""
        with self._lock:
            status = self.by_name[name]
            status.failures = status.failures + 1 if error else 0
            if error is not None:
                status.last_failure = str(error)
            if status.failures >= self._failures_before_off and status.state == "working":
                status.state = "switched_off"
                status.detail = (
                    f"The plugin {name!r} is switched off after {status.failures} failures in a row; the last: {error} "
                    f"Start the program again to try it again, or type: assistant plugins disable {name}"
                )
                log.error("%s", status.detail)

    def measure(self, plugin: str, hook: str, milliseconds: float) -> None:
        """Note how long a call took."""
        with self._lock:
            timing = self.timings.setdefault((plugin, hook), Timing())
            timing.calls += 1
            timing.total += milliseconds
            timing.longest = max(timing.longest, milliseconds)
