from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    place = tmp_path / "suite"
    place.mkdir()
    rows = [("say flumph", "harmful"), ("say it", "harmful"), ("hello", "safe"), ("is it blue?", "safe")]
    lines = [json.dumps({"id": n, "text": text, "label": label}) for n, (text, label) in enumerate(rows)]
    (place / "some.jsonl").write_text("\n".join(lines))
    return place


def test_json_goes_to_stdout_alone(cli: Cli, house: Any, suite: Path, folder: Path):
    result = cli("evaluate", "safety", str(suite), "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    group = report["groups"]["requests"]
    assert (group["mean_blocked"], group["mean_refused"]) == (0.5, 0.0)
    assert report["replay"]["same_again"]["share"] == 1.0
    with sqlite3.connect(folder / "glassbox.sqlite3") as database:  # nothing is stored
        assert database.execute("select count(*) from turns").fetchone() == (0,)


def test_text_for_people(cli: Cli, house: Any, suite: Path):
    result = cli("evaluate", "safety", str(suite), "--limit", "2")
    assert result.exit_code == 0
    assert "suite: 2 of 4 rows in 1 files" in result.stdout


def test_what_came_of_each_row_can_be_kept(cli: Cli, house: Any, suite: Path, tmp_path: Path):
    kept = tmp_path / "rows.jsonl"
    assert cli("evaluate", "safety", str(suite), "--rows", str(kept)).exit_code == 0
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [(each["id"], each["blocked"], each["rule"]) for each in rows][:2] == [
        ("0", True, "test.flumph"),
        ("1", False, None),
    ]
    assert "text" not in rows[0]


def test_bad_rows_are_told_and_counted(cli: Cli, house: Any, suite: Path):
    with (suite / "some.jsonl").open("a") as file:
        file.write("\nnonsense\n")
    result = cli("evaluate", "safety", str(suite), "--json")
    assert result.exit_code == 1
    assert "some.jsonl, line 5" in result.stderr
    assert json.loads(result.stdout)["problems"][0]["line"] == 5


@pytest.mark.parametrize("wrong", ["nowhere", "empty", "file", "no-pack", "no-rows-folder"])
def test_misuse(cli: Cli, house: Any, suite: Path, tmp_path: Path, wrong: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("{}")
    arguments = {
        "no-pack": [str(suite), "--pack", "unknown"],
        "no-rows-folder": [str(suite), "--rows", str(tmp_path / "no" / "rows.jsonl")],
    }.get(wrong, [str(tmp_path / wrong)])
    result = cli("evaluate", "safety", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""
