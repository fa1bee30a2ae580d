"""What came back from a hook call: a value, or the failure of that plugin, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assistant.errors import PluginCrash, PluginError, PluginResultError, PluginTimeout, describe
from assistant.extensions.implementations import Implementation
from assistant.guard import Outcome
from assistant.messages import HookCall


@dataclass(frozen=True)
class Answer:
    """What one implementation gave: a value, or the error that came instead."""

    implementation: Implementation
    call: HookCall
    value: Any = None
    error: PluginError | None = None


def answer_of(each: Implementation, outcome: Outcome, *, in_child: bool) -> Answer:
    """The answer that an outcome means. ``in_child``: the plugin runs in a process of its own."""
    error: PluginError | None = None
    kind: Literal["ok", "crash", "timeout", "wrong_type"] = outcome.state
    if outcome.state == "timeout":
        error = PluginTimeout(
            f"The plugin {each.plugin!r} took longer than {each.seconds:g} s in {each.hook}.",
            plugin=each.plugin,
        )
    elif isinstance(outcome.error, PluginResultError):
        kind, error = "wrong_type", outcome.error
    elif isinstance(outcome.error, PluginError) and in_child:
        # A child says by itself what became of the call.
        kind, error = "timeout" if isinstance(outcome.error, PluginTimeout) else "crash", outcome.error
    elif outcome.error is not None:
        # The message of an exception may quote an answer that is about to be refused: only its type is kept then.
        sees_answer = each.hook in ("check_segment", "after_turn")
        what = type(outcome.error).__name__ if sees_answer else describe(outcome.error)
        what = what.rstrip(".")
        error = PluginCrash(f"The plugin {each.plugin!r} failed in {each.hook}: {what}.", plugin=each.plugin)
    call = HookCall(
        hook=each.hook,
        plugin=each.plugin,
        phase=each.phase,
        milliseconds=round(outcome.milliseconds, 3),
        outcome=kind,
        detail=str(error or ""),
    )
    return Answer(each, call, None if error else outcome.value, error)


def answer_of_switched_off(each: Implementation, detail: str) -> Answer:
    """The answer of a plugin that is not asked any more; ``detail`` says why."""
    call = HookCall(
        hook=each.hook,
        plugin=each.plugin,
        phase=each.phase,
        milliseconds=0,
        outcome="switched_off",
        detail=detail,
    )
    return Answer(each, call, None, PluginCrash(detail, plugin=each.plugin))
