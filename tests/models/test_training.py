"""The loop, on tiny models."""

import dataclasses
from pathlib import Path

import pytest
import torch

from training.batches import Mix
from training.loop import Run, StepBatches
from training.recipe import Recipe

from .conftest import TINY

RECIPE = Recipe(
    name="tiny",
    version="0",
    licence="none",
    seed=1,
    minutes=1000.0,
    rows=4,
    tokens=96,
    optimizer="adamw",
    bf16=False,
    peak_rate=3e-3,
    last_rate=0.1,
    warmup_steps=5,
    weight_decay=0.0,
    clip=1.0,
    average=0.9,
    patch_loss=0.3,
    easy_steps=0,
    easy_things=3,
    tokenizer_lines=100,
    model=TINY,
    mix=Mix(),
)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_batch_can_be_learned_by_heart(tokenizer_file: Path, optimizer: str, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer, mix=Mix(scenes=1, open=0, noise=0, talk=0))  # type: ignore[arg-type]
    run = Run(recipe, tokenizer_file.read_bytes(), None, tmp_path)
    batch = StepBatches(recipe, run.tokenizer, None, 0)[0]
    first = float(run.model(batch)[1].detach())
    for _ in range(120):
        for group in (g for o in run.optimizers for g in o.param_groups):
            group["lr"] = recipe.peak_rate
        loss, answers, right = run.model(batch)
        run.model.zero_grad()
        loss.backward()
        for one in run.optimizers:
            one.step()
    assert first > 4
    assert float(answers.detach()) < 0.3
    assert float(right) > 0.9


def test_a_stopped_run_goes_on_as_if_never_stopped(tokenizer_file: Path, tmp_path: Path) -> None:
    tokenizer = tokenizer_file.read_bytes()
    whole = Run(RECIPE, tokenizer, None, tmp_path / "whole")
    whole.train(easy_until=0, stop_after=4)
    first = Run(RECIPE, tokenizer, None, tmp_path / "parts")
    first.train(easy_until=0, stop_after=2)
    second = Run(RECIPE, tokenizer, None, tmp_path / "parts")
    assert second.resume()
    second.train(easy_until=0, stop_after=2)
    assert second.progress.step == whole.progress.step == 4
    for key, value in whole.average.items():
        # float32; the learning rate follows the seconds that have passed, which differ by far less than this
        torch.testing.assert_close(second.average[key], value, rtol=1e-3, atol=1e-4)


def test_nothing_to_resume_is_said(tokenizer_file: Path, tmp_path: Path) -> None:
    assert not Run(RECIPE, tokenizer_file.read_bytes(), None, tmp_path).resume()


def test_the_rate_warms_up_and_falls(tokenizer_file: Path, tmp_path: Path) -> None:
    run = Run(RECIPE, tokenizer_file.read_bytes(), None, tmp_path)
    rates: list[float] = []
    for step, share in ((0, 0.0), (5, 0.0), (50, 0.5), (90, 0.99), (99, 1.5)):
        run.progress.step, run.progress.seconds = step, share * RECIPE.minutes * 60
        rates.append(run.rate())
    assert rates[0] < rates[1] == pytest.approx(RECIPE.peak_rate)
    assert rates[1] > rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(RECIPE.peak_rate * RECIPE.last_rate)
