"""``assistant doctor``: what is missing, and what to type."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, write

if TYPE_CHECKING:
    from assistant.cli.health import Check

COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(json: JsonOption = False) -> None:
    """Check everything that an answer needs, and say what to do where something is missing.

    Nothing is stored: the question to the model leaves no trace. Exit code 1 where a check failed.
    """
    from assistant.cli.health import examine
    from assistant.settings import load_settings

    settings = load_settings()
    checks: list[Check] = []
    with common.data_output() as out:
        for check in examine(settings):
            checks.append(check)
            if not json:
                write(out, as_text(check, colour=out.isatty()))
        failed = any(check.state == "fail" for check in checks)
        if json:
            common.write_json(out, {"ok": not failed, "checks": [asdict(check) for check in checks]})
    if failed:
        raise typer.Exit(common.FOUND)


def as_text(check: Check, *, colour: bool) -> str:
    """One check for a person to read."""
    state = f"{check.state:4}"
    lines = [f"{typer.style(state, fg=COLOURS[check.state]) if colour else state}  {check.name}: {check.found}"]
    if check.todo:
        lines.append(f"      -> {check.todo}")
    return "\n".join(lines) + "\n"
