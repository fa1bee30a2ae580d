"""Draw bar, line and pie charts whose every value is known, and ask about them.

Bars, lines and slices are told apart by colour: letters small enough for an axis cannot be read at 128 px. Values are
whole numbers that grid lines make countable; values that are compared differ clearly. `x` runs to the right, values
run upward.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageDraw, ImageFont

from training.questions import Asked
from training.scenes import COLOURS
from training.wording import NUMBER_WORDS, joined

Kind = Literal["bar", "line", "pie"]
CHART_COLOURS: Final = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "teal")
MOST: Final = 8
"""Highest value of an axis."""
_PAPERS: Final = ((255, 255, 255), (255, 255, 255), (244, 244, 238), (236, 240, 248))


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Attributes:
        kind: Bars and slices stand from left to right and clockwise from the top; a line chart has points.
        colours: A colour for each bar or slice; one for a line.
        values: Bars and points in 1 to `MOST`; slices in sixteenths of the whole.
        paper: Colour of the ground.
        seed: Seeds the small changes of drawing.
    """

    kind: Kind
    colours: tuple[str, ...]
    values: tuple[int, ...]
    paper: tuple[int, int, int] = (255, 255, 255)
    seed: int = 0


def random_chart(rng: random.Random) -> Chart:
    """A chart of two to six values of which one is highest and one is lowest."""
    kind: Kind = rng.choice(("bar", "bar", "bar", "pie", "line"))
    paper, seed = rng.choice(_PAPERS), rng.getrandbits(30)
    if kind == "pie":
        parts = rng.choice(((8, 5, 3), (10, 4, 2), (9, 7), (12, 4), (7, 5, 4), (7, 4, 3, 2), (11, 3, 2), (10, 6)))
        values = tuple(rng.sample(parts, len(parts)))
        return Chart(kind, tuple(rng.sample(CHART_COLOURS, len(values))), values, paper, seed)
    while True:
        if kind == "line" and rng.random() < 0.5:
            points = sorted(rng.sample(range(1, MOST + 1), rng.randint(4, 6)), reverse=rng.random() < 0.5)
            values = tuple(points)
        else:
            number = rng.randint(2, 6) if kind == "bar" else rng.randint(4, 6)
            values = tuple(rng.randint(1, MOST) for _ in range(number))
        if values.count(max(values)) == values.count(min(values)) == 1:
            colours = rng.sample(CHART_COLOURS, len(values) if kind == "bar" else 1)
            return Chart(kind, tuple(colours), values, paper, seed)


def draw_chart(chart: Chart, side: int = 192) -> Image.Image:
    """The chart as an RGB picture of `side` x `side` pixels."""
    rng = random.Random(chart.seed)
    picture = Image.new("RGB", (side, side), chart.paper)
    draw = ImageDraw.Draw(picture)
    fills = [tuple(min(255, max(0, c + rng.randint(-12, 12))) for c in COLOURS[name]) for name in chart.colours]
    if chart.kind == "pie":
        _draw_pie(draw, chart, fills, side, rng)
    else:
        _draw_axes(draw, chart, fills, side, rng)
    return picture


def _draw_pie(
    draw: ImageDraw.ImageDraw, chart: Chart, fills: list[tuple[int, ...]], side: int, rng: random.Random
) -> None:
    radius = side * rng.uniform(0.34, 0.45)
    x, y = (rng.uniform(radius + 2, side - radius - 2) for _ in range(2))
    box = (x - radius, y - radius, x + radius, y + radius)
    rim = rng.choice(((255, 255, 255), (30, 30, 30), None))
    start = -90.0
    for value, fill in zip(chart.values, fills, strict=True):
        draw.pieslice(box, start, start + 22.5 * value, fill=fill, outline=rim, width=max(1, side // 96))
        start += 22.5 * value


def _draw_axes(
    draw: ImageDraw.ImageDraw, chart: Chart, fills: list[tuple[int, ...]], side: int, rng: random.Random
) -> None:
    left, right = side * rng.uniform(0.1, 0.16), side * rng.uniform(0.92, 0.98)
    top, bottom = side * rng.uniform(0.04, 0.1), side * rng.uniform(0.9, 0.96)
    ink, thin = (40, 40, 40), max(1, side // 128)
    unit, step = (bottom - top) / MOST, (right - left) / len(chart.values)
    font = ImageFont.load_default(max(7, side // 12))
    for value in range(0, MOST + 1, 2):
        y = bottom - unit * value
        draw.line((left, y, right, y), fill=(205, 205, 205), width=thin)
        draw.text((left - 2, y), str(value), fill=ink, font=font, anchor="rm")
    middles = [left + step * (i + 0.5) for i in range(len(chart.values))]
    heights = [bottom - unit * value for value in chart.values]
    if chart.kind == "bar":
        half = step * rng.uniform(0.28, 0.42)
        for x, y, fill in zip(middles, heights, fills, strict=True):
            draw.rectangle((x - half, y, x + half, bottom), fill=fill)
    else:
        points = list(zip(middles, heights, strict=True))
        draw.line(points, fill=fills[0], width=max(2, side // 40), joint="curve")
        dot = side / 40
        for x, y in points:
            draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=fills[0])
    draw.line((left, top, left, bottom), fill=ink, width=thin)
    draw.line((left, bottom, right, bottom), fill=ink, width=thin)


_NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    "bar": ("bar",),
    "pie": ("part", "slice"),
    "line": ("point",),
}
_MOST_WORDS: Final = ("highest", "tallest", "biggest", "longest")
_LEAST_WORDS: Final = ("lowest", "shortest", "smallest")


def ask_chart(rng: random.Random, chart: Chart) -> Asked:
    """One question about a chart; every answer that compares says first what it compares."""
    askers = {
        "bar": (_ask_extreme, _ask_extreme, _ask_value, _ask_value, _ask_compare, _ask_number, _ask_kind, _ask_colours),
        "pie": (_ask_extreme, _ask_extreme, _ask_half, _ask_number, _ask_kind, _ask_colours),
        "line": (_ask_trend, _ask_extreme_value, _ask_extreme_value, _ask_kind, _ask_colours, _ask_number),
    }
    return rng.choice(askers[chart.kind])(rng, chart)


def _ask_kind(rng: random.Random, chart: Chart) -> Asked:
    if rng.random() < 0.4:
        return Asked(rng.choice(_DESCRIBE_CHART), described_chart(chart), "chart describe", {"ask": "describe"})
    form = rng.choice(
        ("what kind of chart is this?", "what is this?", "which type of chart is it?", "what's this?", "what is it?")
    )
    return Asked(form, f"a {chart.kind} chart", "chart kind", {"ask": "kind"})


_DESCRIBE_CHART: Final = (
    "describe the picture",
    "describe the image",
    "describe the chart",
    "what do you see?",
    "what is in the picture?",
    "what does the chart show?",
)


def _ask_number(rng: random.Random, chart: Chart) -> Asked:
    many = f"{rng.choice(_NAMES[chart.kind])}s"
    forms = ("how many {m} are there?", "how many {m} does the chart have?", "count the {m}", "how many {m}?")
    return Asked(rng.choice(forms).format(m=many), str(len(chart.values)), "chart count", {"ask": "number"})


def _ask_colours(rng: random.Random, chart: Chart) -> Asked:
    c = rng.choice(("colour", "color"))
    if chart.kind == "line":
        question = rng.choice((f"what {c} is the line?", f"which {c} does the line have?"))
        return Asked(question, chart.colours[0], "chart colour", {"ask": "colour"})
    many = f"{rng.choice(_NAMES[chart.kind])}s"
    if chart.kind == "bar" and rng.random() < 0.6:
        question = f"what {c}s are the {many} from left to right?"
        return Asked(question, joined(list(chart.colours)), "chart colour", {"ask": "colours"})
    colour = rng.choice(chart.colours) if rng.random() < 0.5 else rng.choice(CHART_COLOURS)
    question = f"is there a {colour} {many[:-1]}?"
    answer = "yes" if colour in chart.colours else "no"
    return Asked(question, answer, "chart colour", {"ask": "has", "colour": colour})


def _ask_extreme(rng: random.Random, chart: Chart) -> Asked:
    most = rng.random() < 0.6
    thing = rng.choice(_NAMES[chart.kind])
    words = _MOST_WORDS if most else _LEAST_WORDS
    word = rng.choice(words if chart.kind == "bar" else (("biggest", "largest") if most else ("smallest",)))
    c = rng.choice(("colour", "color"))
    form = rng.choice(
        ("which {t} is the {w}?", "which {t} is {w}?", "what {c} is the {w} {t}?", "which is the {w} {t}?")
    )
    colour = chart.colours[chart.values.index((max if most else min)(chart.values))]
    answer = colour if "{c}" in form else f"the {colour} {thing}"
    about = {"ask": "extreme", "most": "yes" if most else ""}
    return Asked(form.format(t=thing, w=word, c=c), answer, "chart extreme", about)


def _ask_value(rng: random.Random, chart: Chart) -> Asked:
    colour = rng.choice(chart.colours)
    if rng.random() < 0.1:
        missing = rng.choice([c for c in CHART_COLOURS if c not in chart.colours])
        question, answer, colour = f"how high is the {missing} bar?", f"There is no {missing} bar.", missing
    else:
        form = rng.choice(
            (
                "what is the value of the {c} bar?",
                "how high is the {c} bar?",
                "which value has the {c} bar?",
                "what value does the {c} bar show?",
            )
        )
        question, answer = form.format(c=colour), str(chart.values[chart.colours.index(colour)])
    return Asked(question, answer, "chart value", {"ask": "value", "colour": colour})


def _ask_compare(rng: random.Random, chart: Chart) -> Asked:
    one, two = rng.sample(range(len(chart.values)), 2)
    higher = rng.random() < 0.6
    a, b, x, y = chart.colours[one], chart.colours[two], chart.values[one], chart.values[two]
    word = rng.choice(("higher", "taller") if higher else ("lower", "shorter"))
    yes = "yes" if (x > y if higher else x < y) else "no"
    about = {"ask": "compare", "first": a, "second": b, "higher": "yes" if higher else ""}
    return Asked(f"is the {a} bar {word} than the {b} bar?", f"{a} {x}, {b} {y}: {yes}.", "chart compare", about)


def _ask_half(rng: random.Random, chart: Chart) -> Asked:
    colour = rng.choice(chart.colours)
    thing = rng.choice(_NAMES["pie"])
    value = chart.values[chart.colours.index(colour)]
    # exactly half is neither more nor less for the eye
    form = rng.choice(("more", "less")) if value != 8 else "exactly"
    question = f"is the {colour} {thing} {form + ' than' if form != 'exactly' else form} half?"
    yes = "yes" if {"more": value > 8, "less": value < 8, "exactly": True}[form] else "no"
    return Asked(question, yes, "chart share", {"ask": "half", "colour": colour, "form": form})


def _ask_trend(rng: random.Random, chart: Chart) -> Asked:
    form = rng.choice(("does the line go up or down?", "what is the trend?", "does the line rise or fall?"))
    steps = [b - a for a, b in zip(chart.values, chart.values[1:], strict=False)]
    answer = "up" if min(steps) > 0 else "down" if max(steps) < 0 else "up and down"
    return Asked(form, answer, "chart trend", {"ask": "trend"})


def _ask_extreme_value(rng: random.Random, chart: Chart) -> Asked:
    most = rng.random() < 0.6
    word = rng.choice(("highest", "highest", "maximum") if most else ("lowest", "lowest", "minimum"))
    form = rng.choice(("what is the {w} value?", "which is the {w} value?", "what is the {w} value of the line?"))
    answer = str((max if most else min)(chart.values))
    return Asked(form.format(w=word), answer, "chart value", {"ask": "extreme value", "most": "yes" if most else ""})


def described_chart(chart: Chart) -> str:
    """What a chart shows, in one sentence."""
    if chart.kind == "line":
        return f"There is a line chart with a {chart.colours[0]} line."
    many = NUMBER_WORDS[len(chart.values)]
    return f"There is a {chart.kind} chart with {many} {_NAMES[chart.kind][0]}s."
