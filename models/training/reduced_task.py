"""A small task on which variants of the network differ after minutes: few drawn shapes, one question at a time."""

import random
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy

from assistant_vlm.naming import with_article
from assistant_vlm.network import Network
from assistant_vlm.tokenizer import CONTROL, END, Tokenizer
from training.augmenting import Pixels
from training.batches import Batch, Packed, conversation_tokens, patch_targets_of
from training.learner import fused_memory
from training.questions import KINDS, Asked, ask
from training.scenes import COLOURS, SHAPES, random_scene, render
from training.sources import squeezed
from training.wording import name

ASKED: Final = ("count", "exists", "colour", "shape", "is colour", "where", "extreme", "what")
"""Kinds of questions, in the shares that they have among each other in the whole mix."""
NAMES: Final = tuple(with_article(f"{colour} {shape}") for colour in COLOURS for shape in SHAPES)
"""What an answer calls a picture of one thing."""
_SHARES: Final = {kind: share if kind in ASKED else 0.0 for kind, (_, share) in KINDS.items()}
_BLOCKED: Final = [i for i in range(len(CONTROL)) if i != END]


@dataclass(frozen=True)
class Task:
    """How pictures of the task are made.

    Attributes:
        side: Pixels of the square that the network reads.
        most_things: Most shapes in a picture.
        questions: Questions about one picture.
        uneven: Whether no picture is a square.
        letterbox: Whether a picture that is no square is put on gray, whole and in its aspect, not squeezed. What
            covers a patch is then not told.
    """

    side: int = 64
    most_things: int = 3
    questions: int = 6
    uneven: bool = False
    letterbox: bool = False


@dataclass(frozen=True)
class Row:
    """A picture with its questions.

    Attributes:
        pixels: As the network reads them, `[side side 3]`.
        covered: Shape and colour of what covers each patch, `[keys 2]`; 0 for ground, -1 where it is not told.
        asked: The questions.
        label: Index in `NAMES` of the only thing in the picture; -1 where there are several.
    """

    pixels: Pixels
    covered: NDArray[np.int64]
    asked: list[Asked]
    label: int = -1


def make_row(rng: random.Random, task: Task, cells: int) -> Row:
    """One picture of `cells` by `cells` patches, and questions about it."""
    scene = random_scene(rng, task.most_things, with_word=0.0)
    while task.uneven and scene.aspect == 1:
        scene = random_scene(rng, task.most_things, with_word=0.0)
    picture = Image.fromarray(squeezed(render(scene, 2 * task.side), task.side))
    covered = patch_targets_of(scene, cells)
    if task.letterbox:
        picture, covered = _letterboxed(picture, scene.aspect), np.full_like(covered, -1)
    label = NAMES.index(with_article(name(scene.things[0]))) if len(scene.things) == 1 else -1
    return Row(np.asarray(picture), covered, [ask(rng, scene, _SHARES) for _ in range(task.questions)], label)


def _letterboxed(picture: Image.Image, aspect: float) -> Image.Image:
    side = picture.width
    size = (side, round(side / aspect)) if aspect > 1 else (round(side * aspect), side)
    canvas = Image.new("RGB", picture.size, (127, 127, 127))
    place = (side - size[0]) // 2, (side - size[1]) // 2
    canvas.paste(picture.resize(size, Image.Resampling.BICUBIC), place)
    return canvas


def batch_of(rows: list[Row], tokenizer: Tokenizer) -> Batch:
    """The rows as a training batch: each question is a conversation of its own, all packed to the longest row."""
    packed = [[conversation_tokens(tokenizer, [a], True, i) for i, a in enumerate(row.asked)] for row in rows]
    longest = max(sum(len(one.tokens) for one in row) for row in packed)
    text = np.zeros((6, len(rows), longest), dtype=np.int64)
    text[2:4] = -1
    for r, row in enumerate(packed):
        at = 0
        for segment, one in enumerate(row):
            count = len(one.tokens)
            text[:, r, at : at + count] = _lines(one, segment)
            at += count
    tokens, positions, segments, turns, targets, asks = (torch.from_numpy(line) for line in text)
    pixels = torch.from_numpy(np.stack([row.pixels for row in rows])).permute(0, 3, 1, 2).float() / 255
    return Batch(
        pixels,
        tokens,
        positions,
        segments,
        turns,
        asks.bool(),
        targets,
        torch.ones(len(rows), 1, 1),
        torch.tensor([row.label for row in rows]),
        torch.from_numpy(np.stack([row.covered for row in rows])),
        sum(len(row.asked) for row in rows),
    )


def _lines(one: Packed, segment: int) -> NDArray[np.int64]:
    count = len(one.tokens)
    return np.array([one.tokens, range(count), [segment] * count, one.turns, one.targets, one.asks], dtype=np.int64)


@dataclass(frozen=True)
class Score:
    """How a network did on held-out rows.

    Attributes:
        loss: Mean cross-entropy of the answers' tokens, in nats.
        right: For each question, in the order of rows: whether the greedy answer is exactly the right one.
    """

    loss: float
    right: list[bool]


@torch.no_grad()
def score(network: Network, rows: list[Row], tokenizer: Tokenizer, at_once: int = 32) -> Score:
    """Loss and exact answers on `rows`.

    The greedy answer is the right one exactly when each of its tokens is the likeliest after the right ones before it,
    so that one pass over the right answer tells, and nothing has to be generated.
    """
    network.eval()
    total, count, right = 0.0, 0, list[bool]()
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        batch = batch_of(some, tokenizer)
        logits = _logits(network, batch)
        learned = batch.targets > 0
        total += float(cross_entropy(logits[learned], batch.targets[learned], reduction="sum"))
        count += int(learned.sum())
        logits[..., _BLOCKED] = float("-inf")
        first = learned & ~torch.nn.functional.pad(learned, (1, 0))[:, :-1]
        logits[..., END] = logits[..., END].masked_fill(first, float("-inf"))
        missed = learned & (logits.argmax(-1) != batch.targets)
        for r, row in enumerate(some):
            right += [not bool(missed[r][batch.turns[r] == turn].any()) for turn in range(len(row.asked))]
    return Score(total / count, right)


def _logits(network: Network, batch: Batch) -> Annotated[Tensor, "batch tokens vocab"]:
    memory, looks = fused_memory(network, network.encode(batch.pixels), batch)
    same = (batch.segments[:, :, None] == batch.segments[:, None, :]).tril()[:, None]
    hidden = network.decoder(batch.tokens, memory, positions=batch.positions, allowed=same, looks=looks)
    return network.decoder.logits(hidden).float()
