"""Held-out looks during training: always the same rows, nothing is learned from them, missing rows are left out."""

import dataclasses
from pathlib import Path

import pytest
import torch

from assistant_vlm.tokenizer import Tokenizer
from training.batches import Group
from training.early import early_evaluation, held_out_batches
from training.loop import Run
from training.recipe import Stage

from .recipes import RECIPE


def test_a_look_changes_nothing_and_falls_as_the_model_learns(tokenizer_file: Path, tmp_path: Path) -> None:
    run = Run(dataclasses.replace(RECIPE, warmup_steps=0), tokenizer_file.read_bytes(), None, tmp_path)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    first = run.look()
    assert first == run.look()
    assert all(torch.equal(v, before[k]) for k, v in run.model.state_dict().items())
    assert run.model.training
    batches = [b for _, b in held_out_batches(RECIPE, Tokenizer.from_file(tokenizer_file), 0, None)]
    assert first["drawn loss"] == pytest.approx(float(run.model.eval()(batches[0]).answers.detach()), abs=1e-4)
    for _ in range(60):
        run.step(batches)
    assert run.look()["drawn loss"] < first["drawn loss"] - 1


def test_sources_without_held_out_rows_are_left_out(tokenizer_file: Path) -> None:
    drawn = RECIPE.stages[0].groups[0]
    groups = (
        dataclasses.replace(drawn, shares={"scenes": 1.0, "mnist": 5.0, "collage": 5.0}),
        Group("named", 2, 40, drawn.side, {"mnist": 1.0}),
    )
    recipe = dataclasses.replace(RECIPE, sets=("mnist",), stages=(Stage(RECIPE.steps, groups, RECIPE.stages[0].mix),))
    batches = held_out_batches(recipe, Tokenizer.from_file(tokenizer_file), 0, None)
    assert [name for name, _ in batches] == [drawn.name]


def test_pictures_without_a_known_name_do_not_count(tokenizer_file: Path, tmp_path: Path) -> None:
    run = Run(RECIPE, tokenizer_file.read_bytes(), None, tmp_path)
    ((_, batch),) = held_out_batches(RECIPE, Tokenizer.from_file(tokenizer_file), 0, None)
    empty = dataclasses.replace(
        batch, targets=torch.zeros_like(batch.targets), labels=torch.full_like(batch.labels, -1)
    )
    assert early_evaluation(run.model, [("labelled", empty)]) == {}
