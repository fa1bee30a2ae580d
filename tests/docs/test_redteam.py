"""docs/redteam.md names every attack, marks those that may lose the meaning, and shows commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer.main

from assistant_redteam.attacks import MUTATORS
from assistant_redteam.cli import app
from assistant_redteam.folder import DRAFTS, PAGE, REPORT

TEXT = (Path(__file__).parents[2] / "docs" / "redteam.md").read_text(encoding="utf-8")


def test_every_attack_is_named_under_its_kind():
    table = dict(re.findall(r"^\| (\w+) \| (.*) \|$", TEXT.split("## The attacks")[1], re.MULTILINE))
    named = {
        (kind, name, bool(star)) for kind, row in table.items() for name, star in re.findall(r"`([^`]+)`(\\\*)?", row)
    }
    assert named == {(each.family, each.name, not each.keeps_meaning) for each in MUTATORS}
    assert set(re.findall(r"`([^`]+)`†", TEXT)) == {each.name for each in MUTATORS if not each.innocent}


def test_the_files_and_options_are_those_of_the_program():
    for name in (REPORT, PAGE, DRAFTS):
        assert f"| `{name}` |" in TEXT
    command: Any = typer.main.get_command(app)
    known = {option for each in command.params for option in each.opts}
    shown = set(re.findall(r"--[\w-]+", TEXT.split("```")[1]))
    assert shown <= known
    assert "accept" in command.commands
