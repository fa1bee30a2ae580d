"""Start the plugins that are installed: checked against the lock, in a child process or inside the program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from assistant.errors import PluginError, PluginLoadError
from assistant.plugin_store.lock import Locked, packages, what_changed
from assistant.plugin_store.proxy import ChildPlugin


@dataclass(frozen=True, slots=True)
class Installed:
    """One plugin of an installed package."""

    name: str
    locked: Locked


def try_start(locked: Locked, data_dir: Path, seconds: Callable[[str], float]) -> None:
    """Start every plugin of a package once, in a child process, and end it: is it fit to be installed?

    A trusted one is only imported there, as some of its hooks work inside the program alone.

    Raises:
        PluginLoadError: one cannot be started.
    """
    for name in locked.entries:
        child = ChildPlugin(locked, name, data_dir, seconds)
        try:
            child.launch()
            child.plugin(inside_later=locked.trusted)
        except PluginError as error:
            raise PluginLoadError(f"Not installed: {error.message.rstrip('.')}.", plugin=name) from error
        finally:
            child.close()


def load_inside(each: Installed, data_dir: Path) -> object:
    """Import a trusted plugin into this program.

    Raises:
        PluginLoadError: its files are not those that were installed. Whatever the import raises comes as it is.
    """
    changed = what_changed(data_dir, each.locked)
    if changed:
        raise PluginLoadError(f"it is not as it was installed ({changed})", plugin=each.name)
    folder = str((packages(data_dir) / each.locked.folder).absolute())
    if folder not in sys.path:
        sys.path.append(folder)
    return EntryPoint(each.name, each.locked.entries[each.name], "assistant").load()
