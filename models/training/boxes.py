"""Draw pictures in the format of NLVR and state true and false things about them.

A picture is three grey boxes of 100 px with towers of blocks or scattered shapes (Suhr et al. 2017, "A Corpus of
Natural Language for Visual Reasoning"). A statement is a rule with an exact evaluator (`training.statements`). Boxes
have no order, and a box's `x` and `y` run to the right and downward in pixels, as in the corpus' own files.
"""

import random
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

BLUE, YELLOW, BLACK = "blue", "yellow", "black"
BOX_COLOURS: Final[dict[str, tuple[int, int, int]]] = {BLUE: (0, 153, 255), YELLOW: (255, 255, 0), BLACK: (0, 0, 0)}
BOX_SHAPES: Final = ("circle", "square", "triangle")
BOX: Final = 100
"""Side of a box in pixels."""
_GAP: Final = 50
_APART: Final = 6
"""An item touches a wall, or is at least this many pixels away: one pixel cannot be seen in a small picture."""

_BETWEEN: Final = 4
"""Least distance of two items, lest two of one colour look like one."""


@dataclass(frozen=True)
class Item:
    """One shape in a box: left and top edge and size in pixels."""

    shape: str
    colour: str
    x: int
    y: int
    size: int

    @property
    def walls(self) -> frozenset[str]:
        """The walls it touches: `left`, `right`, `top`, `bottom`."""
        end = BOX - self.size
        touching = {"left": self.x == 0, "right": self.x == end, "top": self.y == 0, "bottom": self.y == end}
        return frozenset(wall for wall, touches in touching.items() if touches)


@dataclass(frozen=True)
class Boxes:
    """Three boxes; a tower's items run from the bottom to the top."""

    boxes: tuple[tuple[Item, ...], ...]
    towers: bool

    @property
    def items(self) -> list[Item]:
        """All items."""
        return [item for box in self.boxes for item in box]


def random_boxes(rng: random.Random) -> Boxes:
    """Three towers of one to four blocks, or three boxes of one to seven scattered shapes."""
    palette = list(BOX_COLOURS) if rng.random() < 0.75 else rng.sample(list(BOX_COLOURS), 2)
    if rng.random() < 0.5:
        heights = [rng.choice((1, 2, 3, 3, 4, 4)) for _ in range(3)]
        if rng.random() < 0.12:  # one height for all happens too rarely by chance
            heights = [heights[0]] * 3
        return Boxes(tuple(_tower(rng, palette, height) for height in heights), True)
    shapes = BOX_SHAPES if rng.random() < 0.8 else tuple(rng.sample(BOX_SHAPES, 2))
    return Boxes(tuple(_scatter(rng, palette, shapes) for _ in range(3)), False)


def _tower(rng: random.Random, palette: list[str], height: int) -> tuple[Item, ...]:
    return tuple(Item("square", rng.choice(palette), 40, 80 - 21 * i, 20) for i in range(height))


def _scatter(rng: random.Random, palette: list[str], shapes: tuple[str, ...]) -> tuple[Item, ...]:
    items: list[Item] = []
    colours = palette if rng.random() < 0.6 else rng.sample(palette, rng.randint(1, 2))
    for _ in range(rng.randint(1, 7)):
        for _ in range(20):
            size = rng.choice((10, 20, 30))
            x, y = _coordinate(rng, size), _coordinate(rng, size)
            if all(_apart(x, y, size, o) for o in items):
                items.append(Item(rng.choice(shapes), rng.choice(colours), x, y, size))
                break
    return tuple(items)


def _coordinate(rng: random.Random, size: int) -> int:
    end = BOX - size
    where = rng.random()
    return 0 if where < 0.1 else end if where < 0.22 else rng.randint(_APART, end - _APART)


def _apart(x: int, y: int, size: int, other: Item) -> bool:
    return (
        x >= other.x + other.size + _BETWEEN
        or other.x >= x + size + _BETWEEN
        or y >= other.y + other.size + _BETWEEN
        or other.y >= y + size + _BETWEEN
    )


def draw_boxes(boxes: Boxes) -> Image.Image:
    """The picture: 400 x 100 pixels."""
    picture = Image.new("RGB", (3 * BOX + 2 * _GAP, BOX), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    for number, box in enumerate(boxes.boxes):
        left = number * (BOX + _GAP)
        draw.rectangle((left, 0, left + BOX - 1, BOX - 1), fill=(211, 211, 211))
        for item in box:
            _draw_item(draw, item, left)
    return picture


def _draw_item(draw: ImageDraw.ImageDraw, item: Item, left: int) -> None:
    fill = BOX_COLOURS[item.colour]
    x, y, end_x, end_y = left + item.x, item.y, left + item.x + item.size - 1, item.y + item.size - 1
    if item.shape == "circle":
        draw.ellipse((x, y, end_x, end_y), fill=fill)
    elif item.shape == "square":
        draw.rectangle((x, y, end_x, end_y), fill=fill)
    else:
        draw.polygon([((x + end_x) / 2, y), (end_x, end_y), (x, end_y)], fill=fill)
