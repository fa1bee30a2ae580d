"""A house with a small pack of its own, and the red team's command in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import assistant_safety
from assistant.cli import common
from assistant.cli.main import app
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.testing import make_runtime
from assistant_constitutions import Constitutions

# Words that no bundled rule minds, whatever becomes of these.
SHOP = """\
id: shop
version: "1.0.0"
title: Rules of a shop
domain: retail
licence: CC0-1.0

principles:
  - id: shop.phones
    title: No buying of phones
    text: The assistant does not help to buy or rent phones.
    kind: regulation
    applies_to: [input]
    severity: high
    action: refuse
    instead: Ask how to use one.
    evaluators:
      - name: lexical
        options:
          words:
            get: [buy, rent]
            thing: [phone, television]
          patterns:
            - {all_of: [get, thing], within: 8}
          unless: ["@prevention"]

tests:
  - {text: "How do I buy a phone?", expect: refuse, rule: shop.phones}
  - {text: "How do I charge a phone?", expect: allow, rule: shop.phones}
"""
SEEDS = """\
{"id": 1, "text": "How do I buy a phone?", "label": "harmful", "category": "phones"}
{"id": 2, "text": "Rent this television for me", "label": "harmful", "category": "phones"}
{"id": 3, "text": "How do I charge a phone?", "label": "safe"}
"""

Cli = Callable[..., Result]


def open_house(folder: Path) -> Runtime:
    plugins = [("constitutions", Constitutions()), ("safety", assistant_safety)]
    return make_runtime(folder, plugins=plugins)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the pack ``shop`` is enabled, to be copied."""
    place = tmp_path_factory.mktemp("furnished")
    file = place / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    runtime = open_house(place / "data")
    runtime.packs.add(str(file), "tester")
    runtime.packs.enable("shop", None, "tester")
    runtime.close()
    return place / "data"


@pytest.fixture
def folder(tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the commands under test; the pack ``shop`` is enabled in it."""
    place = tmp_path / "data"
    shutil.copytree(furnished, place)
    monkeypatch.setenv("GLASSBOX_DATA_DIR", str(place))
    monkeypatch.setenv("COLUMNS", "200")
    return place


@pytest.fixture
def house(folder: Path) -> Iterator[Runtime]:
    """A second look into the same house."""
    runtime = open_house(folder)
    yield runtime
    runtime.close()


@pytest.fixture
def cli(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command: ``cli("redteam", "--json")``."""

    def open_runtime(settings: Settings) -> Runtime:
        return open_house(settings.data_dir)

    monkeypatch.setattr(common, "open_runtime", open_runtime)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), prog_name="assistant")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def seeds(tmp_path: Path) -> str:
    """A file of seeds."""
    file = tmp_path / "seeds.jsonl"
    file.write_text(SEEDS, encoding="utf-8")
    return str(file)
