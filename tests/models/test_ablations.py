"""The ablations: their task, their score, their results file and their table."""

import dataclasses
import json
import math
import random
import sys
from pathlib import Path

import pytest
import torch

from assistant_vlm.network import Network
from assistant_vlm.tokenizer import CONTROL, END, Tokenizer
from training import ablations, reduced_task
from training.ablations import VARIANTS, Variant, held_out, read, table
from training.learner import Learner, fused_memory
from training.loop import Run
from training.reduced_task import Task, batch_of, make_row, score

from .conftest import TINY
from .recipes import RECIPE
from .test_decoder import made

SMALL = Task(side=32, most_things=2, questions=3)


def rows(seed: int, count: int, task: Task = SMALL) -> list[reduced_task.Row]:
    rng = random.Random(seed)
    return [make_row(rng, task, 4) for _ in range(count)]


def test_a_row_depends_on_its_seed_and_on_how_pictures_are_made() -> None:
    one, same, other = rows(1, 2), rows(1, 2), rows(2, 2)
    assert (one[1].pixels == same[1].pixels).all()
    assert one[1].asked == same[1].asked
    assert (one[1].pixels != other[1].pixels).any()
    assert {a.kind for row in rows(3, 40) for a in row.asked} == set(reduced_task.ASKED)
    assert one[0].covered.shape == (16, 3)
    assert one[0].covered.max() > 0


def test_a_letterboxed_picture_is_whole_and_shows_the_same() -> None:
    """The same scenes as squeezed ones, with gray bars on two sides."""
    uneven = dataclasses.replace(SMALL, side=64, uneven=True)
    squeezed_rows = rows(1, 8, uneven)
    boxed = rows(1, 8, dataclasses.replace(uneven, letterbox=True))
    bars = 0
    for one, other in zip(squeezed_rows, boxed, strict=True):
        assert one.asked == other.asked
        assert (other.covered == -1).all()
        gray = (other.pixels == 127).all(-1)
        bars += bool(gray[-1].all() or gray[:, -1].all())
        inside = other.pixels[~gray.all(1)][:, ~gray.all(0)].reshape(-1, 3).mean(0)
        assert abs(inside - one.pixels.reshape(-1, 3).mean(0)).max() < 6  # the same colours, resampled
    assert bars >= 6  # an aspect within a pixel of a square leaves no bar


def test_a_batch_keeps_every_question(tokenizer: Tokenizer) -> None:
    some = rows(1, 3)
    batch = batch_of(some, tokenizer)
    assert batch.questions == 9
    for r, row in enumerate(some):
        for turn, asked in enumerate(row.asked):
            answer = batch.targets[r][(batch.turns[r] == turn) & (batch.targets[r] > 0)].tolist()
            assert answer == [*tokenizer.encode(asked.answer), END]
    assert torch.equal(batch.turns, batch.segments)
    Learner(RECIPE, 0)(batch).total.backward()


@pytest.fixture(scope="module")
def trained(tokenizer_file: Path) -> tuple[Network, list[reduced_task.Row]]:
    """A network that knows some of the answers and not others."""
    tokenizer, known = Tokenizer.from_file(tokenizer_file), rows(5, 4)
    run = Run(dataclasses.replace(RECIPE, warmup_steps=0), tokenizer_file.read_bytes(), None, Path())
    batch = batch_of(known, tokenizer)
    for _ in range(25):
        run.step([batch])
    return run.model.network, known


@torch.no_grad()
def test_the_score_counts_exactly_the_answers_that_greedy_generation_gives(
    trained: tuple[Network, list[reduced_task.Row]], tokenizer: Tokenizer
) -> None:
    network, known = trained
    network.eval()
    found = score(network, known, tokenizer, at_once=3)
    assert 0 < sum(found.right) < len(found.right)
    expected: list[bool] = []
    for row in known:
        batch = batch_of([row], tokenizer)
        memory, _ = fused_memory(network, network.encoder(batch.pixels), batch)
        for turn in range(len(row.asked)):
            here = batch.tokens[0][batch.turns[0] == turn]
            asks = batch.asks[0][batch.turns[0] == turn]
            tokens, answer = here[: int(asks.nonzero().max()) + 1].tolist(), list[int]()
            while len(answer) < 20 and (not answer or answer[-1] != END):
                logits = network.decoder.logits(network.decoder(torch.tensor([tokens + answer]), memory)[0, -1])
                logits[[i for i in range(len(CONTROL)) if i != END or not answer]] = float("-inf")
                answer.append(int(logits.argmax()))
            expected.append(answer == [*tokenizer.encode(row.asked[turn].answer), END])
    assert found.right == expected


def test_a_network_that_knows_nothing_has_the_loss_of_chance(tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    found = score(Network(TINY), rows(1, 4), tokenizer)
    assert found.loss == pytest.approx(math.log(512), abs=0.3)
    assert len(found.right) == 12


@pytest.mark.parametrize("variant", VARIANTS, ids=[v.name for v in VARIANTS])
def test_every_variant_is_a_valid_recipe_and_differs_from_what_it_is_compared_with(variant: Variant) -> None:
    recipe = variant.made(1, 50)
    others = {v.name: v for v in VARIANTS}
    against = others[variant.against]
    assert (recipe != against.made(1, 50) or variant.task != against.task) == (variant.name != "base")
    assert recipe.rate(49) < recipe.peak_rate / 10
    made(recipe.model)


def test_names_of_variants_are_their_own() -> None:
    assert len({v.name for v in VARIANTS}) == len(VARIANTS)


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["ablations", *arguments])
    ablations.main()


@pytest.fixture
def tiny_base(tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = dataclasses.replace(TINY, side=64)
    monkeypatch.setattr(ablations, "BASE", dataclasses.replace(ablations.BASE, model=model))
    monkeypatch.setattr(ablations, "ROWS", 2)
    monkeypatch.setattr(ablations, "TOKENIZER", tokenizer_file)
    monkeypatch.setattr(ablations, "held_out", lambda task, cells: held_out(task, cells, 2))


@pytest.mark.usefixtures("tiny_base")
def test_runs_are_kept_and_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "ablations.jsonl"
    common = ("--out", str(out), "--workers", "0", "--only", "base", "GELU")
    ran(monkeypatch, *common, "--steps", "2")
    first = read(out)
    assert [(r["variant"], r["steps"], r["seed"]) for r in first] == [("base", 2, 1), ("GELU", 2, 1)]
    assert all(sum(n for _, n in r["by_kind"].values()) == 12 for r in first)
    out.write_text(out.read_text() + '{"variant": "ba')  # a stop in the middle of a line
    capsys.readouterr()
    ran(monkeypatch, *common, "--steps", "2", "--seeds", "1", "2")
    results = read(out)
    assert results[:2] == first
    assert [(r["variant"], r["seed"]) for r in results[2:]] == [("base", 2), ("GELU", 2)]
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("{") for line in lines) == 2
    assert lines[-2].startswith("| base | 2 |")
    assert lines[-1].startswith("| GELU | 2 |")
    ran(monkeypatch, *common, "--steps", "3", "--table")
    assert read(out) == results
    assert "GELU" not in capsys.readouterr().out


@pytest.mark.usefixtures("tiny_base")
def test_one_seed_is_one_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, object]] = []
    for name in ("a", "b"):
        ran(monkeypatch, "--out", str(tmp_path / name), "--workers", "0", "--only", "base", "--steps", "2")
        (result,) = read(tmp_path / name)
        found.append({key: result[key] for key in ("loss", "exact", "by_kind", "parameters")})
    assert found[0] == found[1]


@pytest.mark.usefixtures("tiny_base")
def test_minutes_become_steps_and_slower_variants_get_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablations, "_trained", lambda v, seed, steps, tok, w: (None, steps * (2.0 if v.model else 1.0)))
    steps = [ablations._steps_in(v, 3.0, b"", 0) for v in VARIANTS[:2]]  # pyright: ignore[reportPrivateUsage]
    assert steps == [180, 90]


def test_unknown_names_and_empty_budgets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (("--only", "GELUU"), ("--steps", "0"), ("--minutes", "-1"), ("--steps", "3", "--minutes", "1")):
        with pytest.raises(SystemExit):
            ran(monkeypatch, "--out", str(tmp_path / "none"), *wrong)
    (tmp_path / "odd").write_text("no json\n{}\n")
    with pytest.raises(ValueError, match="line 1"):
        read(tmp_path / "odd")


def test_the_table_compares_on_the_same_seeds() -> None:
    def result(name: str, seed: int, loss: float, exact: float) -> dict[str, object]:
        shared = {"budget": {"steps": 5}, "steps": 5, "ms_per_step": 10.0, "parameters": 1234}
        return {"variant": name, "seed": seed, "loss": loss, "exact": exact, "by_kind": {"count": [1, 4]}, **shared}

    text = table(
        [
            result("base", 1, 1.0, 0.5),
            result("base", 2, 2.0, 0.6),
            result("base", 3, 9.0, 0.1),
            result("GELU", 1, 1.1, 0.4),
            result("GELU", 2, 2.3, 0.6),
            result("squeezed, no patch loss", 1, 3.0, 0.2),
        ]
    )
    rows_ = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert rows_[0][:5] == ["variant", "seeds", "loss", "difference", "exact %"]
    base, gelu, squeezed = rows_[2:]
    assert base[:6] == ["base", "3", "4.000", "", "40.0", ""]
    assert gelu[:6] == ["GELU", "2", "1.700", "+0.200 ± 0.141", "50.0", "-5.0 ± 7.1"]
    assert gelu[6:] == ["10", "5", "1,234", "25"]
    assert squeezed[0] == "squeezed, no patch loss (to no patch loss)"
    assert squeezed[3] == ""
    assert json.loads(json.dumps(result("base", 1, 1.0, 0.5)))["budget"] == {"steps": 5}
