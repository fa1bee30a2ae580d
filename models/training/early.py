"""A look at held-out rows while a model learns: the losses of its groups on what it never trains on."""

import random
from dataclasses import replace

import torch

from assistant_vlm.tokenizer import Tokenizer
from training.batches import Batch, Group, make_batch
from training.datasets import ALL_SETS, VisionData
from training.learner import Learner
from training.recipe import Recipe


def held_out_batches(
    recipe: Recipe, tokenizer: Tokenizer, step: int, data: VisionData | None
) -> list[tuple[str, Batch]]:
    """A batch of each group of the step's stage, always the same ones, of a seed that training never uses; no hints.

    Args:
        recipe: What is trained.
        tokenizer: The model's tokenizer.
        step: The step, from 0.
        data: Held-out rows; sources that have none are left out, and groups without any source too.
    """
    stage = recipe.stage(step)
    made: list[tuple[str, Batch]] = []
    for group in stage.groups:
        kept = _with_rows(group, data)
        if any(kept.shares.values()):
            rng = random.Random(f"held out/{group.name}")
            made.append((group.name, make_batch(rng, recipe.model, tokenizer, kept, stage.mix, data)))
    return made


def _with_rows(group: Group, data: VisionData | None) -> Group:
    there = set() if data is None else set(data.rows)
    shares = {s: share for s, share in group.shares.items() if s in there or (s not in ALL_SETS and s != "collage")}
    return replace(group, shares=shares, hints=0.0)


@torch.no_grad()
def early_evaluation(learner: Learner, batches: list[tuple[str, Batch]]) -> dict[str, float]:
    """Losses and shares of `learner.Losses` by the group's name; names that training never saw do not count."""
    was_training = learner.training
    learner.eval()
    found: dict[str, float] = {}
    for name, batch in batches:
        if not bool((batch.targets > 0).any()) and not bool((batch.labels >= 0).any()):
            continue
        losses = learner(batch)
        values = {"loss": losses.answers, "right": losses.right, "labelled": losses.labelled}
        found |= {f"{name} {key}": round(float(value), 4) for key, value in values.items() if value is not None}
    learner.train(was_training)
    return found
