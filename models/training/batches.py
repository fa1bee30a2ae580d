"""Pack questions into training rows: one picture and as many questions about it as fit.

All questions of a row share one encoding of its picture, which is what makes training on two cores possible. A mask
keeps the conversations of a row apart, and positions start anew in each, so a packed question sees just what it would
alone.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, WITHOUT_PICTURE, Tokenizer, normalise_question
from training.datasets import VisionData
from training.questions import Asked
from training.scenes import COLOURS, SHAPES, Scene, centre_patches, patch_labels
from training.sources import Example, Mix, make_example

_MISSES: Final = 2
"""A row is done after this many conversations that did not fit."""
_MOST_HINT: Final = 20.0
"""Largest push of a hint; enough for the right name to be the surest of nine thousand."""
_TRIES: Final = 30
"""Pictures tried for a row before its token budget is called too small."""


@dataclass(frozen=True)
class Group:
    """One micro-batch of a training step; a step is several of them.

    Attributes:
        name: For the log.
        rows: Pictures.
        tokens: Packed tokens for each picture; 0: nothing is asked, only the picture's name is learned.
        side: Width and height of its pictures in pixels.
        shares: How often a picture comes from each source, relative to the others (`sources.SOURCES`).
        hints: Share of the pictures with a name whose guessed name is pushed towards the right one, so that a decoder
            finds out that the guess is worth copying; in [0, 1].
        weight: What its loss counts in the step's, above 0. A loss is a mean over tokens, so that a group of few tokens
            drowns one of many where both count the same.

    Raises:
        ValueError: `hints` is no share, or `weight` not above 0.
    """

    name: str
    rows: int
    tokens: int
    side: int
    shares: Mapping[str, float]
    hints: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"expected weight of group {self.name} above 0, got {self.weight}")
        if not 0 <= self.hints <= 1:
            raise ValueError(f"expected hints of group {self.name} in [0, 1], got {self.hints}")


@dataclass
class Batch:
    """Tensors of one group; conversations of each row packed to the same number of tokens.

    Attributes:
        pixels: In [0, 1], black where there is no picture.
        tokens: Ids; 0 for padding.
        positions: Position within the conversation.
        segments: Number of the conversation in its row; -1 for padding.
        turns: Number of the turn (question and answer) in its row, over all conversations; -1 for padding.
        asks: True for the tokens of a question with the marks before and after it.
        targets: The token to predict at each position; 0 where nothing is learned.
        seen: 1 where there is a picture.
        labels: Index of the picture's class or name in `VisionData.label_space`; -1 for none.
        patch_targets: Shape and colour of what covers each patch of a drawn scene, 0 for ground, and 1 where the centre
            of a thing is, else 0; -1 elsewhere.
        questions: Number of turns.
        hints: What is added to the guessed score of the name in `labels`, at least 0; None for nothing.
    """

    pixels: Annotated[Tensor, "batch 3 height width"]
    tokens: Annotated[Tensor, "batch tokens"]
    positions: Annotated[Tensor, "batch tokens"]
    segments: Annotated[Tensor, "batch tokens"]
    turns: Annotated[Tensor, "batch tokens"]
    asks: Annotated[Tensor, "batch tokens"]
    targets: Annotated[Tensor, "batch tokens"]
    seen: Annotated[Tensor, "batch 1 1"]
    labels: Annotated[Tensor, "batch"]
    patch_targets: Annotated[Tensor, "batch keys 3"]
    questions: int
    hints: Annotated[Tensor, "batch"] | None = None


@dataclass
class Packed:
    """The text of one conversation, or of a row of them: lists of equal length."""

    tokens: list[int]
    targets: list[int]
    turns: list[int]
    asks: list[bool]


def conversation_tokens(tokenizer: Tokenizer, turns: list[Asked], picture: bool, first_turn: int = 0) -> Packed:
    """Token ids of a conversation, and the target at each position (0 where nothing is to be learned)."""
    packed = Packed([WITH_PICTURE if picture else WITHOUT_PICTURE], [0], [first_turn], [False])
    for number, turn in enumerate(turns, first_turn):
        asked = [QUESTION, *tokenizer.encode(normalise_question(turn.question)), ANSWER]
        answer = [*tokenizer.encode(turn.answer), END]
        packed.tokens += asked + answer
        packed.targets += [0] * (len(asked) - 1) + answer + [0]
        packed.turns += [number] * (len(asked) + len(answer))
        packed.asks += [True] * len(asked) + [False] * len(answer)
    return packed


def pack_row(tokenizer: Tokenizer, example: Example, tokens: int) -> tuple[Packed, list[int], list[int]]:
    """As many of the example's conversations as fit in `tokens`, with segments and positions; perhaps none."""
    row, segments, positions = Packed([], [], [], []), list[int](), list[int]()
    if not tokens:
        return row, segments, positions
    misses = conversations = turns = 0
    for asked in example.conversations:
        one = conversation_tokens(tokenizer, asked, example.pixels is not None, turns)
        if len(row.tokens) + len(one.tokens) > tokens:
            misses += 1
            if misses == _MISSES:
                break
            continue
        row.tokens += one.tokens
        row.targets += one.targets
        row.turns += one.turns
        row.asks += one.asks
        segments += [conversations] * len(one.tokens)
        positions += range(len(one.tokens))
        conversations, turns = conversations + 1, turns + len(asked)
    return row, segments, positions


def make_batch(
    rng: random.Random,
    config: ModelConfig,
    tokenizer: Tokenizer,
    group: Group,
    mix: Mix,
    data: VisionData | None,
) -> Batch:
    """One batch of `group`.

    Raises:
        ValueError: A source is unknown or not read, or no conversation of it fits the group's tokens.
    """
    rows, tokens, side = group.rows, group.tokens, group.side
    names, shares = list(group.shares), list(group.shares.values())
    packed = np.zeros((6, rows, tokens), dtype=np.int64)
    packed[2:4] = -1
    pixels = np.zeros((rows, side, side, 3), dtype=np.uint8)
    seen = torch.zeros(rows, 1, 1)
    labels = np.full(rows, -1, dtype=np.int64)
    hints = torch.zeros(rows)
    cells = side // config.patch
    patch_targets = np.full((rows, cells * cells, 3), -1, dtype=np.int64)
    for row in range(rows):
        source = rng.choices(names, shares)[0]
        for _ in range(_TRIES):
            example = make_example(rng, source, side, mix, data)
            text, segments, positions = pack_row(tokenizer, example, tokens)
            if text.tokens or not tokens:
                break
        else:
            raise ValueError(f"expected some conversation about {source} to fit {tokens} tokens; got none")
        end = len(text.tokens)
        for i, values in enumerate((text.tokens, positions, segments, text.turns, text.targets, text.asks)):
            packed[i, row, :end] = values
        labels[row] = example.label
        if example.label >= 0 and group.hints and rng.random() < group.hints:
            hints[row] = rng.uniform(0, _MOST_HINT)
        if example.pixels is not None:
            pixels[row] = example.pixels
            seen[row] = 1
        if example.scene is not None:
            patch_targets[row] = patch_targets_of(example.scene, cells)
    ids, positions, segments, turns, targets, asks = (torch.from_numpy(a) for a in packed)
    return Batch(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255,
        ids,
        positions,
        segments,
        turns,
        asks.bool(),
        targets,
        seen,
        torch.from_numpy(labels),
        torch.from_numpy(patch_targets),
        int((packed[3].max(axis=1) + 1).sum()) if tokens else 0,
        hints if group.hints else None,
    )


def patch_targets_of(scene: Scene, cells: int) -> NDArray[np.int64]:
    """Shape and colour of what covers each patch, 0 for ground, and whether a thing's centre is in it: `[keys, 3]`."""
    covered = patch_labels(scene, cells, cells).reshape(-1)
    colours = list(COLOURS)
    shape = np.array([0] + [SHAPES.index(t.shape) + 1 for t in scene.things])
    colour = np.array([0] + [colours.index(t.colour) + 1 for t in scene.things])
    centre = centre_patches(scene, cells, cells).reshape(-1)
    return np.stack((shape[covered], colour[covered], centre), axis=-1)
