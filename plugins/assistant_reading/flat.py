"""A look that costs almost nothing: pictures without any fine change cannot hold writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 512
"""The longer side at which is looked, in pixels."""
STEP = 6
"""From one pixel to the next, of 255: below it nobody can read a stroke."""


def is_flat(image: Image) -> bool:
    """Whether a picture is one plain surface or a soft shade, with no line or edge at all.

    Args:
        image: in RGB.
    """
    import numpy as np

    grey = image.convert("L")
    longer = max(grey.size)
    if longer > SIDE:
        grey = grey.reduce(-(-longer // SIDE))
    levels = np.asarray(grey, dtype=np.int16)
    across = np.abs(np.diff(levels, axis=1)).max(initial=0)
    down = np.abs(np.diff(levels, axis=0)).max(initial=0)
    return bool(max(across, down) < STEP)
