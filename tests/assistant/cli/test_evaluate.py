from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import Result

from assistant import ImagePart
from assistant.testing import FakeModel, picture

Cli = Callable[..., Result]


class Answering(FakeModel):
    """Says red; likes the first option."""

    abstain_below = 0.5

    def answer_picture(self, image: ImagePart, question: str) -> tuple[str, float]:
        print("a library talks")
        return "red", 0.75

    def choose(self, image: ImagePart, question: str, options: Any) -> list[tuple[str, float]]:
        return [(option, 1 / len(options)) for option in sorted(options, reverse=True)]


def write(folder: Path, images: list[bytes], labels: list[str]) -> Path:
    n = len(images)
    columns = {
        "id": [f"some/{number}" for number in range(n)],
        "image": pa.array(images, pa.binary()),
        "task": ["label"] * n,
        "texts": pa.array([[]] * n, pa.list_(pa.string())),
        "label": labels,
        "qa": pa.nulls(n),
        "meta": pa.array([None] * n, pa.string()),
        "split": ["train", "val"] * (n // 2) + ["train"] * (n % 2),
    }
    path = folder / "some.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write(tmp_path, [picture("red"), picture("blue"), picture("red"), picture("blue")], ["red", "blue"] * 2)


def test_json_goes_to_stdout_alone(cli: Cli, house: Any, pictures: Path, folder: Path):
    house(Answering())
    result = cli("evaluate", "vision", str(pictures), "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert "a library talks" in result.stderr
    assert report["file"]["used"] == 4
    choice, free = report["scores"]
    assert (choice["target"], choice["manner"], choice["result"]["share"]) == ("label", "choice", 0.5)
    assert (free["manner"], free["result"]["share"], free["majority"]["result"]["share"]) == ("free", 0.5, 0.5)
    assert report["model"]["name"] == "fake"
    assert report["problems"] == []
    assert not (folder / "glassbox.sqlite3").exists()  # nothing is stored


def test_text_for_people(cli: Cli, house: Any, pictures: Path):
    house(Answering())
    result = cli("evaluate", "vision", str(pictures))
    assert result.exit_code == 0
    assert "label, among 2 answers" in result.stdout
    assert "50.0 %" in result.stdout


def test_limit_and_split_choose_rows(cli: Cli, house: Any, pictures: Path):
    house(Answering())
    assert json.loads(cli("evaluate", "vision", str(pictures), "--limit", "1", "--json").stdout)["file"]["used"] == 1
    report = json.loads(cli("evaluate", "vision", str(pictures), "--split", "val", "--json").stdout)
    assert report["file"]["splits"] == {"val": 2}


def test_unreadable_pictures_are_found_and_named(cli: Cli, house: Any, tmp_path: Path):
    house(Answering())
    path = write(tmp_path, [picture(), *[b"torn"] * 12], ["red"] * 13)
    result = cli("evaluate", "vision", str(path), "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["problems"]) == 12
    assert "12 rows were not wholly used" in result.stderr
    assert "some/1: its picture cannot be read" in result.stderr
    assert "and 2 more" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "0"], "--limit"),
        (["--limit", "many"], "--limit"),
        (["--model", "nobody"], "There is no model 'nobody'; there are: fake"),
        (["--nope"], "--nope"),
    ],
)
def test_misuse(cli: Cli, house: Any, pictures: Path, arguments: list[str], said: str):
    result = cli("evaluate", "vision", str(pictures), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_file_that_is_none_is_one_sentence(cli: Cli, house: Any, tmp_path: Path):
    for path, said in (
        (tmp_path / "nowhere.parquet", "There is no file"),
        (tmp_path, "is a folder"),
        (Path(__file__), "is not a Parquet file"),
    ):
        result = cli("evaluate", "vision", str(path), "--json")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("Error: ")
        assert said in result.stderr


def test_without_pyarrow_it_says_what_to_type(cli: Cli, house: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = cli("evaluate", "vision", str(pictures))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "pip install pyarrow" in result.stderr


def test_help_and_measuring_import_no_torch():
    script = (
        "import sys, assistant.cli.main, assistant.evaluation.vision\n"
        "sys.exit(str([name for name in ('torch', 'pyarrow', 'assistant_vlm') if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == ""
