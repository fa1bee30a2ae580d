"""The loop, the data and the calibration, on tiny models."""

import dataclasses
import io
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from assistant_vlm.loading import LoadedModel
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, Tokenizer
from training.batches import Mix, conversation_tokens, make_batch, make_example, no_information
from training.calibrate import fit, threshold
from training.datasets import UNKNOWN_CLASSES, ask_row, read_open_data, varied
from training.evaluate import calibration_error, half_of, wilson
from training.loop import Run, StepBatches
from training.questions import CANNOT_TELL, Asked
from training.recipe import Recipe
from training.talk import FORMS, REPLIES, ask_talk, held_out

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


def test_only_answers_are_learned(tokenizer: Tokenizer) -> None:
    turns = [Asked("what is this?", "a red circle", "what"), Asked("where?", "top left", "where")]
    tokens, targets = conversation_tokens(tokenizer, turns, True)
    assert len(tokens) == len(targets)
    learned = [(tokens[i], target) for i, target in enumerate(targets) if target]
    assert [target for _, target in learned] == [
        *tokenizer.encode("a red circle"),
        END,
        *tokenizer.encode("top left"),
        END,
    ]
    assert all(target == tokens[i + 1] for i, target in enumerate(targets) if target)
    assert learned[0][0] == ANSWER
    assert tokens.count(QUESTION) == 2


def test_a_batch_depends_on_its_seed_alone(tokenizer: Tokenizer) -> None:
    one, two, other = (make_batch(random.Random(s), TINY, tokenizer, Mix(), None, 6, 96) for s in (1, 1, 2))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(one.pixels, two.pixels)
    assert not torch.equal(one.tokens, other.tokens)
    assert one.questions > 6
    assert one.patch_targets.shape == (6, TINY.rows * TINY.cols, 2)
    assert one.tokens.max() < TINY.vocab


def test_pictures_without_information_are_declined() -> None:
    rng = random.Random(3)
    for _ in range(5):
        example = make_example(rng, Mix(scenes=0, open=0, noise=1, talk=0), None, 4)
        assert example.picture is not None
        assert {t.answer for c in example.conversations for t in c if t.kind == "noise"} == {CANNOT_TELL}
    assert no_information(rng).size == (128, 128)


def test_held_out_talk_is_never_trained_on() -> None:
    trained = {form.lower().rstrip("?!. ") for forms in FORMS.values() for form in forms}
    rng = random.Random(0)
    trained |= {ask_talk(rng).question.rstrip("?!. ") for _ in range(20_000)}
    asked = held_out()
    assert not {a.question.rstrip("?!. ") for a in asked} & trained
    assert {a.answer for a in asked} == set(REPLIES.values())


def _parquet(folder: Path, name: str, labels: list[str]) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (400, 100) if name == "nlvr" else (40, 30), "red").save(picture, "PNG")
    rows = [
        {
            "id": f"{name}/{i}",
            "image": picture.getvalue(),
            "texts": ["There is a box"],
            "label": label,
            "qa": [{"question": "what shape is this?", "answer": "circle", "type": "open"}],
            "meta": '{"coarse": "Apple"}',
            "split": "train" if i % 3 else "val",
        }
        for i, label in enumerate(labels * 12)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"open-{name}.parquet")


def test_parts_of_the_open_sets_do_not_overlap(tmp_path: Path) -> None:
    for name in ("easyvqa", "caltech101", "grocery", "clothing", "mnist", "emoji", "nlvr"):
        _parquet(tmp_path, name, ["7", "8"] if name == "mnist" else ["cat", min(UNKNOWN_CLASSES)])
    parts = read_open_data(tmp_path)
    ids = {part: {row.id for rows in data.rows.values() for row in rows} for part, data in parts.items()}
    assert not ids["train"] & ids["dev"]
    assert not (ids["train"] | ids["dev"]) & ids["unknown"]
    assert {row.label for row in parts["unknown"].rows["caltech101"]} <= UNKNOWN_CLASSES
    rng = random.Random(0)
    for name, rows in parts["train"].rows.items():
        asked = ask_row(rng, rows[0], ["cat", "dog"])
        assert asked.question
        assert asked.answer
        assert varied(rng, rows[0]).mode == "RGB", name


def test_wilson_intervals() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.490, 0.943), abs=1e-3)  # tabulated, three decimals
    assert wilson(0, 50)[0] == 0


def test_halves_split_evenly() -> None:
    share = sum(half_of(str(i)) for i in range(2000)) / 2000
    assert 0.45 < share < 0.55


def test_a_logistic_model_recovers_its_weights() -> None:
    torch.manual_seed(0)
    x = torch.cat((torch.ones(4000, 1), torch.randn(4000, 1)), dim=1)
    right = torch.rand(4000) < (x @ torch.tensor([0.5, 2.0])).sigmoid()
    found = fit([(float(a), float(b)) for a, b in x], [bool(r) for r in right])
    assert found == pytest.approx((0.5, 2.0), abs=0.25)  # four standard errors of 4,000 draws


def test_the_threshold_keeps_what_is_right_and_not_too_little() -> None:
    confidence = torch.tensor([0.1] * 20 + [0.5] * 30 + [0.95] * 50)
    right = torch.tensor([False] * 20 + [True] * 15 + [False] * 15 + [True] * 50)
    assert 0.5 < threshold(confidence, right, 0.9, 0.6) <= 0.95
    assert 0.1 < threshold(confidence, right, 0.9, 0.3) <= 0.5
    assert threshold(confidence, right, 0.5, 0.6) == 0


def test_calibration_error_of_perfect_and_of_overconfident_answers(tiny: LoadedModel) -> None:
    from training.answers import Answered

    def answered(right: bool, confidence: float) -> Answered:
        from assistant_vlm import Step

        return Answered(Asked("q", "a", "k"), (Step(0, 9, "a" if right else "b", 0.0),), True, confidence)

    assert calibration_error([answered(True, 1.0)] * 5) == 0
    assert calibration_error([answered(False, 0.9)] * 5) == pytest.approx(0.9)
    half = [answered(i % 2 == 0, 0.5) for i in range(10)]
    assert calibration_error(half) == pytest.approx(0)
