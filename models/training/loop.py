"""The training loop: warm-up and cosine, clipping, a running average of the weights, checkpoints to go on from."""

import json
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from assistant_vlm.network import Network
from assistant_vlm.tokenizer import Tokenizer
from training.batches import Batch, make_batch
from training.datasets import OpenData
from training.recipe import Recipe
from training.scenes import COLOURS, SHAPES


class StepBatches(Dataset[Batch]):
    """The batch of each step; it depends on the seed and the step alone, so a resumed run sees what it would have."""

    def __init__(self, recipe: Recipe, tokenizer: bytes, data: OpenData | None, easy_until: int) -> None:
        self.recipe, self.model, self.data, self.easy_until = recipe, tokenizer, data, easy_until
        self._tokenizer: Tokenizer | None = None

    def __len__(self) -> int:
        return 10_000_000

    def __getitem__(self, step: int) -> Batch:
        if self._tokenizer is None:
            torch.set_num_threads(1)
            self._tokenizer = Tokenizer(self.model)
        rng = random.Random(f"{self.recipe.seed}/{step}")
        mix = self.recipe.mix
        if step < self.easy_until:
            mix = replace(mix, most_things=self.recipe.easy_things)
        return make_batch(rng, self.recipe.model, self._tokenizer, mix, self.data, self.recipe.rows, self.recipe.tokens)


class TrainedNetwork(nn.Module):
    """The network with the help it has in training only: naming the shape and colour that cover each patch."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.network = Network(recipe.model)
        self.patch_names = nn.Linear(recipe.model.dim, len(SHAPES) + 1 + len(COLOURS) + 1)
        self.patch_loss = recipe.patch_loss

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss to minimise, loss of the answers, share of right answer tokens (given the right ones before)."""
        network = self.network
        patches = network.encoder(batch.pixels)
        memory = network.decoder.cross_memory(patches)
        same = batch.segments[:, :, None] == batch.segments[:, None, :]
        allowed = same.tril()[:, None]
        hidden = network.decoder(batch.tokens, memory, positions=batch.positions, allowed=allowed, seen=batch.seen)
        learned = batch.targets > 0
        logits, wanted = network.decoder.logits(hidden[learned]), batch.targets[learned]
        answers = cross_entropy(logits, wanted)
        known = batch.patch_targets[..., 0] >= 0
        total = answers
        if self.patch_loss > 0 and bool(known.any()):
            total = total + self.patch_loss * self.naming_loss(patches[known], batch.patch_targets[known])
        return total, answers, (logits.argmax(-1) == wanted).float().mean()

    def naming_loss(self, patches: Tensor, names: Tensor) -> Tensor:
        """Cross-entropy of shape and colour, over all patches and once more over those that something covers.

        Without the second part five of six patches are ground, and shapes were learned far later than colours.
        """
        named = self.patch_names(patches).split((len(SHAPES) + 1, len(COLOURS) + 1), dim=-1)
        covered = names[:, 0] > 0
        loss = torch.zeros(())
        for i, scores in enumerate(named):
            loss = loss + cross_entropy(scores, names[:, i])
            if bool(covered.any()):
                loss = loss + cross_entropy(scores[covered], names[covered][:, i])
        return loss


def optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """The recipe's optimizers over all weights of `model`.

    Source of Muon: Jordan et al. 2024, "Muon: An optimizer for hidden layers", as in `torch.optim`; its
    steps are scaled to AdamW's size (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2).
    """
    inner = {n for n, p in model.named_parameters() if ".blocks." in n and p.ndim == 2 and recipe.optimizer == "muon"}
    named = list(model.named_parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for n, p in named if n not in inner and p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for n, p in named if p.ndim < 2], "weight_decay": 0.0},
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


class Run:
    """One training run over a folder of checkpoints."""

    def __init__(self, recipe: Recipe, tokenizer: bytes, data: OpenData | None, folder: Path) -> None:
        self.recipe, self.tokenizer, self.data, self.folder = recipe, tokenizer, data, folder
        torch.manual_seed(recipe.seed)
        self.model = TrainedNetwork(recipe)
        self.average = {k: v.detach().clone() for k, v in self.model.network.state_dict().items()}
        self.optimizers = optimizers(self.model, recipe)
        self.progress = Progress()

    @property
    def share(self) -> float:
        """Share of the training time that has passed, in [0, 1]."""
        return min(1.0, self.progress.seconds / (60 * self.recipe.minutes))

    def rate(self) -> float:
        """The learning rate now: linear warm-up, then half a cosine over the training time."""
        warm = min(1.0, (self.progress.step + 1) / self.recipe.warmup_steps)
        last = self.recipe.last_rate
        return self.recipe.peak_rate * warm * (last + (1 - last) * 0.5 * (1 + math.cos(math.pi * self.share)))

    def resume(self) -> bool:
        """Go on from the folder's checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average = state["average"]
        self.progress = Progress(**state["progress"])
        return True

    def save(self) -> None:
        """Write the checkpoint in one move, so that a stop never leaves half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
            "progress": vars(self.progress),
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        os.replace(self.folder / "checkpoint.tmp", self.folder / "checkpoint.pt")

    def batches(self, easy_until: int) -> Iterator[Batch]:
        """Batches from the present step on, made by a process of their own."""
        source = StepBatches(self.recipe, self.tokenizer, self.data, easy_until)
        steps = range(self.progress.step, len(source))
        return iter(DataLoader(source, batch_size=None, sampler=steps, num_workers=1, prefetch_factor=6))

    def train(self, easy_until: int, save_every: float = 60.0, stop_after: int | None = None) -> None:
        """Train until the recipe's minutes have passed (or `stop_after` more steps).

        Args:
            easy_until: Steps with easy scenes only.
            save_every: Seconds between checkpoints.
            stop_after: Number of steps, for trials.
        """
        self.model.train()
        last_saved, last_logged, sums = time.monotonic(), time.monotonic(), [0.0, 0.0, 0.0]
        first = self.progress.step
        at = time.monotonic()
        for batch in self.batches(easy_until):
            rate = self.rate()
            for group in (g for o in self.optimizers for g in o.param_groups):
                group["lr"] = rate
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.bf16):
                loss, answers, right = self.model(batch)
            self.model.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
            for optimizer in self.optimizers:
                optimizer.step()
            self._follow()
            progress = self.progress
            progress.step += 1
            progress.questions += batch.questions
            progress.seconds += time.monotonic() - at
            at = time.monotonic()
            sums = [s + float(v.detach()) for s, v in zip(sums, (answers, right, norm), strict=True)]
            if progress.step % 25 == 0:
                n = 25 if progress.step - first >= 25 else progress.step - first
                entry = {
                    "step": progress.step,
                    "minutes": round(progress.seconds / 60, 2),
                    "questions": progress.questions,
                    "rate": round(rate, 6),
                }
                entry |= {
                    "loss": round(sums[0] / n, 4),
                    "right": round(sums[1] / n, 4),
                    "norm": round(sums[2] / n, 3),
                    "ms": round(1000 * (at - last_logged) / n),
                }
                print(json.dumps(entry), flush=True)
                sums, last_logged = [0.0, 0.0, 0.0], at
            done = self.share >= 1 or (stop_after is not None and progress.step - first >= stop_after)
            if done or at - last_saved > save_every:
                self.save()
                last_saved = time.monotonic()
            if done:
                return

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.recipe.average, (1 + self.progress.step) / (10 + self.progress.step))
        for key, value in self.model.network.state_dict().items():
            self.average[key].lerp_(value, 1 - decay)
