"""Evaluation and calibration as commands, on a tiny model that knows nothing."""

import json
import sys
from pathlib import Path

import pytest

from assistant_vlm.config import read_config, write_config
from assistant_vlm.loading import CONFIG_FILE, LoadedModel
from training import calibrate, evaluate
from training.datasets import OPEN_SETS

from .data import write_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path, 16)


def test_the_table_has_every_set_every_kind_and_the_floors(
    folder: Path, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "load", lambda _: tiny)
    monkeypatch.setattr(sys, "argv", ["evaluate", "--n", "14", "--per-set", "2", "--data", str(folder)])
    evaluate.main()
    out = capsys.readouterr().out
    results = json.loads(out.splitlines()[-1])["results"]
    assert {"all generated", "nlvr, held out", "emoji, new style", "noise or blank", "unknown classes"} <= set(results)
    assert any(name.startswith("all generated: ") for name in results)
    assert {"blank", "swapped"} <= set(results["all generated"])
    assert "blank" not in results["noise or blank"]
    assert sum(results[name]["n"] for name in results if name.startswith("all generated: ")) >= 12
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert len(rows) == len(results) + 1
    assert len({row.count("|") for row in rows}) == 1


def test_calibration_rewrites_the_card_and_nothing_else(
    folder: Path, tiny: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / CONFIG_FILE).write_text(write_config(tiny.config, tiny.card))
    monkeypatch.setattr(calibrate, "load", lambda _: tiny)
    options = ["--n", "24", "--data", str(folder), "--weights", str(weights), "--sets", *OPEN_SETS]
    before = tiny.card
    monkeypatch.setattr(sys, "argv", ["calibrate", *options])
    calibrate.main()
    config, card = read_config((weights / CONFIG_FILE).read_text())
    assert config == tiny.config
    assert card.confidence_with_image != before.confidence_with_image
    assert card.name == before.name
