from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from assistant import Host, hookimpl
from assistant.extensions import GROUP, read_disabled
from assistant.person import user_name
from assistant.settings import Settings
from assistant.store import Store


class FailsToStart:
    @hookimpl
    def startup(self, host: Host) -> None:
        raise ValueError("no network")


def states(result: Result) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(result.stdout)}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Puts a package with an entry point on the path: ``installed("name", "source")``."""
    place = tmp_path / "packages"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    names: list[str] = []

    def add(name: str, source: str) -> None:
        module = f"plugin_of_the_test_{name}"
        names.append(module)
        (place / f"{module}.py").write_text(source)
        info = place / f"{module}-2.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 2.1\n")
        target = f"{module}:Plugin" if "class Plugin" in source else module
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {target}\n")

    yield add
    for module in names:
        sys.modules.pop(module, None)


def test_list_shows_every_installed_plugin(cli: Callable[..., Result]):
    result = cli("plugins", "list", "--json")
    assert result.exit_code == 0
    rows = states(result)
    assert set(rows) == {entry.name for entry in entry_points(group=GROUP)}
    row = rows["constitutions"]
    assert set(row) == {
        "name",
        "version",
        "distribution",
        "state",
        "hooks",
        "failures",
        "detail",
        "runs",
        "confined",
    }
    assert row["distribution"] == "glassbox"
    assert {"hook": "before_turn", "phase": "check"} in row["hooks"]


def test_the_table_says_the_same_as_the_json(cli: Callable[..., Result]):
    rows = states(cli("plugins", "list", "--json"))
    table = cli("plugins", "list").stdout
    for name, row in rows.items():
        assert any(line.startswith(name) and row["state"] in line for line in table.splitlines())


def test_a_plugin_that_fails_at_start_is_broken_and_says_why(cli: Callable[..., Result], house: Any):
    house(plugins=[("late", FailsToStart())])
    row = states(cli("plugins", "list", "--json"))["late"]
    assert row["state"] == "broken"
    assert "no network" in row["detail"]
    assert "no network" in cli("plugins", "list").stdout


BROKEN = {
    "raises": "raise RuntimeError('half installed')",
    "exits": "import sys; sys.exit(4)",
    "needs": "import a_package_that_nobody_has",
    "class that raises": "class Plugin:\n    def __init__(self):\n        raise RuntimeError('no licence')",
    "class that exits": "class Plugin:\n    def __init__(self):\n        raise SystemExit(4)",
    "class that wants something": "class Plugin:\n    def __init__(self, wanted): ...",
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_plugin_that_cannot_be_imported_is_listed_and_can_be_disabled(
    cli: Callable[..., Result], installed: Callable[[str, str], None], folder: Path, source: str
):
    installed("cracked", source)
    row = states(cli("plugins", "list", "--json"))["cracked"]
    assert (row["state"], row["version"], row["hooks"]) == ("broken", "2.1", [])
    assert "plugins disable cracked" in row["detail"]

    disabled = cli("plugins", "disable", "cracked")
    assert disabled.exit_code == 0
    assert disabled.stdout == ""
    assert read_disabled(folder) == {"cracked"}
    assert states(cli("plugins", "list", "--json"))["cracked"]["state"] == "disabled"

    assert cli("plugins", "enable", "cracked").exit_code == 0
    assert read_disabled(folder) == set()
    assert states(cli("plugins", "list", "--json"))["cracked"]["state"] == "broken"


def test_what_a_plugin_prints_does_not_spoil_the_json(
    cli: Callable[..., Result], installed: Callable[[str, str], None]
):
    installed("loud", "print('hello from a plugin')")
    result = cli("plugins", "list", "--json")
    assert states(result)["loud"]["state"] == "working"
    assert "hello from a plugin" in result.stderr


def test_a_broken_database_is_no_hindrance(cli: Callable[..., Result], folder: Path):
    folder.mkdir()
    (folder / "glassbox.sqlite3").write_bytes(b"no database " * 1000)
    disabled = cli("plugins", "disable", "feedback")
    assert disabled.exit_code == 0
    assert "the audit log does not say so" in disabled.stderr
    result = cli("plugins", "list", "--json")
    assert result.exit_code == 0
    assert states(result)["feedback"]["state"] == "disabled"
    assert (folder / "glassbox.sqlite3").read_bytes().startswith(b"no database")


def test_an_unknown_name_is_misuse_and_the_known_ones_are_named(cli: Callable[..., Result], folder: Path):
    for command in ("enable", "disable"):
        result = cli("plugins", command, "nobody")
        assert result.exit_code == 2
        assert "constitutions" in result.stderr
    assert not folder.exists()


def test_a_plugin_that_is_gone_can_still_be_enabled(cli: Callable[..., Result], folder: Path):
    folder.mkdir()
    (folder / "plugins.json").write_text('{"disabled": ["gone"]}')
    assert cli("plugins", "enable", "gone").exit_code == 0
    assert read_disabled(folder) == set()


def test_saying_it_twice_changes_nothing(cli: Callable[..., Result], folder: Path):
    assert "already" in cli("plugins", "enable", "feedback").stderr
    cli("plugins", "disable", "feedback")
    assert "already" in cli("plugins", "disable", "feedback").stderr
    assert read_disabled(folder) == {"feedback"}
    cli("plugins", "enable", "feedback")
    leaves = [leaf.data for leaf in Store(f"sqlite:///{folder}/glassbox.sqlite3").audit_leaves()]
    assert [(leaf["plugin"], leaf["what"], leaf["who"]) for leaf in leaves] == [
        ("feedback", "switched off", user_name()),
        ("feedback", "switched on", user_name()),
    ]


def test_disabling_required_rules_is_said_aloud(cli: Callable[..., Result]):
    assert "not applied" in cli("plugins", "disable", "safety").stderr


def test_a_plugin_that_a_setting_disables_stays_disabled(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GLASSBOX_DISABLED_PLUGINS", '["feedback"]')
    result = cli("plugins", "enable", "feedback")
    assert result.exit_code == 2
    assert "disabled_plugins" in result.stderr


def test_a_list_of_disabled_plugins_that_cannot_be_read_is_named(cli: Callable[..., Result], folder: Path):
    folder.mkdir()
    (folder / "plugins.json").write_text("[")
    for arguments in (["list"], ["enable", "feedback"], ["disable", "feedback"]):
        result = cli("plugins", *arguments)
        assert result.exit_code == 2
        assert "plugins.json" in result.stderr


def test_a_folder_that_cannot_be_written_is_named(
    cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("GLASSBOX_DATA_DIR", os.fspath(blocked / "data"))
    result = cli("plugins", "disable", "feedback")
    assert result.exit_code == 2
    assert str(blocked / "data") in result.stderr


def test_safe_mode_leaves_other_peoples_plugins_out(
    cli: Callable[..., Result], installed: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
):
    installed("foreign", "")
    monkeypatch.setenv("GLASSBOX_SAFE_MODE", "1")
    assert Settings().safe_mode
    rows = states(cli("plugins", "list", "--json"))
    assert rows["foreign"]["state"] == "left_out"
    assert rows["constitutions"]["state"] == "working"
