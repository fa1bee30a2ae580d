"""The plugins of one runtime: their hooks are called under guard, and a plugin can be switched on and off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from assistant.errors import PluginError
from assistant.extensions.answers import Answer, answer_of, answer_of_switched_off
from assistant.extensions.arguments import Arguments, bound
from assistant.extensions.disabled import read_disabled, write_disabled
from assistant.extensions.implementations import Implementation, implementations_of
from assistant.extensions.loading import Loader
from assistant.extensions.status import PluginStatus, Statuses, Timing
from assistant.guard import Call, Guard, Outcome
from assistant.hookspecs import hook_names
from assistant.plugin_choices import Choices, SettingsForm
from assistant.plugin_settings import Chosen, accept_settings, belongs_to, problems_with
from assistant.plugin_store.start_marks import StartMarks
from assistant.settings import Settings

if TYPE_CHECKING:  # most people have installed nothing, and need not wait for it
    from assistant.plugin_store.proxy import ChildPlugin

log = logging.getLogger("glassbox.plugins")


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
        self._guard = Guard()
        self._statuses = Statuses(settings.failures_before_off)
        self._disabled = set(settings.disabled_plugins) | read_disabled(settings.data_dir)
        self._marks = StartMarks(settings.data_dir)
        loader = Loader(settings, self._disabled, self._statuses, self._marks, self._guard)
        if discover:
            loader.find()
        for name, plugin in plugins:
            loader.add(name, plugin)
        self._children: Mapping[str, ChildPlugin] = loader.children
        self._implementations = {hook: implementations_of(loader.manager, hook, settings) for hook in hook_names()}
        self.choices = Choices(settings.data_dir)
        self.owner = "local"
        self._gather_settings()

    @property
    def status(self) -> dict[str, PluginStatus]:
        """Every plugin as it stands, by name."""
        return self._statuses.by_name

    @property
    def timings(self) -> dict[tuple[str, str], Timing]:
        """How long calls took since the start, by plugin and hook."""
        return self._statuses.timings

    def close(self) -> None:
        """End the child processes of plugins. No hook may be called afterwards."""
        for child in self._children.values():
            child.close()

    def for_person(self, owner: str) -> Extensions:
        """The same plugins, called with the settings of one person; everything else is shared."""
        theirs = copy(self)
        theirs.owner = owner
        return theirs

    def _gather_settings(self) -> None:
        """Ask every plugin for its settings; a child says them when it is started."""
        for name, child in self._children.items():
            if child.schema is not None and self._statuses.is_working(name):
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

    # Switching

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch a plugin on or off, from the next call on, and for the next starts.

        Returns:
            Whether it holds at once; false where the plugin was not loaded and has to wait for the next start.

        Raises:
            OSError: it cannot be kept.
        """
        disabled = read_disabled(self.settings.data_dir)
        write_disabled(self.settings.data_dir, disabled - {name} if on else disabled | {name})
        if not on:
            self._disabled.add(name)
            self._statuses.disable(name)
            return True
        self._disabled.discard(name)
        self._marks.forget(name)
        loaded = any(each.plugin == name for hook in self._implementations.values() for each in hook)
        if loaded:
            self._statuses.enable(name)
        return loaded

    def stop_working(self, name: str, detail: str) -> None:
        """Mark a plugin as broken: its start failed, so none of its hooks may be trusted."""
        self._statuses.stop_working(name, detail)

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
        present = [(each, self._statuses.is_working(each.plugin)) for each in self._present(hook)]
        if not present:
            return []
        shared, chosen = Arguments(arguments), self._chosen()
        calls = [Call(bound(each, shared, accept, chosen), each.seconds) for each, works in present if works]
        outcomes = iter(self._guard.run(calls))
        return [self._answer(each, next(outcomes) if works else None) for each, works in present]

    def call_first(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        accept: Callable[[Any], Any] = lambda value: value,
    ) -> list[Answer]:
        """As `call`, but the implementations after the first that answers with something are not asked."""
        answers: list[Answer] = []
        for each in self._present(hook):
            outcome = None
            if self._statuses.is_working(each.plugin):
                call = Call(bound(each, Arguments(arguments), accept, self._chosen()), each.seconds)
                outcome = self._guard.run([call])[0]
            answers.append(self._answer(each, outcome))
            if answers[-1].value is not None:
                break
        return answers

    def _present(self, hook: str) -> Sequence[Implementation]:
        """The implementations that are not switched off by an operator."""
        return [each for each in self._implementations[hook] if each.plugin not in self._disabled]

    def _chosen(self) -> Chosen | None:
        """The settings of this person for one call; ``None`` where no plugin has any."""
        return self.choices.chosen(self.owner) if self.choices.forms else None

    def _answer(self, each: Implementation, outcome: Outcome | None) -> Answer:
        """What an outcome means, noted down; ``None``: the plugin is switched off, and was not asked."""
        if outcome is None:
            return answer_of_switched_off(each, self.status[each.plugin].detail)
        answer = answer_of(each, outcome, in_child=each.plugin in self._children)
        if answer.error is not None:
            log.warning("%s", answer.error)
        self._statuses.count(self._blamed(each.plugin, outcome.error), answer.error)
        self._statuses.measure(each.plugin, each.hook, outcome.milliseconds)
        return answer

    def _blamed(self, name: str, error: BaseException | None) -> str:
        """Whose failure it is: a pack's rule that asks a plugin's evaluator is not to be switched off with that."""
        other = error.plugin if isinstance(error, PluginError) else name
        return other if other in self.status else name
