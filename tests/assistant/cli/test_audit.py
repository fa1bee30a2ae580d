from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from typer.testing import Result


def test_a_whole_log_and_one_that_was_touched(cli: Callable[..., Result], house: Any, folder: Path):
    for question in ("one", "two", "three"):
        cli("ask", question)
    whole = cli("audit", "verify", "--json")
    assert whole.exit_code == 0
    report = json.loads(whole.stdout)
    assert report["ok"] is True
    assert report["leaves"] == 3
    assert report["head"] in cli("audit", "verify").stdout

    with closing(sqlite3.connect(folder / "glassbox.sqlite3")) as connection, connection:
        connection.execute("UPDATE turns SET record = replace(record, 'red', 'blue')")
    touched = cli("audit", "verify", "--json")
    assert touched.exit_code == 1
    report = json.loads(touched.stdout)
    assert report["ok"] is False
    assert report["problems"][0]["message"]
    said = cli("audit", "verify")
    assert said.exit_code == 1
    assert "NOT whole" in said.stdout
    assert "changed" in said.stderr


def test_an_empty_log_is_whole(cli: Callable[..., Result]):
    assert json.loads(cli("audit", "verify", "--json").stdout)["leaves"] == 0
