"""``assistant plugins``: what is installed, whether it works, and switching it on and off; the rest of the group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import common, plugin_authoring, plugin_installing
from assistant.cli.common import JsonOption, tell, write
from assistant.errors import InputError, SettingsError

if TYPE_CHECKING:
    from assistant.extensions import Extensions
    from assistant.settings import Settings

app = typer.Typer(
    name="plugins", help="See plugins, install them, switch them on and off, and write them.", no_args_is_help=True
)
app.command("install")(plugin_installing.install)
app.command("uninstall")(plugin_installing.uninstall)
app.command("new")(plugin_authoring.new)
app.command("test")(plugin_authoring.try_out)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name, as list shows it.")]


@app.command("list")
def list_plugins(json: JsonOption = False) -> None:
    """Show every plugin: version, state, hooks with the phase they run in, and what is wrong with it.

    Each plugin is really started, with an empty database that is thrown away; so this works, and says the same, where
    the real database is broken.
    """
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out:
        with common.scratch_runtime(settings) as runtime:
            rows = describe_plugins(runtime.extensions)
        if json:
            common.write_json(out, rows)
        else:
            write(out, as_table(rows))


def describe_plugins(extensions: Extensions) -> list[dict[str, Any]]:
    """Every plugin as JSON data. The phase of a hook is the plugin's place in the order of its calls."""
    from assistant.hookspecs import hook_names

    phases = {(each.plugin, hook): each.phase for hook in hook_names() for each in extensions.implementations(hook)}
    return [
        {
            "name": status.name,
            "version": status.version,
            "distribution": status.distribution,
            "state": status.state,
            "hooks": [{"hook": hook, "phase": phases.get((status.name, hook), "")} for hook in status.hooks],
            "failures": status.failures,
            "detail": status.detail,
            "runs": "in a child process" if status.place == "child" else "inside the program",
            "confined": list(status.confined),
        }
        for status in sorted(extensions.status.values(), key=lambda status: status.name)
    ]


def as_table(rows: list[dict[str, Any]]) -> str:
    """The plugins for a person to read."""
    if not rows:
        return "No plugin is installed.\n"
    width = max(len(row["name"]) for row in rows)
    version_width = max(len(row["version"]) for row in rows)
    lines: list[str] = []
    for row in rows:
        hooks = ", ".join(f"{each['hook']} ({each['phase']})" for each in row["hooks"])
        lines.append(f"{row['name']:{width}}  {row['version']:{version_width}}  {row['state']:12}  {hooks}".rstrip())
        if row["confined"]:
            lines.append(f"    {row['runs']}: {'; '.join(row['confined'])}")
        if row["detail"]:
            lines.append(f"    {row['detail']}")
    return "\n".join(lines) + "\n"


@app.command()
def enable(name: NameArgument) -> None:
    """Let a plugin take part again, from the next start on."""
    from assistant.extensions import read_disabled
    from assistant.plugin_store.start_marks import StartMarks
    from assistant.settings import load_settings

    settings = load_settings()
    disabled = read_disabled(settings.data_dir)
    _require_known(name, disabled | _installed(settings))
    StartMarks(settings.data_dir).forget(name)
    if name in disabled:
        _write(settings, disabled - {name})
        common.record_plugin_change(settings, name, "switched on")
        tell(f"{name} is enabled; programs that are running see it after a restart.")
    elif name not in settings.disabled_plugins:
        tell(f"{name} is enabled already.")
    if name in settings.disabled_plugins:
        raise SettingsError(
            f"{name} stays disabled: the setting disabled_plugins names it.",
            hint="Take it out of the settings file or of GLASSBOX_DISABLED_PLUGINS.",
        )


@app.command()
def disable(name: NameArgument) -> None:
    """Leave a plugin out, from the next start on. It is not imported any more."""
    from assistant.extensions import read_disabled
    from assistant.settings import load_settings

    settings = load_settings()
    disabled = read_disabled(settings.data_dir)
    _require_known(name, disabled | _installed(settings))
    if name in disabled:
        tell(f"{name} is disabled already.")
        return
    _write(settings, disabled | {name})
    common.record_plugin_change(settings, name, "switched off")
    tell(f"{name} is disabled; programs that are running see it after a restart.")
    if name in settings.required_plugins:
        tell(f"Careful: {name} is one of those whose rules must hold. Without it they are not applied.")


def _require_known(name: str, disabled: set[str]) -> None:
    """Raise for a name that no installed package brings. Nothing is imported for this: a broken plugin is known too."""
    from importlib.metadata import entry_points

    from assistant.extensions import GROUP

    known = {entry.name for entry in entry_points(group=GROUP)} | disabled
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise InputError(f"There is no plugin {name!r}; there are: {names}.")


def _installed(settings: Settings) -> set[str]:
    """The plugins in the data folder; none where the list of them cannot be read, which `list` says aloud."""
    from assistant.plugin_store.lock import read_lock

    try:
        return {name for locked in read_lock(settings.data_dir).plugins.values() for name in locked.entries}
    except SettingsError:
        return set()


def _write(settings: Settings, disabled: set[str]) -> None:
    from assistant.extensions import write_disabled

    try:
        write_disabled(settings.data_dir, disabled)
    except OSError as error:
        raise SettingsError(
            f"{settings.data_dir} cannot be written: {error.strerror or error}.",
            hint="Free some space, or choose another folder with GLASSBOX_DATA_DIR.",
        ) from error
