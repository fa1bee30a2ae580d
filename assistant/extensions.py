"""Find, order, switch off and explain plugins, and call their hooks under guard."""

from __future__ import annotations

import inspect
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from assistant.errors import (
    GlassboxError,
    PluginCrash,
    PluginError,
    PluginLoadError,
    PluginResultError,
    PluginTimeout,
    SettingsError,
)
from assistant.evaluators import Evaluator
from assistant.guard import Call, Guard, Outcome
from assistant.hookspecs import PROJECT, Hooks
from assistant.marks import CHECKING_HOOKS, PHASES, OnFailure, Phase, mark_of
from assistant.messages import HookCall
from assistant.plain_question import AskModel, no_model
from assistant.plugin_choices import Choices, SettingsForm
from assistant.plugin_settings import Chosen, accept_settings, belongs_to, problems_with, use_chosen
from assistant.plugin_store.start_marks import StartMarks
from assistant.settings import Settings
from assistant.verdicts import Frozen

if TYPE_CHECKING:  # `import assistant` must stay light: the command line's help waits for it
    from assistant.packs import PackKeeper
    from assistant.plugin_store.proxy import ChildPlugin
    from assistant.store import Store

log = logging.getLogger("glassbox.plugins")

GROUP = "assistant"
OWN_DISTRIBUTION = "glassbox"

START_PATIENCE = 6
"""Hooks that are called once, at start, read files and parse them: they may take so many times as long as others."""

State = Literal["working", "disabled", "broken", "switched_off", "left_out"]


@dataclass(frozen=True)
class Host:
    """What a plugin gets at `startup`: its way into the house.

    ``packs`` maps the id of each enabled constitution pack to its version; whoever enables packs keeps it up to date,
    and every trace carries a copy. ``ask_model`` asks a model a plain question (`assistant.plain_question`).
    """

    settings: Settings
    store: Store
    evaluators: Mapping[str, Evaluator]
    packs: dict[str, str] = field(default_factory=dict)
    pack_keepers: list[PackKeeper] = field(default_factory=list["PackKeeper"])
    """Where the plugin that keeps the packs puts itself, so that the command line and the page can ask it."""
    ask_model: AskModel = no_model


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


@dataclass(slots=True)
class Timing:
    """How long the calls of one implementation took since the start, in milliseconds."""

    calls: int = 0
    total: float = 0.0
    longest: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What one implementation gave: a value, or the error that came instead."""

    implementation: Implementation
    call: HookCall
    value: Any = None
    error: PluginError | None = None


class Extensions:
    """The plugins of one runtime.

    Args:
        settings: which plugins are disabled, safe mode, time limits.
        plugins: name and object pairs to register besides the entry points (for tests and embedding). A plugin is a
            module, an object, or a class without arguments, which is then made anew for each runtime: what keeps
            something between calls is a class.
        discover: look for entry points of the group ``assistant``.
    """

    def __init__(
        self, settings: Settings, plugins: Sequence[tuple[str, object]] = (), *, discover: bool = True
    ) -> None:
        self.settings = settings
        self.status: dict[str, PluginStatus] = {}
        self._guard = Guard()
        self._lock = threading.Lock()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._disabled = set(settings.disabled_plugins) | read_disabled(settings.data_dir)
        self._marks = StartMarks(settings.data_dir)
        self._children: dict[str, ChildPlugin] = {}
        if discover:
            for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
                self._add_entry_point(entry)
            self._add_installed()
        for name, plugin in plugins:
            self._add(name, plugin, version="", distribution="")
        self._implementations = {hook: self._collect(hook) for hook in hook_names()}
        self.timings: dict[tuple[str, str], Timing] = {}
        """By plugin and hook."""
        self.choices = Choices(settings.data_dir)
        self.owner = "local"
        self._gather_settings()

    # Loading

    def _add_entry_point(self, entry: EntryPoint) -> None:
        distribution = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        if entry.name in self.status:
            other = self.status[entry.name].distribution
            log.warning(
                "Two packages bring a plugin %r: %s and %s; the second is left out.",
                entry.name,
                other,
                distribution,
            )
            return
        if entry.name in self._disabled:
            self.status[entry.name] = PluginStatus(entry.name, version, distribution, "disabled")
            return
        if self.settings.safe_mode and distribution != OWN_DISTRIBUTION:
            self.status[entry.name] = PluginStatus(
                entry.name,
                version,
                distribution,
                "left_out",
                detail="Safe mode loads only Glassbox's own plugins.",
            )
            return
        if distribution == OWN_DISTRIBUTION:
            self._import(entry.name, entry.value, version, distribution, entry.load)
        else:
            self._import_marked(entry.name, entry.value, version, distribution, entry.load)

    def _import_marked(
        self, name: str, value: str, version: str, distribution: str, load: Callable[[], object]
    ) -> None:
        """Import somebody else's plugin; one that ended the whole program the last time is left out."""
        if self._marks.ended_the_program(name):
            detail = (
                "the program ended while it was importing it the last time; it is tried again after: "
                f"assistant plugins enable {name}"
            )
            self._broken(name, version, distribution, detail)
            return
        with self._marks.around(name):
            self._import(name, value, version, distribution, load, self.settings.import_seconds)

    def _import(
        self,
        name: str,
        value: str,
        version: str,
        distribution: str,
        load: Callable[[], object],
        seconds: float | None = None,
    ) -> None:
        outcome = self._guard.run([Call(load, seconds or self._load_seconds)])[0]
        if outcome.state != "ok":
            reason = "importing it took too long" if outcome.state == "timeout" else describe(outcome.error)
            self._broken(name, version, distribution, f"{value} cannot be imported: {reason.rstrip('.')}")
            return
        self._add(name, outcome.value, version, distribution)

    def _add_installed(self) -> None:
        """Add what ``assistant plugins install`` installed. All children start at once, then each is awaited."""
        if not (self.settings.data_dir / "plugins" / "lock.json").exists():
            return
        from assistant.plugin_store.lock import read_lock
        from assistant.plugin_store.proxy import ChildPlugin
        from assistant.plugin_store.starting import Installed, load_inside

        try:
            lock = read_lock(self.settings.data_dir)
        except SettingsError as error:
            log.error("%s", error)
            self.status["installed plugins"] = PluginStatus("installed plugins", "", "", "broken", detail=str(error))
            return
        waiting: list[tuple[Installed, ChildPlugin]] = []
        for each in (Installed(name, locked) for locked in lock.plugins.values() for name in sorted(locked.entries)):
            name, version, package = each.name, each.locked.version, each.locked.name
            if name in self.status:
                log.warning("Two packages bring a plugin %r; that of %s is left out.", name, package)
            elif name in self._disabled:
                self.status[name] = PluginStatus(name, version, package, "disabled")
            elif self.settings.safe_mode:
                detail = "Safe mode loads only Glassbox's own plugins."
                self.status[name] = PluginStatus(name, version, package, "left_out", detail=detail)
            elif each.locked.trusted:
                load = partial(load_inside, each, self.settings.data_dir)
                self._import_marked(name, each.locked.entries[name], version, package, load)
            else:
                patience = self.settings.import_seconds
                child = ChildPlugin(each.locked, name, self.settings.data_dir, self._seconds, patience)
                self._children[name] = child
                try:
                    child.launch()
                    waiting.append((each, child))
                except PluginError as error:
                    self._broken(name, version, package, error.message, child)
        for each, child in waiting:
            try:
                plugin = child.plugin()
            except PluginError as error:
                self._broken(each.name, each.locked.version, each.locked.name, error.message.rstrip("."), child)
                continue
            self._add(each.name, plugin, each.locked.version, each.locked.name)
            status = self.status[each.name]
            status.place, status.confined = "child", child.confined

    def close(self) -> None:
        """End the child processes of plugins. No hook may be called afterwards."""
        for child in self._children.values():
            child.close()

    def _add(self, name: str, plugin: object, version: str, distribution: str) -> None:
        if name in self._disabled:
            self.status[name] = PluginStatus(name, version, distribution, "disabled")
            return
        if inspect.isclass(plugin):
            outcome = self._guard.run([Call(plugin, self._load_seconds)])[0]
            if outcome.state != "ok":
                reason = "making it took too long" if outcome.state == "timeout" else describe(outcome.error)
                self._broken(name, version, distribution, f"{plugin.__name__}() failed: {reason}")
                return
            plugin = outcome.value
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._broken(name, version, distribution, f"it cannot be registered: {describe(error)}")
            return
        hooks = tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))
        self.status[name] = PluginStatus(name, version, distribution, "working", hooks)

    def _gather_settings(self) -> None:
        """Ask every plugin for its settings; a child says them when it is started."""
        for name, child in self._children.items():
            if child.schema is not None and self.status[name].state == "working":
                self.choices.forms[name] = SettingsForm(child.schema, child.problems_with)
        if not self._implementations["register_settings"]:
            return
        for answer in self.call("register_settings", {}, accept_settings):
            name, model = answer.implementation.plugin, answer.value
            if answer.error is not None:
                self.stop_working(name, str(answer.error))
            elif model is not None:
                belongs_to(model, name)
                self.choices.forms[name] = SettingsForm(model.model_json_schema(), partial(problems_with, model))

    def for_person(self, owner: str) -> Extensions:
        """The same plugins, called with the settings of one person; everything else is shared."""
        theirs = copy(self)
        theirs.owner = owner
        return theirs

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch a plugin on or off, from the next call on, and for the next starts.

        Returns:
            Whether it holds at once; false where the plugin was not loaded and has to wait for the next start.

        Raises:
            OSError: it cannot be kept.
        """
        disabled = read_disabled(self.settings.data_dir)
        write_disabled(self.settings.data_dir, disabled - {name} if on else disabled | {name})
        with self._lock:
            status = self.status[name]
            loaded = any(each.plugin == name for hook in self._implementations.values() for each in hook)
            if on:
                self._disabled.discard(name)
                self._marks.forget(name)
                if loaded:
                    status.state, status.detail, status.failures = "working", "", 0
                return loaded
            self._disabled.add(name)
            status.state = "disabled"
            return True

    @property
    def _load_seconds(self) -> float:
        """How long importing a plugin of our own, and making one that is a class, may take."""
        return max(60.0, self.settings.hook_seconds)

    def _seconds(self, hook: str) -> float:
        """How long an implementation may take that does not say so itself; longer for what is called once, at start."""
        once = hook == "startup" or hook.startswith("register_")
        return self.settings.hook_seconds * (START_PATIENCE if once else 1)

    def _broken(
        self, name: str, version: str, distribution: str, detail: str, child: ChildPlugin | None = None
    ) -> None:
        if child is not None:
            child.close()
        error = PluginLoadError(
            f"The plugin {name!r} is left out: {detail}.",
            plugin=name,
            hint=f"Mend or remove its package, or type: assistant plugins disable {name}",
        )
        log.error("%s", error)
        self.status[name] = PluginStatus(name, version, distribution, "broken", detail=str(error))
        if child is not None:
            self.status[name].place = "child"

    def _collect(self, hook: str) -> list[Implementation]:
        found: list[Implementation] = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            mark = mark_of(implementation.function)
            found.append(
                Implementation(
                    plugin=implementation.plugin_name,
                    hook=hook,
                    function=implementation.function,
                    arguments=tuple(implementation.argnames),
                    phase=mark.phase,
                    on_failure=mark.on_failure or ("closed" if hook in CHECKING_HOOKS else "open"),
                    seconds=mark.time_limit or self._seconds(hook),
                )
            )
        return sorted(found, key=lambda each: (PHASES.index(each.phase), each.plugin))

    # Asking

    def implementations(self, hook: str) -> Sequence[Implementation]:
        """Who implements the hook, in the order in which they run."""
        return self._implementations[hook]

    def holds_answers_back(self) -> bool:
        """True where some plugin may refuse or revise the whole answer, so that nothing may be shown before it."""
        return any(each.phase != "observe" for each in self._present("after_turn"))

    def missing_required(self) -> list[PluginStatus]:
        """Required plugins that are enabled but not working; rules that must hold, and do not."""
        missing: list[PluginStatus] = []
        for name in sorted(self.settings.required_plugins):
            if name in self._disabled:
                continue
            status = self.status.get(name) or PluginStatus(name, "", "", "broken", detail="It is not installed.")
            if status.state in ("broken", "left_out"):
                missing.append(status)
        return missing

    # Calling

    def call(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        accept: Callable[[Any], Any] = lambda value: value,
    ) -> list[Answer]:
        """Call every implementation of a hook, in order, under guard.

        Args:
            hook: the hook's name.
            arguments: by name; an implementation gets those that it names.
            accept: checks and unifies what came back; raises TypeError or ValueError for what is not allowed.

        Returns:
            One answer for each implementation. Nothing that a plugin does raises here.
        """
        present = self._present(hook)
        ready = [each for each in present if self.status[each.plugin].state == "working"]
        shared, chosen = _Arguments(arguments), self._chosen()
        outcomes = iter(self._guard.run([Call(_bound(each, shared, accept, chosen), each.seconds) for each in ready]))
        answers: list[Answer] = []
        for each in present:
            if each in ready:
                answers.append(self._answer(each, next(outcomes)))
            else:
                answers.append(self._answer_switched_off(each))
        return answers

    def call_first(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        accept: Callable[[Any], Any] = lambda value: value,
    ) -> list[Answer]:
        """As `call`, but the implementations after the first that answers with something are not asked."""
        answers: list[Answer] = []
        for each in self._present(hook):
            if self.status[each.plugin].state == "working":
                call = Call(_bound(each, _Arguments(arguments), accept, self._chosen()), each.seconds)
                answers.append(self._answer(each, self._guard.run([call])[0]))
            else:
                answers.append(self._answer_switched_off(each))
            if answers[-1].value is not None:
                break
        return answers

    def _present(self, hook: str) -> Sequence[Implementation]:
        """The implementations that are not switched off by an operator."""
        return [each for each in self._implementations[hook] if each.plugin not in self._disabled]

    def _chosen(self) -> Chosen | None:
        """The settings of this person for one call; ``None`` where no plugin has any."""
        return self.choices.chosen(self.owner) if self.choices.forms else None

    def stop_working(self, name: str, detail: str) -> None:
        """Mark a plugin as broken: its start failed, so none of its hooks may be trusted."""
        self.status[name].state = "broken"
        self.status[name].detail = detail

    def _answer(self, each: Implementation, outcome: Outcome) -> Answer:
        error: PluginError | None = None
        kind: Literal["ok", "crash", "timeout", "wrong_type"] = outcome.state
        if outcome.state == "timeout":
            error = PluginTimeout(
                f"The plugin {each.plugin!r} took longer than {each.seconds:g} s in {each.hook}.",
                plugin=each.plugin,
            )
        elif isinstance(outcome.error, PluginResultError):
            kind, error = "wrong_type", outcome.error
        elif isinstance(outcome.error, PluginError) and each.plugin in self._children:
            # A child says by itself what became of the call.
            kind, error = "timeout" if isinstance(outcome.error, PluginTimeout) else "crash", outcome.error
        elif outcome.error is not None:
            # The message of an exception may quote an answer that is about to be refused: only its type is kept then.
            sees_answer = each.hook in ("check_segment", "after_turn")
            what = type(outcome.error).__name__ if sees_answer else describe(outcome.error)
            what = what.rstrip(".")
            error = PluginCrash(f"The plugin {each.plugin!r} failed in {each.hook}: {what}.", plugin=each.plugin)
        if error is not None:
            log.warning("%s", error)
        self._count(self._blamed(each.plugin, outcome.error), error)
        self._measure(each, outcome.milliseconds)
        call = HookCall(
            hook=each.hook,
            plugin=each.plugin,
            phase=each.phase,
            milliseconds=round(outcome.milliseconds, 3),
            outcome=kind,
            detail=str(error or ""),
        )
        return Answer(each, call, None if error else outcome.value, error)

    def _answer_switched_off(self, each: Implementation) -> Answer:
        detail = self.status[each.plugin].detail
        call = HookCall(
            hook=each.hook,
            plugin=each.plugin,
            phase=each.phase,
            milliseconds=0,
            outcome="switched_off",
            detail=detail,
        )
        return Answer(each, call, None, PluginCrash(detail, plugin=each.plugin))

    def _blamed(self, name: str, error: BaseException | None) -> str:
        """Whose failure it is: a pack's rule that asks a plugin's evaluator is not to be switched off with that."""
        other = error.plugin if isinstance(error, PluginError) else name
        return other if other in self.status else name

    def _count(self, name: str, error: PluginError | None) -> None:
        with self._lock:
            status = self.status[name]
            status.failures = status.failures + 1 if error else 0
            if error is not None:
                status.last_failure = str(error)
            if status.failures >= self.settings.failures_before_off and status.state == "working":
                status.state = "switched_off"
                status.detail = (
                    f"The plugin {name!r} is switched off after {status.failures} failures in a row; the last: {error} "
                    f"Start the program again to try it again, or type: assistant plugins disable {name}"
                )
                log.error("%s", status.detail)

    def _measure(self, each: Implementation, milliseconds: float) -> None:
        with self._lock:
            timing = self.timings.setdefault((each.plugin, each.hook), Timing())
            timing.calls += 1
            timing.total += milliseconds
            timing.longest = max(timing.longest, milliseconds)


class _Arguments:
    """The arguments of one hook call. Plugins share a copy; where one of them changes it, the next gets a fresh one."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._originals = arguments
        self._values = {name: _copy(value) for name, value in arguments.items()}
        self._prints = {name: _fingerprint(value) for name, value in arguments.items()}

    def named(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self._values[name] for name in names}

    def restore(self) -> list[str]:
        """Put back what was changed, and name it."""
        changed = [name for name, kept in self._prints.items() if kept != _fingerprint(self._values[name])]
        for name in changed:
            self._values[name] = _copy(self._originals[name])
        return changed


def _copy(value: Any) -> Any:
    return value.model_copy(deep=True) if isinstance(value, Frozen) else value


def _bound(
    each: Implementation, shared: _Arguments, accept: Callable[[Any], Any], chosen: Chosen | None
) -> Callable[[], Any]:
    """The call of one implementation, with a check that it left its arguments alone and returned what it may."""

    def run() -> Any:
        try:
            if chosen is None:
                value = each.function(**shared.named(each.arguments))
            else:
                with use_chosen(chosen):
                    value = each.function(**shared.named(each.arguments))
        finally:
            changed = shared.restore()
        if changed:
            raise TypeError(f"it changed its argument {changed[0]!r}, which nobody may change")
        try:
            return accept(value)
        except (TypeError, ValueError) as error:
            raise PluginResultError(
                f"The plugin {each.plugin!r} returned something from {each.hook} that is not allowed: {error}.",
                plugin=each.plugin,
            ) from error

    return run


def _fingerprint(value: object) -> int:
    """A number that changes with the value; 0 for what is not one of our frozen values."""
    if not isinstance(value, Frozen):
        return 0
    try:
        return hash(value)
    except TypeError:  # a dict is in it
        return hash(value.model_dump_json())


def hook_names() -> list[str]:
    """Every hook of the specification, by name."""
    return sorted(name for name, value in vars(Hooks).items() if getattr(value, f"{PROJECT}_spec", None) is not None)


def describe(error: BaseException | None) -> str:
    """An exception in one line: its message if it is ours, else its type and the beginning of its message."""
    if isinstance(error, GlassboxError):
        return str(error)
    text = " ".join(str(error).split())
    if len(text) > 300:
        text = text[:299] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# Which plugins are disabled is kept beside the data, so that it holds at every door.


def _disabled_file(data_dir: Path) -> Path:
    return data_dir / "plugins.json"


def read_disabled(data_dir: Path) -> set[str]:
    """The names of the plugins that were disabled with `write_disabled`.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = _disabled_file(data_dir)
    if not path.exists():
        return set()
    try:
        return set(json.loads(path.read_text(encoding="utf-8"))["disabled"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f'{path} should hold {{"disabled": ["name", ...]}} and cannot be read: {describe(error)}.',
            hint="Mend it or delete it.",
        ) from error


def write_disabled(data_dir: Path, names: set[str]) -> None:
    """Keep the names of disabled plugins, in one step: the file is never half written."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = _disabled_file(data_dir)
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps({"disabled": sorted(names)}) + "\n", encoding="utf-8")
    fresh.replace(path)
