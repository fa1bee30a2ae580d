"""Commands that plugins bring, besides our own: entry points in the group ``assistant.commands``.

An entry point names a typer app; its own name is that of the command. It is loaded when somebody types that name or
asks for the list, so that the other commands do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
import typer.main

from assistant.cli.common import Commands
from assistant.errors import PluginLoadError

GROUP = "assistant.commands"


class RootCommands(Commands):
    """Our own commands first, then those that plugins bring; none of ours can be replaced."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in brought() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; ``None`` where there is none."""
        return super().get_command(ctx, cmd_name) or load(cmd_name)


def brought() -> dict[str, EntryPoint]:
    """The commands that installed plugins bring, by name."""
    return {entry.name: entry for entry in reversed(tuple(entry_points(group=GROUP)))}


def load(name: str) -> Any:
    """The command that a plugin brings; ``None`` where none does.

    One that cannot be loaded is a command too: its help says why, and so does the error that it ends with.
    """
    entry = brought().get(name)
    if entry is None:
        return None
    try:
        app = entry.load()
        if not isinstance(app, typer.Typer):
            raise TypeError(f"expected a typer app, got {type(app).__name__}")
        command = typer.main.get_command(app)
    except Exception as error:  # whatever a plugin's module does when it is imported
        command = typer.main.get_command(_broken(entry, error))
    command.name = name
    return command


def _broken(entry: EntryPoint, error: Exception) -> typer.Typer:
    reason = f"{type(error).__name__}: {error}"
    app = typer.Typer(add_completion=False)
    app.command(help=f"Cannot be loaded ({reason}).")(_refuse(entry, reason, error))
    return app


def _refuse(entry: EntryPoint, reason: str, error: Exception) -> Callable[[], None]:
    def refuse() -> None:
        raise PluginLoadError(
            f"The command {entry.name!r} ({entry.value}) cannot be loaded: {reason}.",
            plugin=entry.name,
            hint="Install the plugin again, or remove it.",
        ) from error

    return refuse
