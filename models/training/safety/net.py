"""Learn the small net of the evaluator ``learned``: one hidden layer over the mean and the
maximum of the word vectors of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from assistant_safety.features import LONGEST, tokens_of
from assistant_safety.vectors import POOLED, pooled_vector
from training.safety.learner import Floats
from training.safety.sources import Row

HIDDEN = 256
_BATCH = 256


def vector_of(text: str) -> Floats:
    """The pooled word vectors of the first words of a text, as the evaluator makes them."""
    return pooled_vector(tokens_of(text)[:LONGEST])


@dataclass(frozen=True, slots=True)
class Net:
    """Two layers; the standardisation of the input is part of ``inner`` and ``inner_bias``."""

    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float

    def log_odds(self, vectors: Floats) -> Floats:
        """Of harm, for vectors of the shape (texts, 512)."""
        return np.maximum(vectors @ self.inner + self.inner_bias, 0) @ self.outer + np.float32(self.outer_bias)


def learn_net(
    rows: Sequence[Row],
    vectors: Floats,
    *,
    epochs: int = 10,
    rate: float = 3e-3,
    dropped: tuple[float, float] = (0.1, 0.2),
    seed: int = 0,
) -> Net:
    """Learn from rows by AdamW with a one-cycle rate; harmful and safe ones count the same in sum.

    Args:
        rows: with their labels and weights.
        vectors: of each row, from `vector_of`, in the shape (rows, 512).
        epochs: passes over the rows.
        rate: the highest one.
        dropped: shares of the inputs and of the hidden numbers that are left out at random in a step.
        seed: of first weights, order and dropping.
    """
    torch.manual_seed(seed)
    harmful = torch.tensor([float(row.harmful) for row in rows])
    weight = torch.tensor([row.weight for row in rows])
    weight = torch.where(harmful == 1, 1, (weight * harmful).sum() / (weight * (1 - harmful)).sum()) * weight
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0) + np.float32(1e-5)
    known = torch.from_numpy((vectors - mean) / deviation)
    inner, outer = nn.Linear(POOLED, HIDDEN), nn.Linear(HIDDEN, 1)
    net = nn.Sequential(nn.Dropout(dropped[0]), inner, nn.ReLU(), nn.Dropout(dropped[1]), outer)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.1)
    steps = epochs * -(-len(rows) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for _ in range(epochs):
        for some in torch.randperm(len(rows)).split(_BATCH):
            each = binary_cross_entropy_with_logits(net(known[some])[:, 0], harmful[some], reduction="none")
            optimiser.zero_grad()
            (each * weight[some]).mean().backward()
            optimiser.step()
            schedule.step()
    weights = inner.weight.detach().numpy().T / deviation[:, None]
    return Net(
        inner=weights.astype(np.float32),
        inner_bias=(inner.bias.detach().numpy() - mean @ weights).astype(np.float32),
        outer=outer.weight.detach().numpy()[0].copy(),
        outer_bias=float(outer.bias.detach()[0]),
    )


def mean_net(rows: Sequence[Row], vectors: Floats, *, seeds: int = 2, epochs: int = 10) -> Net:
    """The mean of nets that were learned with several seeds, as one net: their hidden layers side by side."""
    nets = [learn_net(rows, vectors, epochs=epochs, seed=seed) for seed in range(seeds)]
    return Net(
        inner=np.concatenate([net.inner for net in nets], axis=1),
        inner_bias=np.concatenate([net.inner_bias for net in nets]),
        outer=np.concatenate([net.outer for net in nets]) / np.float32(seeds),
        outer_bias=sum(net.outer_bias for net in nets) / seeds,
    )
