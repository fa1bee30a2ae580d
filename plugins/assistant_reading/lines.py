"""Lines of writing as geometry: which way up they stand, in which order they are read, and cutting one out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Corners = NDArray[np.float64]
    """Axes [corner, xy], in pixels, from the upper left corner on, clockwise."""


def width(corners: Corners) -> float:
    """How long a line is, in pixels."""
    return _length(corners[1] - corners[0])


def height(corners: Corners) -> float:
    """How tall its letters may be, in pixels."""
    return _length(corners[3] - corners[0])


def stand_upright(lines: Sequence[Corners]) -> bool:
    """Whether most of the writing runs from top to bottom: the picture then lies on its side."""
    tall = sum(width(each) * height(each) for each in lines if height(each) > 1.5 * width(each))
    whole = sum(width(each) * height(each) for each in lines)
    return tall > 0.5 * whole


def cut(image: Image, corners: Corners) -> Image:
    """One line, straightened; a standing one is laid flat.

    Args:
        image: the picture.
        corners: in its pixels.
    """
    from PIL import Image as Images

    size = (max(1, round(width(corners))), max(1, round(height(corners))))
    upper_left, upper_right, lower_right, lower_left = (tuple(float(value) for value in point) for point in corners)
    piece = image.transform(
        size,
        Images.Transform.QUAD,
        (*upper_left, *lower_left, *lower_right, *upper_right),
        Images.Resampling.BICUBIC,
    )
    return piece.transpose(Images.Transpose.ROTATE_90) if size[1] >= 1.5 * size[0] else piece


def reading_order(lines: Sequence[Corners]) -> list[int]:
    """The indices of the lines, row by row from the top, each from left to right, however the page is tilted.

    Columns are not told apart.
    """
    import numpy as np

    if not lines:
        return []
    slopes = np.array([np.arctan2(*(each[1] - each[0])[::-1]) for each in lines])
    weights = np.array([width(each) for each in lines])
    tilt = float((slopes * weights).sum() / max(float(weights.sum()), 1e-9))
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    centres = [turn @ each.mean(axis=0) for each in lines]
    rows: list[list[int]] = []
    for index in sorted(range(len(lines)), key=lambda each: float(centres[each][1])):
        if rows:
            last = rows[-1][0]
            room = 0.5 * min(height(lines[last]), height(lines[index]))
            if centres[index][1] - centres[last][1] < room:
                rows[-1].append(index)
                continue
        rows.append([index])
    return [index for row in rows for index in sorted(row, key=lambda each: float(centres[each][0]))]


def region(corners: Corners, size: tuple[int, int], quarter_turns: int) -> Region:
    """Where a line stands in the picture as it was given.

    Args:
        corners: in pixels of the turned picture.
        size: width and height of the turned picture.
        quarter_turns: how often the picture was turned by 90 degrees against the clock.
    """
    left, top = corners.min(axis=0) / size
    right, bottom = corners.max(axis=0) / size
    box = (float(left), float(top), float(right), float(bottom))
    for _ in range(quarter_turns):  # undo one turn: what was at the right is at the top
        box = (1 - box[3], box[0], 1 - box[1], box[2])
    left, top, right, bottom = (round(min(1.0, max(0.0, value)), 4) for value in box)
    return Region(left=left, top=top, right=right, bottom=bottom)


def _length(step: NDArray[np.float64]) -> float:
    return float((step**2).sum() ** 0.5)
