"""Find plugins and import them under guard: entry points, the installed ones of the data folder, given objects."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

import pluggy

from assistant.errors import PluginError, SettingsError, describe
from assistant.extensions.implementations import seconds_for
from assistant.extensions.purpose import purpose, summary
from assistant.extensions.status import PluginStatus, Statuses
from assistant.guard import Call, Guard
from assistant.hookspecs import PROJECT, Hooks
from assistant.plugin_store.start_marks import StartMarks
from assistant.settings import Settings

if TYPE_CHECKING:  # most people have installed nothing, and need not wait for it
    from assistant.plugin_store.proxy import ChildPlugin
    from assistant.plugin_store.starting import Installed

log = logging.getLogger("glassbox.plugins")

GROUP = "assistant"
OWN_DISTRIBUTION = "glassbox"

SAFE_MODE = "Safe mode loads only Glassbox's own plugins."


class Loader:
    """Fills ``manager`` with plugins, ``statuses`` with what became of each. Nothing that a plugin does raises here.

    Args:
        settings: safe mode, and how long importing may take.
        disabled: the names of plugins that are left alone.
        statuses: where each plugin is noted.
        marks: which plugins ended the program while they were imported.
        guard: runs what plugins bring.
    """

    def __init__(
        self, settings: Settings, disabled: set[str], statuses: Statuses, marks: StartMarks, guard: Guard
    ) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(Hooks)
        self.children: dict[str, ChildPlugin] = {}
        """The plugins that run in a process of their own, by name."""
        self._settings = settings
        self._disabled = disabled
        self._statuses = statuses
        self._marks = marks
        self._guard = guard

    def find(self) -> None:
        """Add every plugin that is installed in the environment or into the data folder."""
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            self._add_entry_point(entry)
        self._add_installed()

    def add(self, name: str, plugin: object, version: str = "", distribution: str = "") -> None:
        """Register a plugin; one that is a class is made first."""
        if name in self._disabled:
            self._note(PluginStatus(name, version, distribution, "disabled"))
            return
        if inspect.isclass(plugin):
            outcome = self._guard.run([Call(plugin, self._seconds)])[0]
            if outcome.state != "ok":
                reason = "making it took too long" if outcome.state == "timeout" else describe(outcome.error)
                self._broken(name, version, distribution, f"{plugin.__name__}() failed: {reason}")
                return
            plugin = outcome.value
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
        except Exception as error:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            self._broken(name, version, distribution, f"it cannot be registered: {describe(error)}")
            return
        hooks = tuple(sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or ()))
        about = purpose(plugin, distribution)
        self._note(PluginStatus(name, version, distribution, "working", hooks, about=about))

    # What is installed in the environment

    def _add_entry_point(self, entry: EntryPoint) -> None:
        distribution = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        if entry.name in self._statuses.by_name:
            other = self._statuses.by_name[entry.name].distribution
            log.warning(
                "Two packages bring a plugin %r: %s and %s; the second is left out.",
                entry.name,
                other,
                distribution,
            )
        elif entry.name in self._disabled:
            self._note(PluginStatus(entry.name, version, distribution, "disabled"))
        elif self._settings.safe_mode and distribution != OWN_DISTRIBUTION:
            self._note(PluginStatus(entry.name, version, distribution, "left_out", detail=SAFE_MODE))
        elif distribution == OWN_DISTRIBUTION:
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
            self._import(name, value, version, distribution, load, self._settings.import_seconds)

    def _import(
        self,
        name: str,
        value: str,
        version: str,
        distribution: str,
        load: Callable[[], object],
        seconds: float | None = None,
    ) -> None:
        outcome = self._guard.run([Call(load, seconds or self._seconds)])[0]
        if outcome.state != "ok":
            reason = "importing it took too long" if outcome.state == "timeout" else describe(outcome.error)
            self._broken(name, version, distribution, f"{value} cannot be imported: {reason.rstrip('.')}")
            return
        self.add(name, outcome.value, version, distribution)

    # What was installed into the data folder

    def _add_installed(self) -> None:
        """Add what ``assistant plugins install`` installed. All children start at once, then each is awaited."""
        if not (self._settings.data_dir / "plugins" / "lock.json").exists():
            return
        from assistant.plugin_store.lock import packages, read_lock
        from assistant.plugin_store.starting import Installed

        try:
            lock = read_lock(self._settings.data_dir)
        except SettingsError as error:
            log.error("%s", error)
            self._note(PluginStatus("installed plugins", "", "", "broken", detail=str(error)))
            return
        installed = [Installed(name, locked) for locked in lock.plugins.values() for name in sorted(locked.entries)]
        waiting = [(each, child) for each in installed if (child := self._start_installed(each))]
        for each, child in waiting:
            try:
                plugin = child.plugin()
            except PluginError as error:
                self._broken(each.name, each.locked.version, each.locked.name, error.message.rstrip("."), child)
                continue
            self.add(each.name, plugin, each.locked.version, each.locked.name)
            status = self._statuses.by_name[each.name]
            status.place, status.confined = "child", child.confined
            status.about = summary(packages(self._settings.data_dir) / each.locked.folder, each.locked.name)

    def _start_installed(self, each: Installed) -> ChildPlugin | None:
        """Import a trusted plugin; launch the child process of another one, and return it to be awaited."""
        from assistant.plugin_store.proxy import ChildPlugin
        from assistant.plugin_store.starting import load_inside

        settings, name = self._settings, each.name
        version, package = each.locked.version, each.locked.name
        if name in self._statuses.by_name:
            log.warning("Two packages bring a plugin %r; that of %s is left out.", name, package)
        elif name in self._disabled:
            self._note(PluginStatus(name, version, package, "disabled"))
        elif settings.safe_mode:
            self._note(PluginStatus(name, version, package, "left_out", detail=SAFE_MODE))
        elif each.locked.trusted:
            load = partial(load_inside, each, settings.data_dir)
            self._import_marked(name, each.locked.entries[name], version, package, load)
        else:
            limit = partial(seconds_for, settings)
            child = ChildPlugin(each.locked, name, settings.data_dir, limit, settings.import_seconds)
            self.children[name] = child
            try:
                child.launch()
            except PluginError as error:
                self._broken(name, version, package, error.message, child)
                return None
            return child
        return None

    # What became of it

    @property
    def _seconds(self) -> float:
        """How long importing a plugin of our own, and making one that is a class, may take."""
        return max(60.0, self._settings.hook_seconds)

    def _note(self, status: PluginStatus) -> None:
        self._statuses.by_name[status.name] = status

    def _broken(
        self, name: str, version: str, distribution: str, detail: str, child: ChildPlugin | None = None
    ) -> None:
        status = self._statuses.break_at_import(name, version, distribution, detail)
        if child is not None:
            child.close()
            status.place = "child"
