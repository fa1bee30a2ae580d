"""Collages: what is where, derived again from the places."""

import random
from collections import Counter
from pathlib import Path

import pytest

from training.collages import Collage, ask_collage, named, random_collage
from training.datasets import ALL_SETS, VisionData, read_data
from training.questions import Asked

from .data import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VisionData:
    return read_data(write_data(tmp_path_factory.mktemp("data")), ALL_SETS)["train"]


def spot(place: str) -> tuple[int, int]:
    """Column and row of a place, from -1 to 1."""
    return ("right" in place) - ("left" in place), ("bottom" in place) - ("top" in place)


def oracle(collage: Collage, asked: Asked) -> str:
    names, about = collage.names, asked.about
    at = {spot(place): name for place, name in names.items()}
    match about["ask"]:
        case "place":
            return named(at[spot(about["place"])])
        case "next":
            found = [xy for xy, name in at.items() if name == about["name"]]
            if not found:
                return f"There is no {about['name']}."
            ((x, y),) = found
            dx, dy = {"left of": (-2, 0), "right of": (2, 0), "above": (0, -2), "below": (0, 2)}[about["relation"]]
            return named(at[x + dx, y + dy])
        case "where":
            return next((p for p, n in names.items() if n == about["name"]), f"There is no {about['name']}.")
        case "count":
            return str(len(at) if not about["name"] else sum(n == about["name"] for n in at.values()))
        case "exists":
            return "yes" if about["name"] in at.values() else "no"
        case _:
            ordered = [named(at[xy]) for xy in sorted(at, key=lambda xy: (xy[1], xy[0]))]
            return ", ".join(ordered[:-1]) + f" and {ordered[-1]}"


def test_answers_agree_with_the_oracle(data: VisionData) -> None:
    rng = random.Random(1)
    kinds: Counter[str] = Counter()
    for _ in range(250):
        collage, pixels = random_collage(rng, data, 64)
        assert pixels.shape == (64, 64, 3)
        for _ in range(5):
            asked = ask_collage(rng, collage, data)
            assert asked.answer == oracle(collage, asked), (collage, asked)
            kinds[asked.about["ask"]] += 1
    assert set(kinds) == {"place", "next", "where", "count", "exists", "all"}
    assert min(kinds.values()) > 20


def test_collages_need_a_set_with_classes(tmp_path: Path) -> None:
    data = read_data(write_data(tmp_path, 8), ["nlvr"])["train"]
    with pytest.raises(ValueError, match="caltech101"):
        random_collage(random.Random(0), data, 64)
