"""What each part of the network is worth: short real runs that differ in one choice, under one budget.

`python -m training.ablations --out FILE [--steps N | --minutes M] [--seeds 1 2] [--only NAME ...]` trains every variant
on the reduced task, with the same seed and the same data; each run is one JSON line in FILE, and runs that are there
already are not done again. At the end a Markdown table is printed (`--table`: only that).

The budget is the same number of steps for all (`--steps`, the default), or the same minutes of training (`--minutes`:
as many steps as fit, measured before the run, so that what is slower learns from less).
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from assistant_vlm.config import ModelConfig
from assistant_vlm.tokenizer import Tokenizer
from training.batches import Batch, Group
from training.loop import Run
from training.recipe import Recipe, Stage
from training.reduced_task import NAMES, Row, Task, batch_of, make_row, score
from training.sources import Mix
from training.train import TOKENIZER

STEPS: Final = 600
ROWS: Final = 16
"""Pictures in a step."""
HELD_OUT: Final = 250
"""Pictures that a run is judged by; the same for all variants and seeds."""
_TRIED: Final = 12
"""Steps that are timed to turn minutes into steps, after two that are not."""

BASE: Final = Recipe(
    name="ablation",
    version="0",
    licence="none",
    seed=1,
    sets=(),
    steps=STEPS,
    warmup_steps=30,
    decay_steps=200,
    peak_rate=3e-3,
    last_rate=0.02,
    optimizer="muon",
    bf16=False,
    weight_decay=0.05,
    clip=1.0,
    average=0.98,
    patch_loss=0.5,
    label_loss=0.0,
    label_smoothing=0.0,
    model=ModelConfig(
        vocab=4096,
        side=64,
        patch=8,
        stem_channels=(32, 64),
        stem_blocks=(0, 1, 1),
        dim=128,
        heads=4,
        kv_heads=4,
        encoder_layers=2,
        decoder_layers=3,
        max_prefix=64,
        max_tokens=96,
    ),
    stages=(Stage(STEPS, (Group("drawn", ROWS, 160, 64, {"scenes": 1}),), Mix()),),
)


@dataclass(frozen=True)
class Variant:
    """One choice that differs from the base.

    Attributes:
        name: For the command line and the table.
        model: Fields of `ModelConfig` that differ.
        recipe: Fields of `Recipe` that differ.
        task: How its pictures are made.
        against: The variant that it is compared with.
    """

    name: str
    model: Mapping[str, Any] = field(default_factory=dict[str, Any])
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    task: Task = Task()
    against: str = "base"

    def made(self, seed: int, steps: int) -> Recipe:
        """The recipe of a run."""
        decay, warm = max(1, round(steps * 0.3)), max(1, min(BASE.warmup_steps, steps // 10))
        changes = {"seed": seed, "steps": steps, "decay_steps": decay, "warmup_steps": warm, **self.recipe}
        return replace(BASE, **changes, model=replace(BASE.model, **self.model))


_ONE: Final = Task(most_things=1)
_FUSED: Final = {"fusion_layers": 1}
VARIANTS: Final = (
    Variant("base"),
    Variant("grouped queries (2)", {"kv_heads": 2}),
    Variant("multi-query", {"kv_heads": 1}),
    Variant("learned positions", {"patch_positions": "learned", "text_positions": "learned"}),
    Variant("RMSNorm", {"norm": "rms"}),
    Variant("GELU", {"mlp": "gelu"}),
    Variant("parallel blocks", {"block": "parallel"}),
    Variant("linear attention", {"patch_attention": "linear"}),
    Variant("patch window", {"patch_window": 2}),
    Variant("fusion: question to patches", {**_FUSED, "question_to_patches": True}),
    Variant("fusion: patches to question", {**_FUSED, "patches_to_question": True}),
    Variant("fusion: both", {**_FUSED, "question_to_patches": True, "patches_to_question": True}),
    Variant("one more decoder layer", {"decoder_layers": 4}),
    Variant("stem: batch norm", {"stem_norm": "batch"}),
    Variant("stem: group norm", {"stem_norm": "group"}),
    Variant("stem: plain, group norm", {"stem_norm": "group", "stem_blocks": (0, 0, 0)}),
    Variant("stem: one convolution", {"stem_channels": (), "stem_blocks": ()}),
    Variant("half as many patches again a side", {"side": 96}, task=Task(side=96)),
    Variant("no class token", {"class_token": False}),
    Variant("AdamW, same rate", recipe={"optimizer": "adamw"}),
    Variant("AdamW, a third of it", recipe={"optimizer": "adamw", "peak_rate": 1e-3}),
    Variant("narrow attention wished", recipe={"entropy_loss": 0.03}),
    Variant("wide attention wished", recipe={"entropy_loss": -0.03}),
    Variant("diverse heads wished", recipe={"diversity_loss": 0.3}),
    Variant("no patch loss", recipe={"patch_loss": 0.0}),
    Variant("squeezed, no patch loss", recipe={"patch_loss": 0.0}, task=Task(uneven=True), against="no patch loss"),
    Variant(
        "letterboxed, no patch loss",
        recipe={"patch_loss": 0.0},
        task=Task(uneven=True, letterbox=True),
        against="squeezed, no patch loss",
    ),
    Variant("one thing", task=_ONE),
    Variant("one thing, name learned", recipe={"label_loss": 1.0}, task=_ONE, against="one thing"),
    Variant(
        "one thing, name guessed",
        recipe={"label_loss": 1.0, "name_tokens": 4},
        task=_ONE,
        against="one thing, name learned",
    ),
)
"""Fusion adds a layer, so one more decoder layer stands beside it; pictures that are no squares are compared with each
other, without the patch loss, which a letterboxed picture cannot have. A picture of one thing has a name to learn:
`learned` by a head that only training has, `guessed` by one whose guess the decoder sees."""


class _Steps(Dataset[list[Batch]]):
    """The batches of the reduced task; they depend on the seed, the step and the task alone."""

    def __init__(self, task: Task, seed: int, steps: int, cells: int, tokenizer: bytes) -> None:
        self.task, self.seed, self.steps, self.cells, self.tokenizer = task, seed, steps, cells, tokenizer
        self._made: Tokenizer | None = None

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> list[Batch]:
        if self._made is None:
            if get_worker_info() is not None:
                torch.set_num_threads(1)
            self._made = Tokenizer(self.tokenizer)
        rng = random.Random(f"ablation/{self.seed}/{step}")
        return [batch_of([make_row(rng, self.task, self.cells) for _ in range(ROWS)], self._made)]


def held_out(task: Task, cells: int, count: int = HELD_OUT) -> list[Row]:
    """Rows that no run trains on."""
    rng = random.Random("ablation/held out")
    return [make_row(rng, task, cells) for _ in range(count)]


def measured(
    variant: Variant, seed: int, budget: Mapping[str, float], tokenizer: bytes, workers: int
) -> dict[str, Any]:
    """Train one variant and judge it; one line of the results."""
    steps = int(budget["steps"]) if "steps" in budget else _steps_in(variant, budget["minutes"], tokenizer, workers)
    run, seconds = _trained(variant, seed, steps, tokenizer, workers)
    rows = held_out(variant.task, run.recipe.model.rows)
    run.model.network.load_state_dict(run.average)
    found = score(run.model.network, rows, Tokenizer(tokenizer))
    by_kind: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for asked, right in zip((a for row in rows for a in row.asked), found.right, strict=True):
        by_kind[asked.kind][0] += right
        by_kind[asked.kind][1] += 1
    return {
        "variant": variant.name,
        "seed": seed,
        "budget": dict(budget),
        "steps": steps,
        "seconds": round(seconds, 1),
        "ms_per_step": round(1000 * seconds / steps, 1),
        "parameters": run.model.network.parameters_count,
        "loss": round(found.loss, 4),
        "exact": round(sum(found.right) / len(found.right), 4),
        "by_kind": dict(sorted(by_kind.items())),
    }


def _trained(variant: Variant, seed: int, steps: int, tokenizer: bytes, workers: int) -> tuple[Run, float]:
    recipe = variant.made(seed, steps)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(recipe, tokenizer, None, Path(folder), names=NAMES)
    source = _Steps(variant.task, seed, steps, recipe.model.rows, tokenizer)
    ahead = 4 if workers else None
    seconds = 0.0
    for batches in DataLoader(source, batch_size=None, num_workers=workers, prefetch_factor=ahead):
        before = time.monotonic()
        run.step(batches)
        seconds += time.monotonic() - before
    return run, seconds


def _steps_in(variant: Variant, minutes: float, tokenizer: bytes, workers: int) -> int:
    _trained(variant, 1, 2, tokenizer, workers)
    _, seconds = _trained(variant, 1, _TRIED, tokenizer, workers)
    return max(1, round(minutes * 60 * _TRIED / seconds))


def read(out: Path) -> list[dict[str, Any]]:
    """The results so far; a last line that was cut off by a stop is left out."""
    if not out.exists():
        return []
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(texts := out.read_text().splitlines()):
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(texts) - 1:
                raise ValueError(f"{out}: expected JSON in line {number + 1}, got {line[:40]!r}") from error
    return lines


def table(results: Iterable[Mapping[str, Any]], variants: Sequence[Variant] = VARIANTS) -> str:
    """Results of one budget in Markdown: means over seeds; differences are on the same seeds, with their deviation."""
    by_name: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for result in results:
        by_name[result["variant"]][result["seed"]] = result
    kinds = sorted({kind for runs in by_name.values() for run in runs.values() for kind in run["by_kind"]})
    head = ("variant", "seeds", "loss", "difference", "exact %", "difference", "ms/step", "steps", "parameters", *kinds)
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for variant in variants:
        runs = by_name.get(variant.name, {})
        if not runs:
            continue
        other = by_name.get(variant.against, {}) if variant.name != variant.against else {}
        against = "" if variant.against == "base" else f" (to {variant.against})"
        cells = [
            variant.name + against,
            str(len(runs)),
            f"{_mean(run['loss'] for run in runs.values()):.3f}",
            _difference(runs, other, "loss", 1.0, 3),
            f"{100 * _mean(run['exact'] for run in runs.values()):.1f}",
            _difference(runs, other, "exact", 100.0, 1),
            f"{_mean(run['ms_per_step'] for run in runs.values()):.0f}",
            f"{_mean(run['steps'] for run in runs.values()):.0f}",
            f"{next(iter(runs.values()))['parameters']:,}",
        ]
        for kind in kinds:
            right, asked = (sum(run["by_kind"].get(kind, (0, 0))[i] for run in runs.values()) for i in (0, 1))
            cells.append(f"{100 * right / asked:.0f}" if asked else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _difference(
    runs: Mapping[int, Mapping[str, Any]], other: Mapping[int, Mapping[str, Any]], key: str, scale: float, digits: int
) -> str:
    found = [scale * (runs[seed][key] - other[seed][key]) for seed in runs if seed in other]
    if not found:
        return ""
    mean = f"{_mean(found):+.{digits}f}"
    return mean if len(found) < 2 else f"{mean} ± {statistics.stdev(found):.{digits}f}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, default=STEPS)
    budget.add_argument("--minutes", type=float)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=", ".join(v.name for v in VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    options = parser.parse_args()
    names = [variant.name for variant in VARIANTS]
    if unknown := set(options.only or ()) - set(names):
        parser.error(f"expected variants among {names}, got {sorted(unknown)}")
    if options.steps < 1 or (options.minutes is not None and options.minutes <= 0):
        parser.error("expected a budget above 0")
    chosen = {"steps": options.steps} if options.minutes is None else {"minutes": options.minutes}
    torch.set_num_threads(options.threads)
    tokenizer = TOKENIZER.read_bytes()
    done = {(r["variant"], r["seed"], json.dumps(r["budget"])) for r in read(options.out)}
    for seed in options.seeds:
        for variant in VARIANTS:
            wanted = variant.name in (options.only or names)
            if options.table or not wanted or (variant.name, seed, json.dumps(chosen)) in done:
                continue
            result = measured(variant, seed, chosen, tokenizer, options.workers)
            _append(options.out, result)
            print({key: result[key] for key in ("variant", "seed", "loss", "exact", "seconds")}, flush=True)
    print(table(result for result in read(options.out) if result["budget"] == chosen))


def _append(out: Path, result: Mapping[str, Any]) -> None:
    """Add a line, over the rest of one that a stop cut off."""
    kept = [json.dumps(line) for line in read(out)]
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    temporary.write_text("\n".join([*kept, json.dumps(result)]) + "\n")
    temporary.replace(out)


if __name__ == "__main__":
    main()
