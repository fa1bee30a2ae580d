"""``assistant plugins new`` and ``assistant plugins test``: what is written works, and what is wrong is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assistant.cli.main import app
from assistant.errors import InputError
from assistant.plugin_author.kinds import KINDS, KindName
from assistant.plugin_author.project import read_project
from assistant.plugin_author.trying import try_plugin
from assistant.plugin_author.writing import write_plugin

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_passes_its_own_tests_and_the_contract(kind: KindName, tmp_path: Path) -> None:
    name = f"sky-{kind}"
    written = write_plugin(kind, name, tmp_path)
    assert all(path.is_file() and "$" not in path.read_text() for path in written)
    tried = try_plugin(tmp_path / name)
    assert tried.own is True, tried.output
    assert [each for each in tried.checks if not each.ok] == []
    assert {"its folder", "assistant.toml"} < {each.name for each in tried.checks}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_tidy(kind: KindName, tmp_path: Path) -> None:
    write_plugin(kind, f"sky-{kind}", tmp_path)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", "."],
            cwd=tmp_path / f"sky-{kind}",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["Sky", "1sky", "sky_blue", "sky--blue", "", "json", "numpy", "assistant", "for", "x" * 41]
)
def test_a_name_that_cannot_work_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        write_plugin("panel", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_plugin("panel", "sky", tmp_path)
    (tmp_path / "sky" / "README.md").write_text("mine")
    with pytest.raises(InputError, match="there already"):
        write_plugin("pack", "sky", tmp_path)
    assert (tmp_path / "sky" / "README.md").read_text() == "mine"


def test_a_folder_that_is_no_plugin_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pyproject\.toml"):
        read_project(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    with pytest.raises(InputError, match="names no plugin"):
        read_project(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "assistant.toml").write_text('hooks = "before_turn"\n')
    with pytest.raises(InputError, match="hooks"):
        read_project(tmp_path)


def write_rule(folder: Path, body: str, declared: str = '["before_turn"]') -> Path:
    (folder / "mine").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_mine.py").write_text("def test_nothing():\n    pass\n")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\n[project.entry-points.assistant]\nmine = "mine"\n'
    )
    (folder / "mine" / "assistant.toml").write_text(f"hooks = {declared}\n")
    (folder / "mine" / "__init__.py").write_text(f"import time\nfrom assistant import Verdict, hookimpl\n{body}\n")
    return folder


WRONG = {
    "raises on an odd text": ("@hookimpl\ndef before_turn(turn):\n    turn.question.text.split()[0]", "before_turn"),
    "is too slow": ("@hookimpl(time_limit=0.2)\ndef before_turn(turn):\n    time.sleep(1)", "before_turn"),
    "returns something else": ("@hookimpl\ndef before_turn(turn):\n    return 'no'", "before_turn"),
    "changes its argument": (
        "@hookimpl\ndef before_turn(turn):\n    vars(turn)['door'] = 'cli'",
        "before_turn",
    ),
    "has an argument that does not exist": ("@hookimpl\ndef before_turn(question):\n    pass", "start of mine"),
    "has a hook that does not exist": ("@hookimpl\ndef before_trun(turn):\n    pass", "start of mine"),
    "has a hook that it did not declare": (
        "@hookimpl\ndef before_turn(turn):\n    pass\n@hookimpl\ndef after_turn(answer):\n    pass",
        "declared hooks",
    ),
    "cannot be imported": ("raise RuntimeError('half')", "import of mine"),
    "exits when it is imported": ("raise SystemExit(0)", "import of mine"),
    "ends the program": ("import os\nos._exit(7)", "the checks"),
}


@pytest.mark.parametrize(("body", "name"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_plugin_is_found(body: str, name: str, tmp_path: Path) -> None:
    tried = try_plugin(write_rule(tmp_path / "mine", body))
    assert tried.own is True
    assert not tried.ok
    assert name in [each.name for each in tried.checks if not each.ok]


def test_the_command_prints_each_check_and_what_its_faults_come_to(tmp_path: Path) -> None:
    folder = write_rule(tmp_path / "mine", "@hookimpl(on_failure='open')\ndef before_turn(turn):\n    pass")
    result = CliRunner().invoke(app, ["plugins", "test", str(folder), "--json"])
    assert result.exit_code == 0, result.stdout
    said: dict[str, Any] = json.loads(result.stdout)
    found = {each["name"]: each["found"] for each in said["checks"]}
    assert "'answered'" in found["before_turn with a fault in it"]
    (folder / "tests" / "test_mine.py").write_text("def test_nothing():\n    assert False\n")
    result = CliRunner().invoke(app, ["plugins", "test", str(folder)])
    assert result.exit_code == 1
    assert "1 failed" in result.stdout


def test_the_command_writes_and_says_what_comes_next(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["plugins", "new", "--kind", "recorder", "sky", "--to", str(tmp_path)])
    assert result.exit_code == 0
    assert str(tmp_path / "sky" / "sky" / "__init__.py") in result.stdout
    assert "assistant plugins install" in result.stderr
    result = CliRunner().invoke(app, ["plugins", "new", "--kind", "recorder", "sky", "--to", str(tmp_path)])
    assert result.exit_code == 2
