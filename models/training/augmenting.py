"""Change pictures of the data sets in ways that keep every answer true.

Each kind of picture has its own changes. Photos are cropped, squeezed, mirrored and recoloured. Emoji and icons exist
once or twice for each name and must be recognised in another drawing style, so line, colour, ground and geometry all
change. Small pictures (digits, 28 to 64 px) are shown at many sizes and places.
"""

import io
import math
import random
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, ImageOps

from training.datasets import Row
from training.scenes import COLOURS

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
WHITE: Final[Colour] = (255, 255, 255)
_TOLD_BY_COLOUR: Final = frozenset((*COLOURS, "flag", "flag:"))
"""Words in names of emoji that another colour would make wrong."""
BOX_LEFTS: Final = (0, 150, 300)
"""Left edges of the three 100 px boxes of an NLVR picture, whose order carries no meaning."""


def opened(row: Row) -> Image.Image:
    """The row's picture as stored."""
    return Image.open(io.BytesIO(row.image))


def on_white(picture: Image.Image) -> Image.Image:
    """The picture as RGB, transparent parts on white."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*WHITE, 255)), picture).convert("RGB")


def open_picture(row: Row) -> Image.Image:
    """The row's picture as RGB, unchanged, transparent parts on white."""
    return on_white(opened(row))


def _any_colour(rng: random.Random, low: int = 0, high: int = 255) -> Colour:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _recoloured(rng: random.Random, pixels: Pixels, strength: float = 1.0) -> Pixels:
    """Brightness, contrast, colour cast and saturation changed; sometimes gray."""
    out = pixels.astype(np.float32)
    mean = float(out.mean())
    out = (out - mean) * rng.uniform(1 - 0.35 * strength, 1 + 0.35 * strength) + mean
    if rng.random() < 0.6:
        gray = out @ np.array((0.3, 0.59, 0.11), dtype=np.float32)
        saturation = (
            0.0 if strength == 1 and rng.random() < 0.12 else rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength)
        )
        out = gray[..., None] + (out - gray[..., None]) * saturation
    cast = np.array([rng.uniform(-12, 12) * strength for _ in range(3)], dtype=np.float32)
    out += cast + rng.uniform(-30, 30) * strength
    return np.clip(out, 0, 255).astype(np.uint8)


def _erased(rng: random.Random, pixels: Pixels, most: float = 0.3) -> Pixels:
    """One rectangle of up to `most` of each side painted over with one colour (Zhong et al. 2017, "Random Erasing")."""
    side = pixels.shape[0]
    height, width = (int(side * rng.uniform(0.1, most)) for _ in range(2))
    top, left = rng.randint(0, side - height), rng.randint(0, side - width)
    pixels = pixels.copy()
    pixels[top : top + height, left : left + width] = _any_colour(rng)
    return pixels


def _placed(rng: random.Random, picture: Image.Image, side: int, least: float, ground: Colour) -> Image.Image:
    """The picture at a random size, shape and place of a canvas."""
    canvas = Image.new("RGB", (side, side), ground)
    edge = 1.0 if rng.random() < 0.3 else rng.uniform(least, 1.0)
    width, height = (max(8, int(side * min(1.0, edge * rng.uniform(0.85, 1.15)))) for _ in range(2))
    small = picture.resize((width, height), Image.Resampling.BICUBIC)
    at = (rng.randint(0, side - width), rng.randint(0, side - height))
    if picture.mode == "RGBA":
        canvas.paste(small, at, small)
    else:
        canvas.paste(small, at)
    return canvas


def _warped(rng: random.Random, picture: Image.Image, strength: float, fill: int | Colour | None = None) -> Image.Image:
    """Small rotation, shear, stretch and an uneven pull at the corners."""
    width, height = picture.size
    angle, shear = math.radians(rng.uniform(-16, 16) * strength), rng.uniform(-0.2, 0.2) * strength
    cos, sin = math.cos(angle), math.sin(angle)
    corners: list[float] = []
    for x, y in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        x, y = x + shear * y, float(y)
        x, y = cos * x - sin * y, sin * x + cos * y
        x, y = (v * rng.uniform(1 - 0.12 * strength, 1 + 0.12 * strength) for v in (x, y))
        corners += [(x + 1) / 2 * width, (y + 1) / 2 * height]
    return picture.transform(
        picture.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR, fill=1, fillcolor=fill
    )


def _softened(rng: random.Random, picture: Image.Image) -> Image.Image:
    """Sometimes blurred, or sampled down and up again."""
    if rng.random() < 0.6:
        return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    edge = rng.randint(picture.width // 4, picture.width // 2)
    how = rng.choice((Image.Resampling.NEAREST, Image.Resampling.BILINEAR))
    return picture.resize((edge, edge), Image.Resampling.BILINEAR).resize(picture.size, how)


def _photo(rng: random.Random, row: Row, side: int, least: float = 0.4) -> Pixels:
    """A crop of at least `least` of the area, squeezed to the square, perhaps mirrored, tilted, recoloured, erased."""
    picture = open_picture(row)
    if rng.random() < 0.15:
        ground = (127, 127, 127) if rng.random() < 0.5 else _any_colour(rng)
        picture = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=ground)
    width, height = picture.size
    if max(width, height) <= 64 and rng.random() < 0.25:
        pixels = np.asarray(_placed(rng, picture, side, 0.4, _any_colour(rng)))
    else:
        area = 1.0 if rng.random() < 0.2 else rng.uniform(least, 1.0)
        ratio = math.exp(rng.uniform(-0.35, 0.35))
        wide, high = (s * min(1.0, math.sqrt(area * r)) for s, r in ((width, ratio), (height, 1 / ratio)))
        left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
        box = (left, top, left + wide, top + high)
        pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box))
    if row.mirrors and rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if rng.random() < 0.8:
        # the colour of fruit tells its name
        pixels = _recoloured(rng, pixels, 0.5 if row.set == "grocery" else 1.0)
    return _erased(rng, pixels) if rng.random() < 0.2 else pixels


def _whole_photo(rng: random.Random, row: Row, side: int) -> Pixels:
    """Nearly all of the picture, for captions and counts; the squeeze varies a little."""
    picture = open_picture(row)
    width, height = picture.size
    cut = [rng.uniform(0, 0.02 if row.set == "bccd" else 0.09) for _ in range(4)]
    box = (cut[0] * width, cut[1] * height, (1 - cut[2]) * width, (1 - cut[3]) * height)
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box))
    if row.mirrors and rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    # captions name colours, so hues stay
    return _recoloured(rng, pixels, 0.3) if rng.random() < 0.7 else pixels


def _ground(rng: random.Random, side: int) -> Image.Image:
    """What an emoji stands on: white, one colour, a gradient or noise."""
    kind = rng.random()
    if kind < 0.5:
        return Image.new("RGB", (side, side), WHITE)
    if kind < 0.8:
        return Image.new("RGB", (side, side), _any_colour(rng))
    if kind < 0.93:
        ends = Image.new("RGB", (2, 2))
        ends.putdata([_any_colour(rng) for _ in range(4)])
        return ends.resize((side, side), Image.Resampling.BILINEAR)
    numbers = np.random.default_rng(rng.getrandbits(32))
    grain = numbers.integers(0, 256, (rng.choice((4, 8, 24)),) * 2 + (3,), dtype=np.uint8)
    return Image.fromarray(grain).resize((side, side), Image.Resampling.BICUBIC)


def _restyled(rng: random.Random, picture: Image.Image) -> Image.Image:
    """An RGBA drawing in another style: other hues, flat areas, few tones, gray, or lines only."""
    alpha, colours = picture.getchannel("A"), picture.convert("RGB")
    style = rng.random()
    if style < 0.2:
        return picture
    if style < 0.62:
        hue, saturation, value = colours.convert("HSV").split()
        gain, lift = rng.uniform(0.4, 1.4), rng.uniform(0.75, 1.25)
        hue = hue.point(_hue_curve(rng))
        saturation = saturation.point([min(255, int(v * gain)) for v in range(256)])
        value = value.point([min(255, int(v * lift)) for v in range(256)])
        colours = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    elif style < 0.74:
        colours = ImageOps.posterize(colours.filter(ImageFilter.MedianFilter(3)), rng.choice((1, 2, 2, 3)))
    elif style < 0.82:
        colours = ImageOps.colorize(colours.convert("L"), _any_colour(rng, 0, 90), _any_colour(rng, 150, 255))
    elif style < 0.9:
        ink, paper = _any_colour(rng, 0, 80), _any_colour(rng, 190, 255)
        edges = ImageChops.lighter(colours.filter(ImageFilter.FIND_EDGES).convert("L"), _rim(alpha))
        edges = edges.point([255 - min(255, 4 * v) for v in range(256)])
        colours = ImageOps.colorize(edges, ink, paper)
    elif style < 0.97:  # a dark line around each area, as in cartoons
        lines = ImageChops.lighter(colours.filter(ImageFilter.FIND_EDGES).convert("L"), _rim(alpha))
        lines = lines.point([min(255, 3 * v) for v in range(256)])
        colours.paste(_any_colour(rng, 0, 60), mask=lines)
    else:
        flat = _any_colour(rng)
        colours = Image.new("RGB", picture.size, flat)
    return Image.merge("RGBA", (*colours.split(), alpha))


def _hue_curve(rng: random.Random) -> list[int]:
    """A hue for each hue: reds may become pink while blues stay, as another artist would choose."""
    spread = rng.choice((8, 20, 45, 128))
    shifts = [rng.uniform(-spread, spread) for _ in range(6)]
    curve: list[int] = []
    for hue in range(256):
        at, share = divmod(hue * 6 / 256, 1)
        shift = shifts[int(at)] * (1 - share) + shifts[(int(at) + 1) % 6] * share
        curve.append(round(hue + shift) % 256)
    return curve


def _rim(alpha: Image.Image) -> Image.Image:
    return ImageChops.difference(alpha, alpha.filter(ImageFilter.MinFilter(3)))


def _emoji(rng: random.Random, row: Row, side: int) -> Pixels:
    picture = opened(row).convert("RGBA")
    named_by_colour = not _TOLD_BY_COLOUR.isdisjoint(row.label.split())
    if not named_by_colour:
        picture = _restyled(rng, picture)
    if row.mirrors and rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    if rng.random() < 0.6:
        picture = _warped(rng, picture, 1.0)
    ground = _ground(rng, side)
    edge = 1.0 if rng.random() < 0.3 else rng.uniform(0.6, 1.0)
    width, height = (int(side * min(1.0, edge * rng.uniform(0.88, 1.14))) for _ in range(2))
    small = picture.resize((width, height), Image.Resampling.BILINEAR)
    ground.paste(small, (rng.randint(0, side - width), rng.randint(0, side - height)), small)
    if rng.random() < 0.2:
        ground = _softened(rng, ground)
    pixels = np.asarray(ground)
    if rng.random() < 0.5:
        pixels = _recoloured(rng, pixels, 0.25 if named_by_colour else 0.7)
    return _erased(rng, pixels, 0.25) if rng.random() < 0.1 else pixels


def _icon(rng: random.Random, row: Row, side: int) -> Pixels:
    ink = ImageOps.invert(open_picture(row).convert("L"))
    weight = rng.random()
    if weight < 0.2:
        ink = ink.filter(ImageFilter.MaxFilter(3))
    elif weight < 0.3:  # strokes are four pixels wide, so one off each side leaves two
        ink = ink.filter(ImageFilter.MinFilter(3))
    elif weight < 0.38:
        ink = _rim(ink)
    if rng.random() < 0.5:
        ink = _warped(rng, ink, 0.7)
    line, paper = _ink_and_paper(rng)
    edge = side if rng.random() < 0.3 else int(side * rng.uniform(0.55, 1.0))
    small = ink.resize((edge, edge), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (side, side), paper)
    canvas.paste(line, (rng.randint(0, side - edge), rng.randint(0, side - edge)), small)
    if rng.random() < 0.15:
        canvas = _softened(rng, canvas)
    return np.asarray(canvas)


def _ink_and_paper(rng: random.Random) -> tuple[Colour, Colour]:
    """Dark on light or light on dark, black and white half the time."""
    dark = (0, 0, 0) if rng.random() < 0.5 else _any_colour(rng, 0, 110)
    light = WHITE if rng.random() < 0.5 else _any_colour(rng, 180, 255)
    return (dark, light) if rng.random() < 0.65 else (light, dark)


def _digit(rng: random.Random, row: Row, side: int) -> Pixels:
    ink = opened(row).convert("L")
    if rng.random() < 0.6:
        ink = _warped(rng, ink, 0.6)
    line, paper = _ink_and_paper(rng)
    if rng.random() < 0.3:  # as the set has them
        line, paper = WHITE, (0, 0, 0)
    canvas = _placed(rng, ImageOps.colorize(ink, paper, line), side, 0.3, paper)
    return np.asarray(_softened(rng, canvas) if rng.random() < 0.15 else canvas)


def _sign(rng: random.Random, row: Row, side: int) -> Pixels:
    """A hand is shown whole: a cut finger is another digit."""
    picture = open_picture(row)
    if rng.random() < 0.4:
        picture = _warped(rng, picture, 0.7, (200, 200, 200))
    least = 1.0 if rng.random() < 0.5 else 0.5
    pixels = np.asarray(_placed(rng, picture, side, least, _any_colour(rng)))
    return _recoloured(rng, pixels) if rng.random() < 0.7 else pixels


def _boxes(rng: random.Random, row: Row, side: int) -> Pixels:
    """An NLVR picture with its boxes in another order."""
    picture = open_picture(row)
    order = rng.sample(BOX_LEFTS, 3)
    boxes = [picture.crop((x, 0, x + 100, 100)) for x in order]
    for x, box in zip(BOX_LEFTS, boxes, strict=True):
        picture.paste(box, (x, 0))
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))


def _plain(rng: random.Random, row: Row, side: int) -> Pixels:
    return np.asarray(open_picture(row).resize((side, side), Image.Resampling.BICUBIC))


_VARY: Final[dict[str, Callable[[random.Random, Row, int], Pixels]]] = {
    "easyvqa": _plain,
    "nlvr": _boxes,
    "emoji": _emoji,
    "icons": _icon,
    "mnist": _digit,
    "signdigits": _sign,
    "bccd": _whole_photo,
    "vqarad": _whole_photo,
    "flickr8k": _whole_photo,
}


def varied(rng: random.Random, row: Row, side: int) -> Pixels:
    """The row's picture as `[side side 3]`, changed in ways that keep every answer true."""
    return _VARY.get(row.set, _photo)(rng, row, side)
