"""``assistant plugins install`` and ``uninstall``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import common
from assistant.cli.common import tell
from assistant.errors import GlassboxError, InputError

if TYPE_CHECKING:
    from assistant.settings import Settings


def install(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A name, a name==version, the URL of a wheel, a folder, or a wheel."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Go on without asking.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run it inside the program, where it may do whatever you may do.")
    ] = False,
    no_index: Annotated[bool, typer.Option("--no-index", help="Ask no package index.")] = False,
    find_links: Annotated[
        list[str] | None, typer.Option("--find-links", metavar="PLACE", help="A folder or page with wheels.")
    ] = None,
) -> None:
    """Install or update a plugin: shows what it declares, its hashes and what changes, asks, and locks it.

    It goes into a folder of its own in the data folder, not into the Python environment. Its code runs in a child
    process with limits, unless you trust it.
    """
    from assistant.plugin_store.installing import carry_out, make_plan, packs_of
    from assistant.plugin_store.pip import Pip
    from assistant.plugin_store.starting import try_start
    from assistant.settings import load_settings

    settings = load_settings()
    pip = Pip(no_index, tuple(find_links or ()))
    with TemporaryDirectory(prefix="glassbox-") as folder:
        room = Path(folder)
        plan = make_plan(source, settings.data_dir, room, pip, trusted=trust)
        for line in plan.lines(settings.data_dir):
            tell(line)
        if not yes and not _agreed():
            tell("Nothing was installed.")
            raise typer.Exit(common.NOT_DONE)
        locked = carry_out(
            plan,
            settings.data_dir,
            room,
            pip,
            lambda each: try_start(each, settings.data_dir, lambda _: settings.hook_seconds),
        )
        trusted = "inside the program" if locked.trusted else "in a child process"
        facts = {"version": locked.version, "sha256": locked.sha256, "runs": trusted}
        common.record_plugin_change(settings, locked.name, "installed", **facts)
        tell(f"{locked.name} {locked.version} is installed; programs that are running see it after a restart.")
        _add_packs(settings, packs_of(locked, settings.data_dir))


def uninstall(name: Annotated[str, typer.Argument(metavar="NAME", help="The package, or a plugin in it.")]) -> None:
    """Remove a plugin that was installed with `assistant plugins install`. Nothing of it is executed."""
    from assistant.plugin_store.installing import remove
    from assistant.settings import load_settings

    settings = load_settings()
    removed = remove(name, settings.data_dir)
    common.record_plugin_change(settings, removed.name, "uninstalled", version=removed.version)
    tell(f"{removed.name} {removed.version} is removed; programs that are running see it after a restart.")
    if removed.declaration.packs:
        tell("Packs of rules that it brought are kept; assistant packs remove takes them away.")


def _agreed() -> bool:
    try:
        return typer.confirm("Install it?", err=True)
    except typer.Abort as error:
        raise InputError(
            "Nobody answered; nothing was installed.", hint="With --yes it goes on without asking."
        ) from error


def _add_packs(settings: Settings, files: Sequence[Path]) -> None:
    from assistant.person import user_name

    if not files:
        return
    runtime = common.open_runtime(settings)
    try:
        for file in files:
            try:
                done = runtime.packs.add(str(file), user_name())
            except GlassboxError as error:
                tell(f"Its pack {file.name} was not added: {error}")
            else:
                tell(f"Its pack {done.pack} {done.version} is added and not on yet: assistant packs enable {done.pack}")
    finally:
        runtime.close()
