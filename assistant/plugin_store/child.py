"""The child process of one plugin: ``python -m assistant.plugin_store.child``, with orders on standard input and
replies on standard output. It confines itself, imports the plugin, and calls its hooks one after the other.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, BinaryIO, cast

from assistant.errors import describe
from assistant.evaluators import Evaluator, Subject, accept_evaluators
from assistant.hookspecs import hook_names
from assistant.marks import mark_of
from assistant.messages import Turn
from assistant.plugin_settings import accept_settings, belongs_to, problems_with, use_chosen
from assistant.plugin_store import confinement
from assistant.plugin_store.hook_data import RESULTS, read_arguments, write_result
from assistant.plugin_store.protocol import (
    ORDER,
    EvaluatorMark,
    Failed,
    HookMark,
    Invoke,
    Load,
    Ready,
    Returned,
)


class Hosted:
    """The plugin, as it stands in this process."""

    def __init__(self, order: Load) -> None:
        sys.path.append(order.folder)
        plugin: Any = EntryPoint(order.name, order.value, "assistant").load()
        self.name = order.name
        self.plugin: Any = plugin() if inspect.isclass(plugin) else plugin
        self.hooks = {
            hook: function
            for hook in hook_names()
            if (function := getattr(self.plugin, hook, None)) is not None
            and hasattr(getattr(function, "__func__", function), "assistant_impl")
        }
        self.evaluators: dict[str, Evaluator] = {}
        if "register_evaluators" in self.hooks:
            self.evaluators = {each.name: each for each in accept_evaluators(self.hooks["register_evaluators"]())}
        self.settings = None
        if "register_settings" in self.hooks:
            self.settings = accept_settings(self.hooks["register_settings"]())
        if self.settings is not None:
            belongs_to(self.settings, self.name)

    def marks(self) -> tuple[HookMark, ...]:
        """Every implementation with what it declares."""
        found: list[HookMark] = []
        for hook, function in self.hooks.items():
            mark = mark_of(function)
            found.append(
                HookMark(
                    hook=hook,
                    arguments=tuple(inspect.signature(function).parameters),
                    phase=mark.phase,
                    on_failure=mark.on_failure,
                    time_limit=mark.time_limit,
                )
            )
        return tuple(found)

    def invoke(self, order: Invoke) -> Any:
        """Call what the order names; the result as JSON data.

        Raises:
            TypeError, ValueError: it returned something that is not allowed; anything else is the plugin's own.
        """
        if order.hook == "check_settings":
            return {} if self.settings is None else problems_with(self.settings, order.arguments["values"])
        with use_chosen({self.name: order.chosen}):
            if order.evaluator:
                return self._ask(self.evaluators[order.evaluator], order)
            function = self.hooks[order.hook]
            result = function(**read_arguments(order.arguments, order.pictures))
        try:
            return write_result(order.hook, result)
        except (TypeError, ValueError) as error:
            raise _WrongType(describe(error)) from error

    def _ask(self, evaluator: Evaluator, order: Invoke) -> Any:
        options = cast("Mapping[str, Any]", order.arguments["options"])
        if order.hook == "check_options":
            try:
                evaluator.check_options(options)
            except ValueError as error:
                return str(error) or "it does not accept them"
            return ""
        data = order.arguments["subject"]
        turn = cast(Turn, read_arguments({"turn": data["turn"]}, order.pictures)["turn"])
        finding = evaluator.evaluate(Subject(**(data | {"turn": turn})), options)
        try:
            return RESULTS["evaluate"].dump_python(RESULTS["evaluate"].validate_python(finding), mode="json")
        except ValueError as error:
            raise _WrongType(f"expected None or a Finding, got {type(finding).__name__}") from error


class _WrongType(Exception):
    """A hook returned something that is not allowed."""


def main() -> None:
    """Serve one plugin until standard input is closed."""
    orders, replies = _take_over()
    line = orders.readline()
    order = ORDER.validate_json(line)
    assert isinstance(order, Load)
    reads = [Path(each) for each in (*sys.path, sys.prefix, sys.base_prefix, order.folder) if each]
    reads += [Path(each) for each in sysconfig.get_paths().values()]
    reads += [Path(each) for each in ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ssl", "/dev/urandom")]
    own = Path(order.own)
    confined = confinement.confine(order.limits, reads, [own, Path(os.devnull)])
    seconds = order.limits.cpu_seconds
    confinement.allow_seconds(seconds)
    try:
        hosted = Hosted(order)
        evaluators = tuple(EvaluatorMark(name=each.name, cost=each.cost) for each in hosted.evaluators.values())
        schema = None if hosted.settings is None else hosted.settings.model_json_schema()
        _write(replies, Ready(hooks=hosted.marks(), evaluators=evaluators, confined=confined, settings=schema))
    except BaseException as error:
        _write(replies, Failed(error=describe(error)[:2000]))
        return
    for line in orders:
        order = ORDER.validate_json(line)
        assert isinstance(order, Invoke)
        confinement.allow_seconds(seconds)
        reply: Returned | Failed
        try:
            reply = Returned(value=hosted.invoke(order))
        except _WrongType as error:
            reply = Failed(wrong_type=True, error=str(error)[:2000])
        except BaseException as error:  # sys.exit in a hook is a failure of that call
            sees_answer = order.hook in ("check_segment", "after_turn")
            reply = Failed(error=(type(error).__name__ if sees_answer else describe(error))[:2000])
        _write(replies, reply)


def _take_over() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes for us alone: what the plugin prints goes to standard error, and it reads nothing."""
    orders, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return orders, replies


def _write(replies: BinaryIO, reply: Ready | Returned | Failed) -> None:
    replies.write(reply.model_dump_json().encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
