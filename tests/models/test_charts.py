"""Charts: their values read back from the picture, and their answers derived again."""

import random
from collections import Counter

import numpy as np
import pytest

from training.charts import CHART_COLOURS, MOST, Chart, ask_chart, draw_chart, random_chart
from training.questions import Asked
from training.scenes import COLOURS

CHARTS = [random_chart(random.Random(seed)) for seed in range(300)]


def area(chart: Chart, colour: str, side: int = 256) -> int:
    """Pixels that are near a colour, in the picture without its small changes of colour."""
    pixels = np.asarray(draw_chart(chart, side)).astype(int)
    return int((np.abs(pixels - np.array(COLOURS[colour])).max(axis=-1) <= 14).sum())


def test_bars_are_as_high_as_their_values() -> None:
    for chart in [c for c in CHARTS if c.kind == "bar"][:40]:
        # text and axes are near black
        found = [area(chart, colour) / value for colour, value in zip(chart.colours, chart.values, strict=True)]
        found = [f for f, colour in zip(found, chart.colours, strict=True) if colour not in ("black", "brown")]
        assert max(found) / min(found) < 1.15, chart


def test_slices_are_as_big_as_their_values() -> None:
    for chart in [c for c in CHARTS if c.kind == "pie"][:40]:
        assert sum(chart.values) == 16
        found = {c: area(chart, c) / v for c, v in zip(chart.colours, chart.values, strict=True)}
        near = [v for c, v in found.items() if c != "black"]
        assert max(near) / min(near) < 1.35, chart


def oracle(chart: Chart, asked: Asked) -> str:
    about = asked.about
    at = dict(zip(chart.colours, chart.values, strict=False))
    ranked = sorted(at, key=lambda colour: at[colour])
    yes = {True: "yes", False: "no"}
    match about["ask"]:
        case "kind":
            return f"a {chart.kind} chart"
        case "describe":
            numbers = dict(zip(range(2, 7), ("two", "three", "four", "five", "six"), strict=True))
            return {
                "line": f"There is a line chart with a {chart.colours[0]} line.",
                "bar": f"There is a bar chart with {numbers[len(chart.values)]} bars.",
                "pie": f"There is a pie chart with {numbers[len(chart.values)]} parts.",
            }[chart.kind]
        case "number":
            return str(len(chart.values))
        case "colour":
            return chart.colours[0]
        case "colours":
            return ", ".join(chart.colours[:-1]) + f" and {chart.colours[-1]}"
        case "has":
            return yes[about["colour"] in at]
        case "extreme":
            colour = ranked[-1] if about["most"] else ranked[0]
            noun = next((n for n in ("bar", "part", "slice") if n in asked.question), "")
            return colour if "colo" in asked.question else f"the {colour} {noun}"
        case "value":
            return str(at[about["colour"]]) if about["colour"] in at else f"There is no {about['colour']} bar."
        case "compare":
            x, y = at[about["first"]], at[about["second"]]
            verdict = yes[x > y if about["higher"] else x < y]
            return f"{about['first']} {x}, {about['second']} {y}: {verdict}."
        case "half":
            share = at[about["colour"]] / 16
            return yes[{"more": share > 0.5, "less": share < 0.5, "exactly": share == 0.5}[about["form"]]]
        case "trend":
            ordered = sorted(chart.values)
            points = list(chart.values)
            return "up" if points == ordered else "down" if points == ordered[::-1] else "up and down"
        case _:
            return str(sorted(chart.values)[-1 if about["most"] else 0])


def test_answers_agree_with_the_oracle() -> None:
    rng = random.Random(1)
    kinds: Counter[str] = Counter()
    for chart in CHARTS:
        for _ in range(8):
            asked = ask_chart(rng, chart)
            assert asked.answer == oracle(chart, asked), (chart, asked)
            kinds[asked.about["ask"]] += 1
    assert len(kinds) == 12
    assert min(kinds.values()) >= 20


def test_comparisons_are_balanced() -> None:
    rng = random.Random(2)
    answers = [ask_chart(rng, chart) for chart in CHARTS * 8]
    for kind in ("chart compare", "chart share"):
        ends = Counter(a.answer.rstrip(".").split()[-1] for a in answers if a.kind == kind)
        assert 0.35 < ends["yes"] / sum(ends.values()) < 0.65, kind


@pytest.mark.parametrize("chart", CHARTS[:60])
def test_charts_have_one_highest_and_one_lowest(chart: Chart) -> None:
    assert chart.values.count(max(chart.values)) == chart.values.count(min(chart.values)) == 1
    assert set(chart.colours) <= set(CHART_COLOURS)
    assert chart.kind == "pie" or max(chart.values) <= MOST
    assert draw_chart(chart).tobytes() == draw_chart(chart).tobytes()
