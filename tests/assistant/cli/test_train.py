from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from assistant.cli import train

Cli = Callable[..., Result]

FAKE = {
    "__init__": "",
    "datasets": "def file_of(folder, name): return folder / f'open-{name}.parquet'",
    "recipe": """
class Recipe:
    @classmethod
    def from_file(cls, path):
        text = path.read_text()
        if text == "odd":
            raise ValueError(f"{path}: expected a training recipe")
        recipe = cls()
        recipe.sets = tuple(text.split())
        return recipe
""",
    "train": """
def run(recipe, data, checkpoints=None, resume=False, threads=2, steps=None):
    print("the log of the run")
    if checkpoints is not None and checkpoints.name == "interrupted":
        raise KeyboardInterrupt
    if checkpoints is not None and checkpoints.name == "unwritten":
        raise FileNotFoundError("expected the weights of another run")
    given = [recipe.name, data and data.name, checkpoints and checkpoints.name, resume]
    (recipe.parent / "called").write_text(repr(given))
""",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipes of a checkout with a training package that only says that it was called."""
    package = tmp_path / "models" / "training"
    recipes = package / "recipes"
    recipes.mkdir(parents=True)
    for name, source in FAKE.items():
        (package / f"{name}.py").write_text(source)
    (recipes / "open.toml").write_text("mnist emoji")
    (recipes / "drawn.toml").write_text("")
    monkeypatch.setattr(train, "MODELS", package.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "training"}
    yield recipes
    for name in [name for name in sys.modules if name.split(".")[0] == "training"]:
        del sys.modules[name]
    sys.modules.update(real)


def called(recipes: Path) -> str:
    return (recipes / "called").read_text()


def test_a_recipe_by_its_name(cli: Cli, checkout: Path, tmp_path: Path):
    for name in ("open-mnist.parquet", "open-emoji.parquet"):
        (tmp_path / name).write_bytes(b"")
    result = cli("train", "open", "--data", str(tmp_path), "--checkpoints", str(tmp_path / "kept"), "--resume")
    assert result.exit_code == 0, result.stderr
    assert called(checkout) == repr(["open.toml", tmp_path.name, "kept", True])
    assert result.stdout == ""
    assert "the log of the run" in result.stderr


def test_a_recipe_by_its_path_and_without_data(cli: Cli, checkout: Path, tmp_path: Path):
    own = tmp_path / "own.toml"
    own.write_text("mnist")
    result = cli("train", str(own))
    assert result.exit_code == 0, result.stderr
    assert called(tmp_path) == repr(["own.toml", None, None, False])
    assert "only what can be drawn" in result.stderr
    assert "only what can be drawn" not in cli("train", "drawn.toml").stderr


def test_an_unknown_recipe_lists_those_that_there_are(cli: Cli, checkout: Path):
    result = cli("train", "opne")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: There is no recipe 'opne'; there are: drawn, open.")


def test_a_recipe_that_cannot_be_read(cli: Cli, checkout: Path, tmp_path: Path):
    (tmp_path / "odd.toml").write_text("odd")
    result = cli("train", str(tmp_path / "odd.toml"))
    assert result.exit_code == 2
    assert "odd.toml: expected a training recipe" in result.stderr


def test_missing_data_is_named(cli: Cli, checkout: Path, tmp_path: Path):
    result = cli("train", "open", "--data", str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "nowhere is none" in result.stderr
    (tmp_path / "open-mnist.parquet").write_bytes(b"")
    result = cli("train", "open", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert "lacks 1 of the 2 files that the recipe reads: open-emoji.parquet." in result.stderr
    assert not (checkout / "called").exists()


def test_what_the_run_cannot_do_is_one_message(cli: Cli, checkout: Path, tmp_path: Path):
    result = cli("train", "drawn", "--checkpoints", str(tmp_path / "unwritten"))
    assert result.exit_code == 2
    assert "expected the weights of another run" in result.stderr


def test_a_run_that_is_stopped_says_how_to_go_on(cli: Cli, checkout: Path, tmp_path: Path):
    result = cli("train", "drawn", "--checkpoints", str(tmp_path / "interrupted"))
    assert result.exit_code == 130
    assert "--resume" in result.stderr


def test_without_pyarrow_it_says_what_to_type(cli: Cli, checkout: Path, monkeypatch: pytest.MonkeyPatch):
    (checkout.parent / "datasets.py").write_text("import pyarrow.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = cli("train", "open")
    assert result.exit_code == 2
    assert "Training needs pyarrow" in result.stderr
    assert "pip install pyarrow" in result.stderr


def test_an_install_without_the_training_code_says_so(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train, "MODELS", tmp_path / "models")
    result = cli("train", "open")
    assert result.exit_code == 2
    assert "needs a checkout of the repository" in result.stderr
    assert "pip install -e" in result.stderr


def test_the_real_recipes_name_their_files(cli: Cli, tmp_path: Path):
    result = cli("train", "open", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert "open-mnist.parquet" in result.stderr
