"""Pack questions into training rows: one picture and as many questions about it as fit.

All questions of a row share one encoding of its picture, which is what makes training on two cores possible. A mask
keeps the conversations of a row apart, and positions start anew in each, so a packed question sees just what it would
alone.
"""

import random
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.preprocess import to_pixels
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, WITHOUT_PICTURE, Tokenizer, normalise_question
from training.conversations import conversation
from training.datasets import OpenData, ask_row, varied
from training.questions import CANNOT_TELL, Asked, ask, ask_unknowable
from training.scenes import COLOURS, SHAPES, Scene, patch_labels, random_scene, render
from training.talk import NEEDS_PICTURE, ask_talk
from training.wording import typed


@dataclass
class Example:
    """One picture (None: talk without a picture) with conversations about it; `scene` when it was drawn by us."""

    picture: Image.Image | None
    conversations: list[list[Asked]]
    scene: Scene | None = None


@dataclass
class Mix:
    """Shares of the kinds of examples; they need not sum to one.

    `kinds` and `sets` replace shares of `questions.KINDS` and `datasets.SHARES`, to train more on what is hard.
    """

    scenes: float = 0.62
    open: float = 0.25
    noise: float = 0.05
    talk: float = 0.08
    most_things: int = 8
    longer: float = 0.15
    with_word: float = 0.15
    kinds: dict[str, float] = field(default_factory=dict[str, float])
    sets: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class Batch:
    """Tensors of one training step; `rows` conversations packed to `tokens` each."""

    pixels: Annotated[Tensor, "batch 3 height width"]
    tokens: Annotated[Tensor, "batch tokens"]
    positions: Annotated[Tensor, "batch tokens"]
    segments: Annotated[Tensor, "batch tokens"]
    targets: Annotated[Tensor, "batch tokens"]
    seen: Annotated[Tensor, "batch 1 1"]
    patch_targets: Annotated[Tensor, "batch keys 2"]
    questions: int


def no_information(rng: random.Random) -> Image.Image:
    """A picture that shows nothing: noise of some grain, or one plain colour, perhaps with a gradient."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.6:
        cells = rng.choice((8, 16, 32, 64, 96, 128))
        depth = rng.choice((1, 3))
        grain = numbers.normal(rng.uniform(60, 190), rng.uniform(20, 90), (cells, cells, depth))
        if rng.random() < 0.5:
            grain = numbers.uniform(0, 255, (cells, cells, depth))
        array = np.clip(np.broadcast_to(grain, (cells, cells, 3)), 0, 255).astype(np.uint8)
        return Image.fromarray(array).resize(
            (128, 128), rng.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC))
        )
    start, end = numbers.integers(0, 256, 3), numbers.integers(0, 256, 3)
    ramp = np.linspace(0, 1 if rng.random() < 0.4 else 0, 128)[:, None, None]
    array = np.broadcast_to(start * (1 - ramp) + end * ramp, (128, 128, 3)) + numbers.normal(
        0, rng.choice((0, 3)), (128, 128, 1)
    )
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))


def soften(rng: random.Random, picture: Image.Image) -> Image.Image:
    """Sometimes blur a little, as pictures from elsewhere are."""
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.1))) if rng.random() < 0.2 else picture


def make_example(rng: random.Random, mix: Mix, data: OpenData | None, questions: int) -> Example:
    """One picture with `questions` conversations; talk is sprinkled over all kinds of pictures."""
    kinds = ("scenes", "open", "noise", "talk")
    shares = [mix.scenes, mix.open if data else 0.0, mix.noise, mix.talk]
    kind = rng.choices(kinds, shares)[0]
    if kind == "scenes":
        scene = random_scene(rng, mix.most_things, mix.with_word)
        asked = [conversation(rng, scene, mix.longer, mix.kinds) for _ in range(questions)]
        example = Example(soften(rng, render(scene, rng.choice((96, 128, 192, 192, 256)))), asked, scene)
    elif kind == "open" and data is not None:
        row = data.draw(rng, mix.sets)
        few = min(questions, {"easyvqa": 8, "nlvr": 1}.get(row.set, 4))
        asked = [[ask_row(rng, row, data.labels[row.set])] for _ in range(few)]
        if row.set not in ("easyvqa", "nlvr") and rng.random() < 0.1:
            unknowable = ask_unknowable(rng, random_scene(rng))
            asked += [[unknowable]] if unknowable else []
        example = Example(varied(rng, row), asked)
    elif kind == "noise":
        scene = random_scene(rng)
        asked = [[Asked(typed(rng, ask(rng, scene).question), CANNOT_TELL, "noise")] for _ in range(4)]
        example = Example(no_information(rng), asked)
    else:
        scene = random_scene(rng)
        pictureless = [[Asked(typed(rng, ask(rng, scene).question), NEEDS_PICTURE, "no picture")] for _ in range(2)]
        return Example(None, pictureless + [_talk(rng) for _ in range(questions)])
    if rng.random() < 0.15:
        talk = _talk(rng)
        if talk[0].about["intent"] not in ("knowledge", "greeting", "help", "identity"):
            example.conversations.append(talk)
    return example


def _talk(rng: random.Random) -> list[Asked]:
    turns = [ask_talk(rng) for _ in range(rng.choice((1, 1, 1, 2)))]
    return [Asked(typed(rng, t.question), t.answer, t.kind, t.about) for t in turns]


def conversation_tokens(tokenizer: Tokenizer, turns: list[Asked], picture: bool) -> tuple[list[int], list[int]]:
    """Token ids of a conversation, and the target at each position (0 where nothing is to be learned)."""
    tokens, targets = [WITH_PICTURE if picture else WITHOUT_PICTURE], [0]
    for turn in turns:
        asked = [QUESTION, *tokenizer.encode(normalise_question(turn.question)), ANSWER]
        answer = tokenizer.encode(turn.answer)
        tokens += [*asked, *answer, END]
        targets += [0] * (len(asked) - 1) + [*answer, END] + [0]
    return tokens, targets


def make_batch(
    rng: random.Random,
    config: ModelConfig,
    tokenizer: Tokenizer,
    mix: Mix,
    data: OpenData | None,
    rows: int,
    tokens: int,
) -> Batch:
    """A batch of `rows` pictures with up to `tokens` tokens of conversation each."""
    packed = np.zeros((4, rows, tokens), dtype=np.int64)
    packed[2] = -1
    pixels = torch.zeros(rows, 3, config.side, config.side)
    seen = torch.zeros(rows, 1, 1)
    labels = np.full((rows, config.rows * config.cols, 2), -1, dtype=np.int64)
    questions = 0
    for row in range(rows):
        example = make_example(rng, mix, data, 14)
        if example.picture is not None:
            pixels[row] = to_pixels(example.picture, config.side)
            seen[row] = 1
        if example.scene is not None:
            labels[row] = _patch_targets(example.scene, config)
        at = 0
        for number, turns in enumerate(example.conversations):
            ids, targets = conversation_tokens(tokenizer, turns, example.picture is not None)
            end = at + len(ids)
            if end > tokens:
                continue
            packed[0, row, at:end], packed[1, row, at:end] = ids, range(len(ids))
            packed[2, row, at:end], packed[3, row, at:end] = number, targets
            at, questions = end, questions + len(turns)
    ids, positions, segments, targets = (torch.from_numpy(a) for a in packed)
    return Batch(pixels, ids, positions, segments, targets, seen, torch.from_numpy(labels), questions)


def _patch_targets(scene: Scene, config: ModelConfig) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Shape and colour of what covers each patch, `[keys, 2]`; 0 for ground."""
    covered = patch_labels(scene, config.rows, config.cols).reshape(-1)
    colours = list(COLOURS)
    shape = np.array([0] + [SHAPES.index(t.shape) + 1 for t in scene.things])
    colour = np.array([0] + [colours.index(t.colour) + 1 for t in scene.things])
    return np.stack((shape[covered], colour[covered]), axis=-1)
