"""A plugin in a child process, as the house sees it: an object with hooks like any other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assistant.errors import PluginLoadError, PluginResultError
from assistant.evaluators import Cost, Evaluator, Finding, Subject
from assistant.hookspecs import Hooks
from assistant.marks import hookimpl
from assistant.plugin_settings import chosen
from assistant.plugin_store.hook_data import IN_A_CHILD, RESULTS, write_arguments
from assistant.plugin_store.lock import Locked, own_folder, packages, what_changed
from assistant.plugin_store.process import START_SECONDS, ChildProcess
from assistant.plugin_store.protocol import HookMark, Invoke, Limits, Load, Ready

EVALUATE_SECONDS: dict[Cost, float] = {"light": 1.0, "heavy": 5.0}
"""How long an evaluator may take for one text."""


class ChildPlugin:
    """A locked plugin whose code runs in a child process.

    Args:
        locked: the package.
        name: of the plugin in it.
        data_dir: where plugins are kept.
        seconds: how long a hook may take that declares no limit, by its name.
        start_seconds: how long the start of its process and its import may take.
    """

    def __init__(
        self,
        locked: Locked,
        name: str,
        data_dir: Path,
        seconds: Callable[[str], float],
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.name = name
        self.confined: tuple[str, ...] = ()
        self.schema: dict[str, Any] | None = None
        """The JSON schema of its settings, where it has some."""
        self._locked = locked
        self._data_dir = data_dir
        self._seconds = seconds
        self._start_seconds = start_seconds
        self._pictures = locked.declaration.pictures
        self.process = ChildProcess(
            Load(
                name=name,
                value=locked.entries[name],
                folder=str((packages(data_dir) / locked.folder).absolute()),
                own=str(own_folder(data_dir, name).absolute()),
                limits=Limits(network=bool(locked.declaration.network)),
            ),
            start_seconds,
        )

    def launch(self) -> None:
        """Begin to start it.

        Raises:
            PluginLoadError: its files are not those that were installed.
        """
        changed = what_changed(self._data_dir, self._locked)
        if changed:
            raise PluginLoadError(
                f"it is not as it was installed ({changed})", plugin=self.name, hint="Uninstall it, or install it again"
            )
        self.process.launch()

    def plugin(self, *, inside_later: bool = False) -> object:
        """The object to register, once the child is ready.

        Args:
            inside_later: it is only tried here, and will run inside the program, where every hook works.

        Raises:
            PluginLoadError: it cannot be imported, or has hooks that were not declared or cannot run in a child.
        """
        ready = self.process.ready()
        problem = self._problem(ready, inside_later=inside_later)
        if problem:
            self.process.close()
            raise PluginLoadError(problem, plugin=self.name)
        self.confined, self.schema = ready.confined, ready.settings
        plugin = _Hooks()
        for mark in ready.hooks:
            if mark.hook != "register_settings":
                setattr(plugin, mark.hook, self._implementation(mark, ready))
        return plugin

    def _problem(self, ready: Ready, *, inside_later: bool) -> str:
        hooks = {mark.hook for mark in ready.hooks}
        extra = sorted(hooks - set(self._locked.hooks))
        if extra:
            return f"it implements {', '.join(extra)}, which it did not declare when it was installed"
        inside = sorted(hooks - IN_A_CHILD)
        if inside and not inside_later:
            return f"it implements {', '.join(inside)}, which cannot run in a child process"
        for mark in ready.hooks:
            wrong = set(mark.arguments) - set(inspect.signature(getattr(Hooks, mark.hook)).parameters)
            if wrong:
                return f"{mark.hook} has no argument {min(wrong)!r}"
        return ""

    def _implementation(self, mark: HookMark, ready: Ready) -> Callable[..., Any]:
        if mark.hook == "register_evaluators":
            found = [ChildEvaluator(self, each.name, each.cost) for each in ready.evaluators]

            def register_evaluators() -> Sequence[Evaluator]:
                return found

            return hookimpl(register_evaluators)
        seconds = mark.time_limit or self._seconds(mark.hook)
        # The child is ended by its own clock; the guard's is for the wait for others and for a new start besides.
        patience = 2 * seconds + self._start_seconds + 5

        def call(**arguments: Any) -> Any:
            return self.ask(mark.hook, arguments, seconds)

        # pluggy reads the names of the arguments off the code of the function. They are those of the specification.
        pairs = ", ".join(f"{name}={name}" for name in mark.arguments)
        caller = eval(f"lambda {', '.join(mark.arguments)}: call({pairs})", {"call": call})
        return hookimpl(phase=mark.phase, on_failure=mark.on_failure, time_limit=patience)(caller)

    def ask(self, hook: str, arguments: Mapping[str, Any], seconds: float, evaluator: str = "") -> Any:
        """Call something of the plugin; what it returned, checked.

        Raises:
            PluginError: it failed, was too slow, or returned something that is not allowed.
        """
        pictures: dict[str, str] | None = {} if self._pictures or hook == "read_picture" else None
        data = write_arguments(arguments, pictures)
        order = Invoke(
            hook=hook,
            evaluator=evaluator,
            arguments=data,
            pictures=pictures or {},
            chosen=dict(chosen().get(self.name, {})),
        )
        value = self.process.ask(order, seconds)
        try:
            return RESULTS[hook].validate_python(value)
        except ValidationError as error:
            raise PluginResultError(
                f"The plugin {self.name!r} returned something from {hook} that is not allowed.", plugin=self.name
            ) from error

    def problems_with(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        """What is wrong with values for its settings, by field.

        Raises:
            PluginError: it cannot say.
        """
        return self.ask("check_settings", {"values": dict(values)}, 5.0)

    def close(self) -> None:
        """End its process."""
        self.process.close()


class _Hooks:
    """Carries the hooks of one plugin as attributes."""


class ChildEvaluator:
    """An evaluator whose code runs in a child process."""

    def __init__(self, plugin: ChildPlugin, name: str, cost: Cost) -> None:
        self.name = name
        self.cost: Cost = cost
        self._plugin = plugin

    def check_options(self, options: Mapping[str, Any]) -> None:
        """See `Evaluator.check_options`."""
        arguments = {"options": dict(options)}
        problem = self._plugin.ask("check_options", arguments, EVALUATE_SECONDS[self.cost], self.name)
        if problem:
            raise ValueError(problem)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """See `Evaluator.evaluate`."""
        arguments = {"options": dict(options), "subject": subject}
        return self._plugin.ask("evaluate", arguments, EVALUATE_SECONDS[self.cost], self.name)
