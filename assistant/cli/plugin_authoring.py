"""``assistant plugins new`` and ``test``: for authors of plugins."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write
from assistant.plugin_author.kinds import KindName


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and hyphens: bird-watch.")],
    kind: Annotated[KindName, typer.Option("--kind", help="What kind of plugin.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where the folder NAME is made; left out, here.")
    ] = Path("."),
) -> None:
    """Write a plugin to start from: an installable package with tests that pass."""
    from assistant.plugin_author.writing import write_plugin

    written = write_plugin(kind, name, to)
    with common.data_output() as out:
        write(out, "".join(f"{path}\n" for path in written))
    place = to / name
    tell(f"Next: assistant plugins test {place}, and then: assistant plugins install {place}")


def try_out(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The plugin's folder; left out, this one.")] = Path(
        "."
    ),
    json: JsonOption = False,
) -> None:
    """Run a plugin's own tests, and try on it what Glassbox expects of every plugin. It need not be installed.

    Its hooks are called with ordinary and odd arguments under their time limits, its packs are tested, and faults are
    planted in its checking hooks. Exit code 1 where something does not hold.
    """
    from assistant.plugin_author.trying import try_plugin

    tried = try_plugin(folder.resolve())
    with common.data_output() as out:
        if json:
            checks = [asdict(each) for each in tried.checks]
            common.write_json(out, {"ok": tried.ok, "own": tried.own, "output": tried.output, "checks": checks})
        else:
            write(out, tried.output.rstrip() + "\n\n")
            for each in tried.checks:
                write(out, f"{'ok  ' if each.ok else 'FAIL'}  {each.name}: {each.found}\n")
    if not tried.ok:
        raise typer.Exit(common.FOUND)
