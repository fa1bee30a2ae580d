"""Changes of pictures: their size, their seed, and what they must not change."""

import random
from pathlib import Path

import numpy as np
import pytest

from training.augmenting import BOX_LEFTS, open_picture, varied
from training.datasets import ALL_SETS, Row, VisionData, read_data

from .data import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VisionData:
    return read_data(write_data(tmp_path_factory.mktemp("data")), ALL_SETS)["train"]


@pytest.mark.parametrize("name", ALL_SETS)
def test_pictures_have_the_side_asked_for_and_depend_on_the_seed_alone(name: str, data: VisionData) -> None:
    row = data.rows[name][0]
    for seed in range(25):
        side = (48, 96)[seed % 2]
        one, two = (varied(random.Random(seed), row, side) for _ in range(2))
        assert one.shape == (side, side, 3)
        assert one.dtype == np.uint8
        assert (one == two).all()


def test_most_pictures_change(data: VisionData) -> None:
    for name in set(ALL_SETS) - {"easyvqa"}:
        row = data.rows[name][0]
        seen = {varied(random.Random(seed), row, 32).tobytes() for seed in range(12)}
        assert len(seen) >= (4 if name == "nlvr" else 9), name


def test_boxes_change_places_only(data: VisionData) -> None:
    row = data.rows["nlvr"][0]
    boxes = [np.asarray(open_picture(row).crop((x, 0, x + 100, 100))).tobytes() for x in BOX_LEFTS]
    assert len(set(boxes)) == 3
    small = {np.asarray(open_picture(row).resize((32, 32))).tobytes()}
    for seed in range(12):
        small.add(varied(random.Random(seed), row, 32).tobytes())
    assert 4 <= len(small) <= 7  # six orders, and the plain resize, which filters a little otherwise


def _leans_left(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    dark = 255 - pixels.mean(axis=-1)
    return bool((dark * np.linspace(-1, 1, dark.shape[1])).sum() < 0)


def test_a_digit_is_never_mirrored_and_a_photo_sometimes(data: VisionData, tmp_path: Path) -> None:
    import io

    from PIL import Image

    picture = Image.new("RGB", (64, 64), "white")
    picture.paste("black", (4, 4, 20, 60))
    file = io.BytesIO()
    picture.save(file, "PNG")
    sided = Row("flickr8k", "x", file.getvalue(), captions=("a",), mirrors=True)
    lefts = [_leans_left(varied(random.Random(seed), sided, 64)) for seed in range(60)]
    assert 15 < sum(lefts) < 45
    fixed = Row("vqarad", "x", file.getvalue(), qa=(("q", "a"),), mirrors=False)
    assert all(_leans_left(varied(random.Random(seed), fixed, 64)) for seed in range(60))
