"""docs/model.md: its examples run, its lists are those of the code, and its commands exist."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import assistant_vlm
from assistant_vlm.confidence import FEATURES
from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.model import LoadedModel
from assistant_vlm.network import Network
from assistant_vlm.sites import site_names
from assistant_vlm.tokenizer import Tokenizer
from training.tokenizer_recipe import train_tokenizer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def tiny(folder: Path) -> LoadedModel:
    train_tokenizer(folder / "tokenizer.model", 512, seed=1, lines=200, data=None)
    config = ModelConfig(512, 32, 8, (8, 8), (0, 0, 0), dim=32, heads=4, kv_heads=2, encoder_layers=1, decoder_layers=2)
    torch.manual_seed(0)
    card = Card("tiny", "0", "none", 0.0, (1.0,) * len(FEATURES), (1.0,) * len(FEATURES))
    return LoadedModel(Network(config), Tokenizer.from_file(folder / "tokenizer.model"), card, "0" * 64)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny(tmp_path)
    monkeypatch.setattr(assistant_vlm, "load", lambda: model, raising=False)
    names: dict[str, object] = {"folder": tmp_path}
    assert len(EXAMPLES) == 2
    for example in EXAMPLES:
        exec(compile(example, "docs/model.md", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"torch.Size\(\[1, 4, \d+, 17\]\)", said[0])
    assert (tmp_path / "mine.safetensors").exists()


def test_the_sites_are_those_of_the_default_shape() -> None:
    listed = re.findall(r"<!-- sites -->\n```\n(.*?)```", PAGE, re.DOTALL)[0].split()
    config = ModelConfig(vocab=512)
    named = [re.sub(r"\.\d+\.", ".{i}.", name) for name in site_names(config)]
    assert listed == list(dict.fromkeys(named))
    fused = dataclasses.replace(config, fusion_layers=1, question_to_patches=True, patches_to_question=True)
    parts = {name.split(".")[2] for name in site_names(fused) if name.startswith("fusion.")}
    for part in parts:
        assert f".{part}`" in PAGE


def test_every_setting_and_every_file_is_on_the_page() -> None:
    for field in dataclasses.fields(ModelConfig):
        assert re.search(rf"`{field.name}\b", PAGE), field.name
    for file in re.findall(r"^\|.*?\| `(\w+\.py)` \|", PAGE, re.MULTILINE):
        assert (ROOT / "models" / "assistant_vlm" / file).exists(), file


@pytest.mark.parametrize("module", ["train", "export", "ablations"])
def test_the_commands_have_these_options(module: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", f"training.{module}", "--help"], cwd=ROOT / "models", capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    lines = [line for line in PAGE.splitlines() if f"-m training.{module} " in line]
    assert lines
    for line in lines:
        for word in shlex.split(line.split("#")[0]):
            if word.startswith("--"):
                assert word in run.stdout, (word, line)


def test_no_line_names_a_file_that_is_not_there() -> None:
    for path in re.findall(r"models/[\w/]+\.(?:py|toml)", PAGE):
        assert (ROOT / path).exists(), path
