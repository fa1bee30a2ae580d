"""What pointing at a place gains: the bundled model is asked about one of several drawn things.

Usage: python benchmarks/pointing.py [--scenes N]

Each scene has three things of three shapes and three colours on a plain ground. "What colour is it?" and "What shape
is it?" are asked about each thing in three ways: with the whole picture, with the place cut out, and with everything
else painted over. Prints a table and a JSON line.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from assistant.intake import read_image
from assistant.messages import ImagePart, Message, Turn
from assistant.pointing import Region, as_seen
from assistant.settings import Settings
from assistant_backends.built_in import BuiltInBackend

SIDE = 256
COLOURS = {"red": "#dc2626", "blue": "#2563eb", "green": "#16a34a", "yellow": "#facc15", "purple": "#7e22ce"}
SHAPES = ("circle", "square", "triangle")
QUESTIONS = {"colour": "what colour is it?", "shape": "what shape is it?"}
Box = tuple[int, int, int, int]


def scene(chance: random.Random) -> tuple[Image.Image, list[tuple[str, str, Box]]]:
    """A picture, and of each thing in it the shape, the colour and the box in pixels."""
    image = Image.new("RGB", (SIDE, SIDE), "#f8fafc")
    draw = ImageDraw.Draw(image)
    corners = chance.sample([(x, y) for x in (0, 1, 2) for y in (0, 1, 2)], 3)
    things: list[tuple[str, str, Box]] = []
    for (col, row), shape, colour in zip(
        corners, chance.sample(SHAPES, 3), chance.sample(sorted(COLOURS), 3), strict=True
    ):
        size = chance.randint(44, 64)
        left, top = col * 85 + chance.randint(4, 16), row * 85 + chance.randint(4, 16)
        box = (left, top, left + size, top + size)
        if shape == "circle":
            draw.ellipse(box, fill=COLOURS[colour])
        elif shape == "square":
            draw.rectangle(box, fill=COLOURS[colour])
        else:
            draw.polygon([(left + size / 2, top), (left + size, top + size), (left, top + size)], fill=COLOURS[colour])
        things.append((shape, colour, box))
    return image, things


def part(image: Image.Image) -> ImagePart:
    """The picture as it comes out of intake."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return read_image(out.getvalue(), Settings())


def whole(image: Image.Image, _box: Box) -> ImagePart:
    """The picture, whichever place was meant."""
    return part(image)


def cut_out(image: Image.Image, box: Box) -> ImagePart:
    """What the model gets where somebody points."""
    left, top, right, bottom = (edge / SIDE for edge in box)
    region = Region(left=left, top=top, right=right, bottom=bottom)
    return as_seen(Turn(question=Message(text="?", images=(part(image),), regions=(region,)))).images[0]


def painted_over(image: Image.Image, box: Box) -> ImagePart:
    """The picture with the ground over everything but the place."""
    alone = Image.new("RGB", image.size, image.getpixel((0, 0)))
    alone.paste(image.crop(box), box[:2])
    return part(alone)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=30)
    count = parser.parse_args().scenes
    model = BuiltInBackend()
    ways: dict[str, Callable[[Image.Image, Box], ImagePart]] = {
        "whole picture": whole,
        "place cut out": cut_out,
        "rest painted over": painted_over,
    }
    right = {way: dict.fromkeys(QUESTIONS, 0) for way in ways}
    sure = dict.fromkeys(ways, 0)
    chance = random.Random(7)
    asked = 0
    for _ in range(count):
        image, things = scene(chance)
        for shape, colour, box in things:
            asked += 1
            for way, view in ways.items():
                seen = view(image, box)
                for kind, wanted in (("colour", colour), ("shape", shape)):
                    answer, confidence = model.answer_picture(seen, QUESTIONS[kind])
                    right[way][kind] += wanted in answer.lower()
                    sure[way] += confidence >= model.abstain_below and not model.is_unfamiliar(seen)
    print(f"{'':20} {'colour right':>13} {'shape right':>12} {'sure enough to answer':>22}")
    for way in ways:
        shares = [right[way][kind] / asked for kind in QUESTIONS]
        print(f"{way:20} {shares[0]:>13.1%} {shares[1]:>12.1%} {sure[way] / asked / 2:>22.1%}")
    print(json.dumps({"things": asked, "right": right, "sure": sure}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
