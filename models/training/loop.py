"""The training loop: steps, clipping, a running average of the weights, checkpoints to go on from."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, get_worker_info

from assistant_vlm.tokenizer import Tokenizer
from training.batches import Batch, make_batch
from training.datasets import VisionData
from training.early import early_evaluation, held_out_batches
from training.learner import Learner
from training.names import answer_names, spelling, taken_over
from training.recipe import Recipe
from training.watching import attention_report

Step = list[Batch]
"""What one step learns from: a batch of each group."""


class StepBatches(Dataset[Step]):
    """The batches of each step; they depend on the seed and the step alone, so a resumed run sees what it would have.

    Made by another process, they are made with one thread.
    """

    def __init__(self, recipe: Recipe, tokenizer: bytes, data: VisionData | None) -> None:
        self.recipe, self.model, self.data = recipe, tokenizer, data
        self._tokenizer: Tokenizer | None = None

    def __len__(self) -> int:
        return self.recipe.steps

    def __getitem__(self, step: int) -> Step:
        if self._tokenizer is None:
            if get_worker_info() is not None:
                torch.set_num_threads(1)
            self._tokenizer = Tokenizer(self.model)
        stage = self.recipe.stage(step)
        return [
            make_batch(
                random.Random(f"{self.recipe.seed}/{step}/{group.name}"),
                self.recipe.model,
                self._tokenizer,
                group,
                stage.mix,
                self.data,
            )
            for group in stage.groups
        ]


def optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """The recipe's optimizers over all weights of `model`.

    Source of Muon: Jordan et al. 2024, "Muon: An optimizer for hidden layers", as in `torch.optim`; its
    steps are scaled to AdamW's size (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2).
    """
    muon = recipe.optimizer == "muon"
    inner = {n for n, p in model.named_parameters() if ".blocks." in n and p.ndim == 2 and muon}
    named = list(model.named_parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for n, p in named if n not in inner and p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]
    made: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=recipe.peak_rate, betas=(0.9, 0.98), fused=True)]
    if inner:
        matrices = [p for n, p in named if n in inner]
        made.append(
            torch.optim.Muon(
                matrices, lr=recipe.peak_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    return made


@dataclass
class Progress:
    """How far a run is; part of the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    questions: int = 0
    pictures: int = 0


class Run:
    """One training run over a folder of checkpoints.

    Args:
        recipe: What to train and for how long.
        tokenizer: The tokenizer's file.
        data: The training rows; None where the recipe needs none.
        folder: Where checkpoints and the log are kept.
        device: `cpu` or `cuda`.
        held_out: Rows to look at now and then, never trained on.
        names: What an answer calls each label of the batches; None: the labels of the data.

    Raises:
        ValueError: The tokenizer has another number of tokens than the model, or the data lacks a set of the recipe.
    """

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: bytes,
        data: VisionData | None,
        folder: Path,
        device: str = "cpu",
        held_out: VisionData | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.held_out = held_out
        names = answer_names(data) if names is None else names
        recipe = recipe.with_names(len(names))
        self.recipe, self.tokenizer, self.data, self.folder = recipe, tokenizer, data, folder
        self.device, words = torch.device(device), Tokenizer(tokenizer)
        if (vocab := words.vocab) != recipe.model.vocab:
            raise ValueError(f"expected a tokenizer of {recipe.model.vocab} tokens as in the recipe, got {vocab}")
        if missing := [name for name in recipe.asked_sets if data is None or name not in data.rows]:
            raise ValueError(f"expected the data of {', '.join(missing)}, which the recipe draws from; got none of it")
        torch.manual_seed(recipe.seed)
        self.model = Learner(recipe, len(names)).to(self.device)
        if (guess := self.model.network.name_guess) is not None:
            guess.spelling.copy_(spelling(names, words, recipe.name_tokens))
        self.average = {k: v.detach().clone() for k, v in self.model.network.state_dict().items()}
        self.optimizers = optimizers(self.model, recipe)
        self.progress = Progress()

    def start_from(self, folder: Path) -> None:
        """Take the averaged weights of another run; heads start anew, and so does the guess of names it did not know.

        Raises:
            FileNotFoundError: That run has no checkpoint.
            ValueError: Its network is of another shape.
        """
        path = folder / "checkpoint.pt"
        state = torch.load(path, weights_only=True, map_location=self.device)
        try:
            self.model.network.load_state_dict(taken_over(self.model.network.state_dict(), state["average"]))
        except RuntimeError as error:
            raise ValueError(f"{path}: expected a network of the same shape; {error}") from error
        self.average = {k: v.detach().clone() for k, v in self.model.network.state_dict().items()}

    def resume(self) -> bool:
        """Go on from the folder's checkpoint, if there is one.

        A run whose learning rate had begun to fall before the recipe was made longer goes back to where that began.

        Raises:
            ValueError: The checkpoint is of a network, of data or of an optimizer other than the recipe's.
        """
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True, map_location=self.device)
        before = self.folder / "before-decay.pt"
        if state["steps"] < self.recipe.steps and state["progress"]["step"] > state["falls_from"] and before.exists():
            state = torch.load(before, weights_only=True, map_location=self.device)
        key = "network.name_guess.spelling"
        spelled, kept = (weights.get(key) for weights in (self.model.state_dict(), state["model"]))
        if spelled is not None and kept is not None and not torch.equal(spelled, kept):
            raise ValueError(f"{path}: expected a checkpoint of this recipe and data; it knows other names")
        try:
            self.model.load_state_dict(state["model"])
            for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: expected a checkpoint of this recipe and data; {error}") from error
        self.average = state["average"]
        self.progress = Progress(**state["progress"])
        return True

    def save(self, name: str = "checkpoint.pt") -> None:
        """Write the checkpoint in one move, so that a stop never leaves half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
            "progress": vars(self.progress),
            "steps": self.recipe.steps,
            "falls_from": self.recipe.steps - self.recipe.decay_steps,
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        os.replace(self.folder / "checkpoint.tmp", self.folder / name)

    def batches(self, workers: int) -> Iterator[Step]:
        """Batches from the present step on, made by processes of their own (0: by this one)."""
        source = StepBatches(self.recipe, self.tokenizer, self.data)
        steps = range(self.progress.step, len(source))
        ahead = 4 if workers else None
        loader = DataLoader(source, batch_size=None, sampler=steps, num_workers=workers, prefetch_factor=ahead)
        return iter(loader)

    def train(
        self, *, save_every: float = 120.0, stop_after: int | None = None, workers: int = 1, watch_every: int = 500
    ) -> None:
        """Train until the recipe's steps are done (or `stop_after` more steps).

        One line of JSON goes to `log.jsonl` in the folder every 25 steps, and one with held-out losses
        (`early.early_evaluation`) and the entropy of each layer's heads (`watching.attention_report`) every
        `watch_every`; a progress bar goes to the terminal.

        Args:
            save_every: Seconds between checkpoints.
            stop_after: Number of steps, for trials.
            workers: Processes that make batches.
            watch_every: Steps between looks at held-out rows and at the attention patterns.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        progress, recipe = self.progress, self.recipe
        first, window = progress.step, _Window()
        last_saved = at = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with (self.folder / "log.jsonl").open("a") as log, Bar(*columns, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(recipe.name, total=recipe.steps, completed=first)
            for step in self.batches(workers):
                if progress.step == recipe.steps - recipe.decay_steps:
                    self.save("before-decay.pt")
                parts = self.step([on_device(batch, self.device) for batch in step])
                now = time.monotonic()
                progress.seconds, at = progress.seconds + now - at, now
                window.add(parts)
                bar.update(task, completed=progress.step)
                if progress.step % 25 == 0:
                    entry = {"step": progress.step, "minutes": round(progress.seconds / 60, 2)}
                    entry |= {"questions": progress.questions, "pictures": progress.pictures}
                    entry |= {"rate": recipe.rate(progress.step - 1), **window.take()}
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                if progress.step % watch_every == 0:
                    reports = (attention_report(self.model.network, on_device(b, self.device)) for b in step)
                    found = next((report for report in reports if report), {})
                    looks = {"held out": self.look(), "attention": found}
                    log.write(json.dumps({"step": progress.step, **looks}) + "\n")
                    log.flush()
                    at = time.monotonic()
                done = progress.step >= recipe.steps or (stop_after is not None and progress.step - first >= stop_after)
                if done or now - last_saved > save_every:
                    self.save()
                    last_saved = at = time.monotonic()
                if done:
                    return

    def step(self, batches: Step) -> dict[str, float]:
        """One step over the batches of all groups; what it saw, by the group's name."""
        self.model.train()
        rate = self.recipe.rate(self.progress.step)
        for group in (g for o in self.optimizers for g in o.param_groups):
            group["lr"] = rate
        self.model.zero_grad(set_to_none=True)
        seen: dict[str, float] = {}
        for group, batch in zip(self.recipe.stage(self.progress.step).groups, batches, strict=True):
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.recipe.bf16):
                losses = self.model(batch)
            (group.weight * losses.total).backward()
            found = {"loss": losses.answers, "right": losses.right, "labelled": losses.labelled}
            seen |= {f"{group.name} {key}": float(value.detach()) for key, value in found.items() if value is not None}
            self.progress.questions += batch.questions
            self.progress.pictures += len(batch.tokens)
        seen["norm"] = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip))
        for optimizer in self.optimizers:
            optimizer.step()
        self._follow()
        self.progress.step += 1
        return seen

    def look(self) -> dict[str, float]:
        """How the model does on held-out batches now; see `early.early_evaluation`."""
        batches = held_out_batches(self.recipe, Tokenizer(self.tokenizer), self.progress.step - 1, self.held_out)
        return early_evaluation(self.model, [(name, on_device(batch, self.device)) for name, batch in batches])

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.recipe.average, (1 + self.progress.step) / (10 + self.progress.step))
        for key, value in self.model.network.state_dict().items():
            kept = self.average[key]
            if kept.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)


class _Window:
    """Means since the last line of the log."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.since = time.monotonic()

    def add(self, seen: dict[str, float]) -> None:
        for key, value in seen.items():
            self.values.setdefault(key, []).append(value)

    def take(self) -> dict[str, float]:
        steps = max((len(v) for v in self.values.values()), default=1)
        means = {key: round(sum(v) / len(v), 4) for key, v in self.values.items()}
        now = time.monotonic()
        means["ms"] = round(1000 * (now - self.since) / steps)
        self.values, self.since = {}, now
        return means


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on `device`."""
    if device.type == "cpu":
        return batch
    moved: dict[str, Tensor] = {
        f.name: value.to(device, non_blocking=True)
        for f in fields(batch)
        if isinstance(value := getattr(batch, f.name), Tensor)
    }
    return replace(batch, **moved)  # type: ignore[arg-type]
