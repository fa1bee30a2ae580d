"""Draw simple scenes whose every fact is known: coloured shapes and words on a tinted ground.

A scene is data (`Scene`, `Thing`, `Word`); `render` turns it into a picture and `patch_labels` says what lies where.
Positions and sizes are fractions of the picture in [0, 1], x to the right and y downward.
"""

import functools
import math
import random
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (220, 35, 35),
    "green": (40, 160, 55),
    "blue": (40, 70, 215),
    "yellow": (245, 220, 40),
    "orange": (245, 140, 25),
    "purple": (130, 50, 170),
    "pink": (250, 130, 190),
    "brown": (125, 75, 35),
    "black": (15, 15, 15),
    "white": (252, 252, 252),
    "gray": (128, 128, 128),
    "teal": (20, 150, 150),
}
SHAPES: Final[tuple[str, ...]] = (
    "circle",
    "square",
    "triangle",
    "rectangle",
    "star",
    "heart",
    "cross",
    "diamond",
    "hexagon",
)
BACKGROUNDS: Final[dict[str, tuple[int, int, int]]] = {
    "white": (250, 250, 250),
    "gray": (175, 175, 175),
    "black": (12, 12, 12),
    "light blue": (190, 215, 250),
    "light green": (200, 240, 200),
    "light yellow": (250, 245, 200),
    "light pink": (250, 215, 225),
}
CONFUSABLE: Final[dict[str, frozenset[str]]] = {
    "white": frozenset({"white"}),
    "gray": frozenset({"gray"}),
    "black": frozenset({"black"}),
    "light blue": frozenset({"white"}),
    "light green": frozenset({"white"}),
    "light yellow": frozenset({"white", "yellow"}),
    "light pink": frozenset({"white", "pink"}),
}
WORDS: Final[tuple[str, ...]] = (
    "stop", "exit", "open", "closed", "sale", "cat", "dog", "bird", "fish", "tree", "house", "car",
    "bus", "yes", "no", "hello", "love", "sun", "help", "pizza", "taxi", "go", "cafe", "hotel",
    "park", "bank", "shop", "milk", "moon", "star", "push", "pull", "free", "new", "hot", "cold",
)  # fmt: skip
SIZES: Final[dict[str, tuple[float, float]]] = {"small": (0.13, 0.18), "medium": (0.25, 0.32), "big": (0.45, 0.58)}
"""Sizes that have a name for sure: those of different names differ by a factor of at least 1.38."""


@dataclass(frozen=True)
class Thing:
    """One shape: centre `x`, `y`, `size` (its larger side) in fractions of the picture; `angle` in degrees."""

    shape: str
    colour: str
    x: float
    y: float
    size: float
    angle: float = 0.0


@dataclass(frozen=True)
class Word:
    """Drawn text.

    Attributes:
        text: In the case it is drawn in.
        x: Centre, in fractions of the picture, like all lengths here.
        y: Centre.
        width: Width of the text.
        height: Height of its letters.
        colour: A name in `COLOURS`.
        weight: Thickness added around each stroke, over the letters' height.
    """

    text: str
    x: float
    y: float
    width: float
    height: float
    colour: str
    weight: float = 0.0


@dataclass(frozen=True)
class Scene:
    """What a picture shows.

    Attributes:
        things: Shapes; they do not overlap.
        background: A name in `BACKGROUNDS`.
        word: Drawn text, at most one.
        aspect: Width over height of the picture it stands for; shapes are squeezed by it when drawn as a square.
        grain: Standard deviation of the pixel noise, in 1/255.
        tint: Change of the ground colour, in 1/255 for each channel.
        outline: Whether shapes have a dark rim.
        seed: Seeds the pixel noise and the small changes of colour.
    """

    things: tuple[Thing, ...]
    background: str
    word: Word | None = None
    aspect: float = 1.0
    grain: float = 0.0
    tint: tuple[int, int, int] = (0, 0, 0)
    outline: bool = False
    seed: int = 0


@functools.lru_cache(maxsize=128)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@functools.lru_cache(maxsize=4096)
def word_shape(text: str) -> float:
    """Width over letter height of `text` in the default font."""
    left, top, right, bottom = _font(64).getbbox(text)
    return (right - left) / max(1.0, bottom - top)


def _regular(corners: int, turn: float = -math.pi / 2) -> list[tuple[float, float]]:
    return [
        (math.cos(turn + 2 * math.pi * i / corners), math.sin(turn + 2 * math.pi * i / corners)) for i in range(corners)
    ]


def _heart() -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for i in range(28):
        t = 2 * math.pi * i / 28
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((math.sin(t) ** 3, -(y + 2.5) / 15))
    return points


def _star() -> list[tuple[float, float]]:
    return [
        (r * math.cos(-math.pi / 2 + math.pi * i / 5), r * math.sin(-math.pi / 2 + math.pi * i / 5))
        for i, r in enumerate([1.0, 0.42] * 5)
    ]


OUTLINES: Final[dict[str, list[tuple[float, float]]]] = {
    "circle": _regular(40),
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0.0, -0.9), (0.95, 0.8), (-0.95, 0.8)],
    "rectangle": [(-1.0, -0.48), (1.0, -0.48), (1.0, 0.48), (-1.0, 0.48)],
    "star": _star(),
    "heart": _heart(),
    "cross": [
        (-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3),
        (0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3),
    ],
    "diamond": [(0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0)],
    "hexagon": _regular(6, 0.0),
}  # fmt: skip


def _corners(thing: Thing, aspect: float, width: int, height: int) -> list[tuple[float, float]]:
    cos, sin = math.cos(math.radians(thing.angle)), math.sin(math.radians(thing.angle))
    half_x, half_y = thing.size / 2 / math.sqrt(aspect), thing.size / 2 * math.sqrt(aspect)
    return [
        ((thing.x + half_x * (cos * u - sin * v)) * width, (thing.y + half_y * (sin * u + cos * v)) * height)
        for u, v in OUTLINES[thing.shape]
    ]


def random_scene(rng: random.Random, most: int = 8, with_word: float = 0.15) -> Scene:
    """A scene of one to `most` shapes; with probability `with_word` it carries a word and fewer shapes."""
    background = rng.choice(list(BACKGROUNDS))
    allowed = [c for c in COLOURS if c not in CONFUSABLE[background]]
    aspect = 1.0 if rng.random() < 0.6 else rng.uniform(0.78, 1.28)
    word = _random_word(rng, allowed) if rng.random() < with_word else None
    if word is not None:
        number = rng.choice((0, 0, 0, 1, 1, 2))
    else:
        number = min(most, rng.choices(range(1, 9), (14, 28, 18, 12, 10, 7, 6, 5))[0])
    palette, shapes = allowed, list(SHAPES)
    if number > 2 and rng.random() < 0.65:
        palette = rng.sample(allowed, rng.choice((1, 2, 2, 3)))
        shapes = rng.sample(SHAPES, rng.choice((1, 2, 2, 3)))
    things: list[Thing] = []
    for low, high in _size_ranges(rng, number, word is not None):
        thing = _placed(rng, things, word, rng.choice(shapes), rng.choice(palette), low, high, aspect)
        if thing is not None:
            things.append(thing)
    rng.shuffle(things)
    return Scene(
        tuple(things),
        background,
        word,
        aspect,
        grain=rng.choice((0.0, 0.0, 2.0, 5.0, 9.0)),
        tint=(rng.randint(-10, 10), rng.randint(-10, 10), rng.randint(-10, 10)) if rng.random() < 0.5 else (0, 0, 0),
        outline=rng.random() < 0.25,
        seed=rng.getrandbits(30),
    )


def _size_ranges(rng: random.Random, number: int, beside_word: bool) -> list[tuple[float, float]]:
    """Ranges of the sizes of `number` things, largest first, lest the large ones find no place."""
    if beside_word:
        return [(0.18, 0.34)] * number
    if number == 1:
        return [(0.2, 0.75)]
    names = {2: ("small", "medium", "big"), 3: ("small", "medium"), 4: ("small", "small", "medium")}.get(number)
    if names is None:
        return [(0.14, 0.22)] * number
    chosen = [rng.choice(names) for _ in range(number)]
    if number == 3 and rng.random() < 0.4:
        chosen[0] = "big"
    return sorted((SIZES[name] for name in chosen), reverse=True)


def _random_word(rng: random.Random, colours: list[str]) -> Word:
    if rng.random() < 0.4:
        text = str(rng.randint(0, 9) if rng.random() < 0.4 else rng.randint(10, 99))
    else:
        text = rng.choice(WORDS)
        text = rng.choice((text, text.upper(), text.upper(), text.capitalize()))
    height = rng.uniform(0.16, 0.5 if len(text) < 3 else 0.34)
    width = height * word_shape(text)
    if width > 0.9:
        width, height = 0.9, 0.9 / word_shape(text)
    x = rng.uniform(width / 2 + 0.03, 0.97 - width / 2)
    y = rng.uniform(height / 2 + 0.05, 0.95 - height / 2)
    return Word(text, x, y, width, height, rng.choice(colours), rng.choice((0.0, 0.0, 0.03, 0.06)))


def _placed(
    rng: random.Random,
    others: list[Thing],
    word: Word | None,
    shape: str,
    colour: str,
    low: float,
    high: float,
    aspect: float,
) -> Thing | None:
    stretch = max(math.sqrt(aspect), 1 / math.sqrt(aspect))
    for _ in range(40):
        size = rng.uniform(low, high)
        half = size * stretch / 2
        x, y = rng.uniform(half + 0.01, 0.99 - half), rng.uniform(half + 0.01, 0.99 - half)
        if word is not None and (
            abs(x - word.x) < half + word.width / 2 + 0.02 and abs(y - word.y) < half + word.height / 2 + 0.02
        ):
            continue
        if all(math.hypot(x - o.x, y - o.y) > (size + o.size) * stretch / 2 + 0.015 for o in others):
            return Thing(shape, colour, x, y, size, rng.uniform(-9, 9))
    return None


def render(scene: Scene, side: int = 192) -> Image.Image:
    """The scene as an RGB picture of `side` x `side` pixels (already squeezed to a square by its aspect)."""
    rng = random.Random(scene.seed)
    ground = tuple(min(255, max(0, c + t)) for c, t in zip(BACKGROUNDS[scene.background], scene.tint, strict=True))
    picture = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(picture)
    for thing in scene.things:
        fill = tuple(min(255, max(0, c + rng.randint(-14, 14))) for c in COLOURS[thing.colour])
        corners = _corners(thing, scene.aspect, side, side)
        draw.polygon(corners, fill=fill)
        if scene.outline:
            rim = tuple(c // 3 for c in fill) if sum(fill) > 150 else (110, 110, 110)
            draw.line([*corners, corners[0], corners[1]], fill=rim, width=max(1, side // 90))
    if scene.word is not None:
        _draw_word(draw, scene.word, side)
    if scene.grain > 0:
        noise = np.random.default_rng(scene.seed).normal(0, scene.grain, (side, side, 1)).astype(np.float32)
        picture = Image.fromarray(np.clip(np.asarray(picture, dtype=np.float32) + noise, 0, 255).astype(np.uint8))
    return picture


def _draw_word(draw: ImageDraw.ImageDraw, word: Word, side: int) -> None:
    left, top, right, bottom = _font(64).getbbox(word.text)
    font = _font(max(6, round(64 * word.height * side / max(1.0, bottom - top))))
    left, top, right, bottom = font.getbbox(word.text)
    at = (word.x * side - (left + right) / 2, word.y * side - (top + bottom) / 2)
    thickness = round(word.weight * word.height * side)
    draw.text(at, word.text, fill=COLOURS[word.colour], font=font, stroke_width=thickness)


def patch_labels(scene: Scene, rows: int, cols: int) -> NDArray[np.int64]:
    """Which thing covers each patch: `[rows, cols]`, 0 for none, i + 1 for `scene.things[i]`.

    A patch belongs to a thing that covers at least a quarter of it.
    """
    mask = Image.new("L", (cols * 4, rows * 4), 0)
    draw = ImageDraw.Draw(mask)
    for i, thing in enumerate(scene.things):
        draw.polygon(_corners(thing, scene.aspect, cols * 4, rows * 4), fill=i + 1)
    cells = np.asarray(mask).reshape(rows, 4, cols, 4).transpose(0, 2, 1, 3).reshape(rows, cols, 16)
    counts = np.stack([(cells == i).sum(-1) for i in range(1, len(scene.things) + 1)] or [np.zeros((rows, cols))])
    best = counts.argmax(0) + 1
    return np.where(counts.max(0) >= 4, best, 0).astype(np.int64)


def centre_patches(scene: Scene, rows: int, cols: int) -> NDArray[np.int64]:
    """Which patches hold the centre of a thing: `[rows, cols]`, 1 where one does, else 0."""
    centres = np.zeros((rows, cols), dtype=np.int64)
    for thing in scene.things:
        centres[min(int(thing.y * rows), rows - 1), min(int(thing.x * cols), cols - 1)] = 1
    return centres
