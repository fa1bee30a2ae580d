"""Learn the weights of the evaluator ``learned``: logistic regression on hashed features, by AdaGrad (Duchi et al.,
2011), with features dropped at random (Wager et al., 2013) so that no single word carries a judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant_safety.features import BUCKETS, LONGEST, rows_of_pairs, rows_of_word, tokens_of
from training.safety.sources import CATEGORIES, Row

Floats = npt.NDArray[np.float32]

_EVERY = 16 * 50
"""After so many rows of the second half, the weights are added to their mean, which is what is kept (Polyak and
Juditsky, 1992): single steps jump, because rows differ and features are dropped."""


def features_of(text: str) -> npt.NDArray[np.int64]:
    """The rows of the table that a text uses, as the evaluator sums them."""
    tokens = tokens_of(text)[:LONGEST]
    rows = list(rows_of_pairs(tokens))
    for word in dict.fromkeys(tokens):
        rows.extend(rows_of_word(word))
    return np.asarray(rows or [0], dtype=np.int64)


@dataclass
class Learned:
    """``table`` (rows, 1 + categories) and ``bias``; column 0 is harm as such."""

    table: Floats
    bias: Floats

    def log_odds(self, features: Sequence[npt.NDArray[np.int64]], column: int = 0) -> Floats:
        """Of harm (column 0), or the score of a category."""
        flat, starts, counts = _joined(features)
        sums = np.add.reduceat(self.table[flat, column], starts)
        return sums / np.sqrt(counts) + self.bias[column]

    def save(self, file: Path, **others: npt.ArrayLike) -> None:
        """Write the weights as 8-bit numbers with one scale for each column, and other numbers beside them."""
        scale = np.abs(self.table).max(axis=0) / 127
        scale[scale == 0] = 1
        values = np.rint(self.table / scale).astype(np.int8)
        used = np.flatnonzero(values.any(axis=1))
        np.savez_compressed(
            file,
            buckets=BUCKETS,
            used=used.astype(np.uint32),
            values=values[used],
            scale=scale.astype(np.float32),
            bias=self.bias,
            categories=np.array(CATEGORIES),
            **{name: np.asarray(values) for name, values in others.items()},
        )


def _joined(features: Sequence[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    counts = np.array([len(each) for each in features])
    return np.concatenate(features), np.concatenate([[0], np.cumsum(counts)[:-1]]), counts.astype(np.float32)


def learn(
    rows: Sequence[Row],
    features: Sequence[npt.NDArray[np.int64]],
    *,
    epochs: int = 4,
    rate: float = 0.15,
    dropped: float = 0.5,
    with_categories: bool = True,
    seed: int = 0,
) -> Learned:
    """Learn from rows; harmful and safe ones count the same in sum.

    Args:
        rows: with their labels and weights.
        features: of each row, from `features_of`.
        epochs: passes over the rows.
        rate: of AdaGrad.
        dropped: share of a text's features that are left out at random in a step.
        with_categories: also learn which category a harmful row is of.
        seed: of order and dropping.
    """
    chance = np.random.default_rng(seed)
    width = 1 + len(CATEGORIES)
    table, bias = np.zeros((BUCKETS, width), dtype=np.float32), np.zeros(width, dtype=np.float32)
    harmful = np.array([row.harmful for row in rows], dtype=np.float32)
    weight = np.array([row.weight for row in rows], dtype=np.float32)
    weight = np.where(harmful == 1, 1, (weight * harmful).sum() / max((weight * (1 - harmful)).sum(), 1)) * weight
    squares = np.full(BUCKETS, 1e-2, dtype=np.float32)
    mean, seen = np.zeros(BUCKETS + 1, dtype=np.float64), 0
    for epoch in range(epochs):
        order = chance.permutation(len(rows))
        for start in range(0, len(order), 16):
            if epoch >= epochs // 2 and start % _EVERY == 0:
                mean += np.append(table[:, 0], bias[0])
                seen += 1
            batch = order[start : start + 16]
            flat, starts, counts = _joined([features[each] for each in batch])
            kept = chance.random(len(flat)) >= dropped
            shrink = 1 / np.sqrt(counts)
            sums = np.add.reduceat(np.where(kept, table[flat, 0], 0), starts) / (1 - dropped)
            wrong = (1 / (1 + np.exp(-(sums * shrink + bias[0]))) - harmful[batch]) * weight[batch]
            steps = np.repeat(wrong * shrink, counts.astype(int))[kept]
            used, place = np.unique(flat[kept], return_inverse=True)
            step = np.bincount(place, steps).astype(np.float32)
            squares[used] += step * step
            table[used, 0] -= rate * step / np.sqrt(squares[used])
            bias[0] -= 0.01 * wrong.sum()
    table[:, 0], bias[0] = (mean / max(seen, 1))[:-1], (mean / max(seen, 1))[-1]
    learned = Learned(table, bias)
    if with_categories:
        _learn_categories(learned, rows, features, chance)
    return learned


def bagged(
    rows: Sequence[Row],
    features: Sequence[npt.NDArray[np.int64]],
    *,
    epochs: int = 4,
    dropped: float = 0.5,
    with_categories: bool = True,
    seeds: int = 3,
) -> Learned:
    """The mean of what is learned with several seeds: one linear model as before, and steadier."""
    first, *others = (
        learn(rows, features, epochs=epochs, dropped=dropped, with_categories=with_categories and not seed, seed=seed)
        for seed in range(seeds)
    )
    for other in others:
        first.table[:, 0] += other.table[:, 0]
        first.bias[0] += other.bias[0]
    first.table[:, 0] /= seeds
    first.bias[0] /= seeds
    return first


def _learn_categories(
    learned: Learned, rows: Sequence[Row], features: Sequence[npt.NDArray[np.int64]], chance: np.random.Generator
) -> None:
    """The other columns: a softmax over categories, from the harmful rows that have one."""
    named = [number for number, row in enumerate(rows) if row.harmful and row.category]
    column = {name: number for number, name in enumerate(CATEGORIES)}
    wanted = np.array([column[rows[each].category] for each in named])
    weight = (len(named) / len(CATEGORIES) / np.maximum(np.bincount(wanted, minlength=len(CATEGORIES)), 1)) ** 0.5
    table, bias = learned.table[:, 1:], learned.bias[1:]
    squares = np.full(table.shape, 1e-2, dtype=np.float32)
    for _ in range(3):
        for start in range(0, len(named), 16):
            if not start:
                order = chance.permutation(len(named))
            batch = order[start : start + 16]
            flat, starts, counts = _joined([features[named[each]] for each in batch])
            shrink = (1 / np.sqrt(counts))[:, None]
            sums = np.add.reduceat(table[flat], starts, axis=0) * shrink + bias
            share = np.exp(sums - sums.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            share[np.arange(len(batch)), wanted[batch]] -= 1
            wrong = share * weight[wanted[batch]][:, None]
            used, place = np.unique(flat, return_inverse=True)
            step = np.zeros((len(used), table.shape[1]), dtype=np.float32)
            np.add.at(step, place, np.repeat(wrong * shrink, counts.astype(int), axis=0))
            squares[used] += step * step
            table[used] -= 0.1 * step / np.sqrt(squares[used])
            bias -= 0.01 * wrong.sum(axis=0)


def calibrate(log_odds: Floats, harmful: npt.NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Slope and offset by Newton's method (Platt, 1999), with the harmful and the safe rows weighing the same.

    Args:
        log_odds: of rows that were not learned from.
        harmful: their labels.
        weight: how much each counts.
    """
    target = harmful.astype(np.float64)
    share = weight / np.where(harmful, weight[harmful].sum(), weight[~harmful].sum())
    design = np.stack([log_odds, np.ones_like(log_odds)], axis=1).astype(np.float64)
    found = np.array([1.0, 0.0])
    for _ in range(30):
        guess = 1 / (1 + np.exp(-design @ found))
        gradient = design.T @ (share * (guess - target))
        curve = (design * (share * guess * (1 - guess))[:, None]).T @ design + 1e-9 * np.eye(2)
        found -= np.linalg.solve(curve, gradient)
    return float(found[0]), float(found[1])
