"""A checkpoint becomes a weights folder that loads, and answers as the averaged weights do."""

import dataclasses
import sys
from pathlib import Path

import pytest
import torch

from assistant_vlm import load
from assistant_vlm.confidence import FEATURES
from assistant_vlm.config import Card, read_config, write_config
from training import export
from training.loop import Run

from .conftest import TINY
from .recipes import RECIPE
from .test_training import TOML


@pytest.fixture
def checkpoints(tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe's file beside a run of one step by it."""
    (tmp_path / "tiny.toml").write_text(TOML)
    monkeypatch.setattr(export, "TOKENIZER", tokenizer_file)
    recipe = export.Recipe.from_file(tmp_path / "tiny.toml")
    Run(recipe, tokenizer_file.read_bytes(), None, tmp_path).train(stop_after=1, workers=0)
    return tmp_path


def exported(checkpoints: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = str(checkpoints / "tiny.toml")
    monkeypatch.setattr(sys, "argv", ["export", recipe, "--checkpoints", str(checkpoints), "--to", str(to)])
    export.main()


def test_the_averaged_weights_load(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(checkpoints, checkpoints / "weights", monkeypatch)
    loaded = load(checkpoints / "weights")
    assert (loaded.name, loaded.version, loaded.licence, loaded.abstain_below) == ("tiny", "0", "none", 0.0)
    average = torch.load(checkpoints / "checkpoint.pt", weights_only=True)["average"]
    for key, value in loaded.network.state_dict().items():
        assert torch.equal(value, average[key].half().float()), key


def test_an_earlier_calibration_is_kept_but_not_the_earlier_name(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tuple(float(i) for i in range(len(FEATURES)))
    earlier = Card("old", "9", "secret", 0.7, weights, weights, unfamiliar_above=3.0)
    (checkpoints / export.CONFIG_FILE).write_text(write_config(TINY, earlier))
    (checkpoints / export.FAMILIARITY_FILE).write_bytes(b"of the earlier weights")
    exported(checkpoints, checkpoints, monkeypatch)
    _, card = read_config((checkpoints / export.CONFIG_FILE).read_text())
    assert card == dataclasses.replace(earlier, name="tiny", version="0", licence="none", unfamiliar_above=None)
    assert not (checkpoints / export.FAMILIARITY_FILE).exists()
    assert load(checkpoints).abstain_below == 0.7


@pytest.mark.parametrize("features", [len(FEATURES) - 1, None], ids=["other features", "another model"])
def test_a_calibration_of_no_use_is_replaced(tmp_path: Path, features: int | None) -> None:
    file = tmp_path / "config.json"
    weights = (1.0,) * (features or 3)
    text = write_config(TINY, Card("old", "9", "secret", 0.7, weights, weights))
    file.write_text(text if features else text.replace("stem_norm", "stem_flavour"))
    assert export.card_for(RECIPE, file) == export.uncalibrated(RECIPE)
    assert export.card_for(RECIPE, tmp_path / "none.json") == export.uncalibrated(RECIPE)


def test_a_checkpoint_of_another_recipe_is_refused(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkpoints / "tiny.toml").write_text(TOML.replace("decoder_layers = 1", "decoder_layers = 2"))
    with pytest.raises(SystemExit, match="checkpoint of the recipe's network"):
        exported(checkpoints, checkpoints / "weights", monkeypatch)
    assert not (checkpoints / "weights").exists()


def test_weights_that_float16_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite in float16, got others in too large"):
        export.write_weights(tmp_path / "w", {"too large": torch.tensor([1e6])}, b"", TINY, export.uncalibrated(RECIPE))
    assert not (tmp_path / "w").exists()
