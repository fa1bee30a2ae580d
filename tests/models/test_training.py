"""The loop on tiny models: it learns, it stops and goes on, and one seed gives one result."""

import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from assistant_vlm.sites import Sites
from training.batches import Batch, Group
from training.datasets import VisionData
from training.learner import Learner, answer_lengths, fused_memory
from training.loop import Run, StepBatches
from training.recipe import Recipe, Stage
from training.regularisers import entropies, head_likeness, mean_entropy
from training.train import run as train_by_file

from .conftest import TINY
from .recipes import DRAWN, RECIPE


@pytest.fixture(scope="module")
def tokenizer_bytes(tokenizer_file: Path) -> bytes:
    return tokenizer_file.read_bytes()


def changed(recipe: Recipe = RECIPE, **fields: object) -> Recipe:
    return dataclasses.replace(recipe, **fields)  # type: ignore[arg-type]


def first_batch(recipe: Recipe, tokenizer: bytes) -> Batch:
    return StepBatches(recipe, tokenizer, None)[0][0]


def learned(recipe: Recipe, tokenizer: bytes, steps: int) -> tuple[Run, Batch]:
    """A run that saw one batch again and again."""
    run = Run(changed(recipe, warmup_steps=0, steps=10_000), tokenizer, None, Path())
    batch = first_batch(recipe, tokenizer)
    for _ in range(steps):
        run.step([batch])
    return run, batch


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_batch_can_be_learned_by_heart(tokenizer_bytes: bytes, optimizer: str) -> None:
    run, batch = learned(changed(optimizer=optimizer), tokenizer_bytes, 0)
    first = run.step([batch])
    for _ in range(110):
        last = run.step([batch])
    assert first["drawn loss"] > 4
    assert last["drawn loss"] < 0.3
    assert last["drawn right"] > 0.95


@pytest.mark.parametrize(
    "model",
    [TINY, dataclasses.replace(TINY, stem_norm="batch", fusion_layers=1, question_to_patches=True)],
    ids=["default", "batch norm and fusion"],
)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stopped_run_goes_on_as_if_never_stopped(
    tokenizer_bytes: bytes, tmp_path: Path, model: object, optimizer: str
) -> None:
    """Bit by bit: weights, averages and optimizers."""
    recipe = changed(model=model, optimizer=optimizer)
    whole = Run(recipe, tokenizer_bytes, None, tmp_path / "whole")
    whole.train(stop_after=6, workers=0)
    first = Run(recipe, tokenizer_bytes, None, tmp_path / "parts")
    first.train(stop_after=3, workers=0)
    second = Run(recipe, tokenizer_bytes, None, tmp_path / "parts")
    assert second.resume()
    second.train(stop_after=3, workers=0)
    assert second.progress.step == whole.progress.step == 6
    assert second.progress.questions == whole.progress.questions > 0
    ours, theirs = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    same(ours["model"], theirs["model"])
    same(ours["average"], theirs["average"])
    for one, other in zip(ours["optimizers"], theirs["optimizers"], strict=True):
        for key, state in one["state"].items():
            same(state, other["state"][key])


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]), key


def test_one_seed_is_one_result_and_another_is_another(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    results: list[dict[str, Tensor]] = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run = Run(changed(seed=seed), tokenizer_bytes, None, tmp_path / name)
        run.train(stop_after=2, workers=0)
        results.append(run.average)
    same(results[0], results[1])
    assert not torch.equal(results[0]["decoder.embedding.weight"], results[2]["decoder.embedding.weight"])


def test_batches_made_elsewhere_are_those_made_here(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    run = Run(changed(steps=3), tokenizer_bytes, None, tmp_path)
    for here, there in zip(run.batches(0), run.batches(1), strict=True):
        assert torch.equal(here[0].pixels, there[0].pixels)
        assert torch.equal(here[0].tokens, there[0].tokens)


def test_making_batches_here_leaves_the_threads_alone(tokenizer_bytes: bytes) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    first_batch(RECIPE, tokenizer_bytes)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_the_rate_warms_up_stays_and_falls() -> None:
    recipe = changed(steps=100, warmup_steps=10, decay_steps=20, peak_rate=1e-3, last_rate=0.1)
    rates = [recipe.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert all(a < b for a, b in pairwise(rates[:10]))
    assert rates[9:81] == pytest.approx([1e-3] * 72)
    assert all(a > b for a, b in pairwise(rates[80:]))
    assert recipe.rate(90) == pytest.approx(1e-3 * 0.55)
    assert recipe.rate(100) == pytest.approx(1e-4)
    first = dataclasses.replace(recipe.stages[0], until=30, rate=0.5)
    staged = changed(recipe, stages=(first, recipe.stages[0]))
    assert staged.rate(29) == pytest.approx(recipe.rate(29) / 2)
    assert staged.rate(30) == recipe.rate(30)


def test_a_longer_recipe_goes_back_to_before_the_fall(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    short = changed(steps=6, decay_steps=3, warmup_steps=1)
    Run(short, tokenizer_bytes, None, tmp_path).train(workers=0)
    longer = Run(changed(short, steps=8), tokenizer_bytes, None, tmp_path)
    assert longer.resume()
    assert longer.progress.step == 3
    longer.train(workers=0)
    whole = Run(changed(short, steps=8), tokenizer_bytes, None, tmp_path / "whole")
    whole.train(workers=0)
    same(longer.average, whole.average)


def test_the_average_follows_weights_and_statistics(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    """By hand, with the shorter memory of the first steps; counters are copied."""
    recipe = changed(model=dataclasses.replace(TINY, stem_norm="batch"), average=0.5)
    run = Run(recipe, tokenizer_bytes, None, tmp_path)
    batch = first_batch(recipe, tokenizer_bytes)
    expected = {k: v.clone() for k, v in run.model.network.state_dict().items()}
    for step in range(8):
        run.step([batch])
        decay = min(0.5, (1 + step) / (10 + step))
        for key, value in run.model.network.state_dict().items():
            expected[key] = decay * expected[key] + (1 - decay) * value if value.is_floating_point() else value
    statistics = [key for key in expected if key.endswith("running_mean")]
    assert statistics
    for key, value in expected.items():
        torch.testing.assert_close(run.average[key], value, rtol=1e-5, atol=1e-6)  # float32, eight sums
    assert any(not torch.equal(run.average[k], run.model.network.state_dict()[k]) for k in statistics)
    assert int(run.average[statistics[0].replace("running_mean", "num_batches_tracked")]) == 8


def gradients(recipe: Recipe, batch: Batch, labels: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(0)
    learner = Learner(recipe, labels)
    learner(batch).total.backward()
    return {n: p.grad for n, p in learner.named_parameters() if p.grad is not None}


def test_naming_patches_changes_the_encoder_and_not_the_decoder(tokenizer_bytes: bytes) -> None:
    batch = first_batch(RECIPE, tokenizer_bytes)
    with_it, without = gradients(changed(patch_loss=1.0), batch), gradients(changed(patch_loss=0.0), batch)
    name = "network.encoder.blocks.0.mlp.up.weight"
    assert float((with_it[name] - without[name]).abs().max()) > 1e-5
    name = "network.decoder.blocks.0.mlp.up.weight"
    torch.testing.assert_close(with_it[name], without[name])
    assert "patch_names.weight" not in without
    assert float(with_it["patch_names.weight"].abs().max()) > 0


def test_naming_pictures_teaches_the_class_token(tokenizer_bytes: bytes) -> None:
    batch = dataclasses.replace(first_batch(RECIPE, tokenizer_bytes), labels=torch.tensor([2, -1, 0, 1]))
    with_it, without = (gradients(changed(label_loss=share), batch, 3) for share in (1.0, 0.0))
    assert "label_names.weight" not in without
    name = "network.encoder.class_token"
    assert float((with_it[name] - without[name]).abs().max()) > 1e-5


def test_naming_is_learned(tokenizer_bytes: bytes) -> None:
    torch.manual_seed(0)
    recipe = changed(label_loss=1.0)
    batch = dataclasses.replace(first_batch(recipe, tokenizer_bytes), labels=torch.tensor([2, -1, 0, 1]))
    learner = Learner(recipe, 3)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=3e-3)
    for _ in range(30):
        losses = learner(batch)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert float(losses.labelled) == 1


def test_a_group_without_questions_learns_names_alone(tokenizer_bytes: bytes) -> None:
    group = dataclasses.replace(DRAWN, name="names", tokens=0)
    recipe = changed(stages=(dataclasses.replace(RECIPE.stages[0], groups=(DRAWN, group)),))
    drawn, named = StepBatches(recipe, tokenizer_bytes, None)[0]
    assert named.tokens.shape == (4, 0)
    learner = Learner(recipe, 0)
    losses = learner(named)
    assert losses.answers is None
    assert losses.right is None
    seen = Run(recipe, tokenizer_bytes, None, Path()).step([drawn, named])
    assert {"drawn loss", "drawn right", "norm"} <= seen.keys()
    assert "names loss" not in seen
    with pytest.raises(ValueError, match="expected answers"):
        learner(dataclasses.replace(named, patch_targets=torch.full_like(named.patch_targets, -1)))


def test_an_answer_counts_by_its_length(tokenizer_bytes: bytes) -> None:
    """With a power of one, all answers count the same, however many tokens they have."""
    recipe = changed(length_power=1.0)
    batch = first_batch(recipe, tokenizer_bytes)
    lengths = answer_lengths(batch)
    learned = batch.targets > 0
    assert len(set(lengths[learned].tolist())) > 1
    for row, turn in {(row, int(batch.turns[row, at])) for row, at in learned.nonzero().tolist()}:
        mine = learned[row] & (batch.turns[row] == turn)
        assert set(lengths[row, mine].tolist()) == {int(mine.sum())}
    run = Run(recipe, tokenizer_bytes, None, Path())
    network = run.model.network.eval()
    with torch.no_grad():
        memory, looks = fused_memory(network, network.encode(batch.pixels), batch)
        same_talk = (batch.segments[:, :, None] == batch.segments[:, None, :]).tril()[:, None]
        hidden = network.decoder(
            batch.tokens, memory, positions=batch.positions, allowed=same_talk, looks=looks, seen=batch.seen
        )
        each = cross_entropy(network.decoder.logits(hidden)[learned], batch.targets[learned], reduction="none")
        losses = run.model(batch)
    rows = torch.arange(len(learned))[:, None].expand_as(learned)
    answers = rows[learned] * 1000 + batch.turns[learned]
    means = [each[answers == answer].mean() for answer in answers.unique()]
    assert float(losses.answers) == pytest.approx(float(torch.stack(means).mean()), rel=1e-4)


def patterns(run: Run, batch: Batch) -> list[Tensor]:
    network = run.model.network.eval()
    sites = Sites(run.recipe.model, read=["decoder.*.cross.pattern"])
    with torch.no_grad():
        memory, looks = fused_memory(network, network.encoder(batch.pixels), batch)
        same_talk = (batch.segments[:, :, None] == batch.segments[:, None, :]).tril()[:, None]
        network.decoder(batch.tokens, memory, positions=batch.positions, allowed=same_talk, looks=looks, sites=sites)
    return [sites.only(name) for name in sites.values]


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_the_weight_of_a_group_is_above_nothing(weight: float) -> None:
    with pytest.raises(ValueError, match="expected weight of group named above 0"):
        Group("named", 4, 28, 32, {"mnist": 1}, weight=weight)


def test_a_group_counts_by_its_weight(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    """The gradient of a step, before it is clipped, is the weighted sum of those of its groups."""

    def gradient(weights: dict[str, float]) -> torch.Tensor:
        groups = tuple(dataclasses.replace(DRAWN, name=name, weight=weight) for name, weight in weights.items())
        recipe = changed(clip=1e9, stages=(dataclasses.replace(RECIPE.stages[0], groups=groups),))
        run = Run(recipe, tokenizer_bytes, None, tmp_path)
        run.step(next(run.batches(workers=0)))
        return torch.cat([p.grad.flatten() for p in run.model.network.parameters() if p.grad is not None])

    one, other = gradient({"one": 1.0}), gradient({"other": 1.0})
    torch.testing.assert_close(gradient({"one": 3.0, "other": 0.5}), 3 * one + 0.5 * other, rtol=1e-4, atol=1e-6)


def test_regularisers_are_off_by_default() -> None:
    assert {f.name: f.default for f in dataclasses.fields(Recipe) if f.name in ("entropy_loss", "diversity_loss")} == {
        "entropy_loss": 0.0,
        "diversity_loss": 0.0,
    }


def test_regularisers_get_what_they_wish_for(tokenizer_bytes: bytes) -> None:
    """Ten steps on one batch: entropy falls or rises against none, and heads become less alike."""

    def found(**wishes: float) -> tuple[float, float]:
        run, batch = learned(changed(**wishes), tokenizer_bytes, 10)
        real = (batch.targets > 0) & (batch.seen[:, :, 0] > 0)
        seen = patterns(run, batch)
        return (
            float(torch.stack([mean_entropy(p, real) for p in seen]).mean()),
            float(torch.stack([head_likeness(p, real) for p in seen]).mean()),
        )

    entropy, likeness = found()
    assert found(entropy_loss=3.0)[0] < entropy - 0.1
    assert found(entropy_loss=-3.0)[0] > entropy + 0.001
    assert found(diversity_loss=10.0)[1] < likeness - 0.05


def test_entropy_and_likeness_by_hand() -> None:
    pattern = torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]])[None]
    expected = torch.tensor([[[math.log(2), 0.0], [math.log(2), 0.0]]])
    torch.testing.assert_close(entropies(pattern), expected, rtol=1e-6, atol=1e-6)
    both, first, none = (torch.tensor([row]) for row in ([True, True], [True, False], [False, False]))
    assert float(mean_entropy(pattern, both)) == pytest.approx(math.log(2) / 2)
    assert float(mean_entropy(pattern, none)) == 0
    assert float(head_likeness(pattern, first)) == pytest.approx(1)
    assert float(head_likeness(pattern, both)) == pytest.approx(0.5)
    assert float(head_likeness(pattern, none)) == 0
    assert float(head_likeness(pattern[:, :1], both)) == 0


def test_the_log_has_losses_speed_and_the_entropy_of_every_head(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    run = Run(RECIPE, tokenizer_bytes, None, tmp_path)
    run.train(stop_after=25, workers=0, watch_every=25)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    entry, watched = lines
    assert {
        "step",
        "minutes",
        "questions",
        "pictures",
        "rate",
        "drawn loss",
        "drawn right",
        "norm",
        "ms",
    } <= entry.keys()
    assert entry["step"] == watched["step"] == 25
    assert entry["rate"] == RECIPE.rate(24)
    assert list(watched["attention"]) == [
        *(f"encoder.{i}.attn.pattern" for i in range(2)),
        *(f"decoder.{i}.{part}.pattern" for i in range(2) for part in ("self", "cross")),
    ]
    for heads in watched["attention"].values():
        assert len(heads["entropy"]) == 4
        assert all(0 <= e <= 1.001 for e in heads["entropy"])
        assert {"dead", "sinks"} <= heads.keys()


def test_nothing_to_resume_is_said(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    assert not Run(RECIPE, tokenizer_bytes, None, tmp_path).resume()


def test_a_checkpoint_of_another_shape_is_refused(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    Run(RECIPE, tokenizer_bytes, None, tmp_path).save()
    other = Run(changed(model=dataclasses.replace(TINY, kv_heads=1)), tokenizer_bytes, None, tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint\.pt: expected a checkpoint of this recipe"):
        other.resume()
    with pytest.raises(ValueError, match=r"checkpoint\.pt: expected a network of the same shape"):
        other.start_from(tmp_path)


def test_another_run_can_start_from_the_averaged_weights(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    first = Run(RECIPE, tokenizer_bytes, None, tmp_path / "first")
    first.train(stop_after=3, workers=0)
    second = Run(changed(seed=5), tokenizer_bytes, None, tmp_path / "second")
    second.start_from(tmp_path / "first")
    same(second.average, first.average)
    same(second.model.network.state_dict(), first.average)  # type: ignore[arg-type]


def test_a_tokenizer_of_another_size_is_refused(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    recipe = changed(model=dataclasses.replace(TINY, vocab=700))
    with pytest.raises(ValueError, match="tokenizer of 700 tokens"):
        Run(recipe, tokenizer_bytes, None, tmp_path)


def test_missing_data_is_named_before_the_first_step(tokenizer_bytes: bytes, tmp_path: Path) -> None:
    group = Group("named", 2, 24, 32, {"mnist": 1, "emoji": 0})
    recipe = changed(sets=("mnist", "emoji"), stages=(Stage(40, (group,), RECIPE.stages[0].mix),))
    for data in (None, VisionData({"emoji": []}, {})):
        with pytest.raises(ValueError, match="expected the data of mnist,"):
            Run(recipe, tokenizer_bytes, data, tmp_path)
    with pytest.raises(ValueError, match="expected data for mnist, emoji"):
        recipe.drawn_only()
    both = changed(recipe, stages=(Stage(40, (DRAWN, group), RECIPE.stages[0].mix),))
    assert Run(both.drawn_only(), tokenizer_bytes, None, tmp_path).recipe.stages[0].groups == (DRAWN,)


def test_a_second_run_does_not_overwrite_the_first(
    tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.train

    monkeypatch.setattr(training.train, "TOKENIZER", tokenizer_file)
    file = tmp_path / "tiny.toml"
    file.write_text(TOML)
    train_by_file(file, None, tmp_path / "run", steps=1, threads=1, workers=0)
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    with pytest.raises(FileExistsError, match="--resume"):
        train_by_file(file, None, tmp_path / "run", steps=1, threads=1, workers=0)
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    train_by_file(file, None, tmp_path / "run", resume=True, steps=1, threads=1, workers=0)
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["progress"]["step"] == 2


TOML = """
name = "tiny"
version = "0"
licence = "none"
seed = 1
sets = []
steps = 8
warmup_steps = 1
decay_steps = 2
peak_rate = 1e-3
last_rate = 0.1
optimizer = "muon"
bf16 = true
weight_decay = 0.05
clip = 1
average = 0.9
patch_loss = 0.5
label_loss = 0
label_smoothing = 0
[model]
vocab = 512
side = 32
patch = 8
stem_channels = [8, 8]
stem_blocks = [0, 0, 0]
dim = 32
heads = 4
kv_heads = 4
encoder_layers = 1
decoder_layers = 1
[[stages]]
groups = [{ name = "drawn", rows = 2, tokens = 60, side = 32, shares = { scenes = 1 } }]
mix = { most_things = 2 }
"""


def test_a_recipe_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(TOML)
    recipe = Recipe.from_file(file)
    assert recipe.model.stem_channels == (8, 8)
    assert recipe.stage(0) == recipe.stage(7) == recipe.stages[0]
    assert recipe.stages[0].until == 8
    assert recipe.stages[0].groups[0].shares == {"scenes": 1}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "0"', 'versoin = "0"', "versoin"),
        ('version = "0"', "version = 0", "version to be of the kind str"),
        ("steps = 8", "steps = true", "steps to be of the kind int"),
        ("steps = 8", "", "steps"),
        ("steps = 8", "steps = 0", r"steps in \[1"),
        ('"muon"', '"sgd"', "adamw or muon"),
        ("heads = 4", "heads = 5", "dim to be heads times"),
        ("dim = 32", "dimm = 32", "dimm"),
        ("clip = 1", "clip = = 1", "TOML"),
        ("[[stages]]", "[[stages]]\nuntill = 3", "untill"),
        ("scenes = 1", "scene = 1", "a source among"),
        ("scenes = 1", "mnist = 1", "'mnist' in sets too"),
        ("scenes = 1", "scenes = -1", "share of at least 0"),
        ("side = 32, shares", "side = 30, shares", "whole patches"),
        ("rows = 2", "rows = 0", "rows above 0"),
        ("rows = 2", "row = 2", "row"),
        ("most_things = 2", "most_thing = 2", "most_thing"),
        ("mix = {", "until = 8\n[[stages]]\nuntil = 4\ngroups = []\nmix = {", "to rise from stage to stage"),
        ("groups = [{", "groups = []\nnone = [{", "none"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_file_and_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "tiny.toml"
    assert TOML.count(old)
    file.write_text(TOML.replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"tiny\.toml: expected a training recipe in TOML; .*{said}"):
        Recipe.from_file(file)


def test_groups_of_a_stage_have_names_of_their_own() -> None:
    stage = dataclasses.replace(RECIPE.stages[0], groups=(DRAWN, DRAWN))
    with pytest.raises(ValueError, match="names of their own"):
        changed(stages=(stage,))
    with pytest.raises(ValueError, match="at least one stage"):
        changed(stages=())


def test_the_recipes_of_the_package_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "models" / "training" / "recipes"
    files = sorted(folder.glob("*.toml"))
    assert files
    for file in files:
        assert Recipe.from_file(file).asked_sets
