"""Places in pictures as people and programs write them: percent of the picture's width and height."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assistant.errors import InputError
from assistant.verdicts import Region

_HINT = "As in 10,20,40,50: the left, top, right and bottom edge, each from 0 to 100."


def place_of(edges: Sequence[float], image: int = 0) -> Region:
    """A place from its edges.

    Args:
        edges: left, top, right and bottom, in percent of the picture.
        image: the number of the picture, from 0.

    Raises:
        InputError: these are not the four edges of a place.
    """
    written = ",".join(f"{each:g}" for each in edges)
    if len(edges) != 4:
        raise InputError(f"A place has four edges; {len(edges)} came ({written}).", hint=_HINT)
    if not all(math.isfinite(each) and 0 <= each <= 100 for each in edges):
        raise InputError(f"The edges of a place are from 0 to 100 percent; came {written}.", hint=_HINT)
    left, top, right, bottom = (each / 100 for each in edges)
    if left >= right or top >= bottom:
        raise InputError(f"The right edge is right of the left one, the bottom below the top; came {written}.")
    return Region(image=image, left=left, top=top, right=right, bottom=bottom)


def read_place(text: str) -> Region:
    """A place as it is typed: ``10,20,40,50``, or ``2:10,20,40,50`` in the second picture.

    Raises:
        InputError: this is no place.
    """
    number, colon, edges = text.rpartition(":")
    try:
        image = int(number) if colon else 1
        found = [float(each) for each in edges.split(",")]
    except ValueError as error:
        raise InputError(f"{text!r} is no place.", hint=_HINT) from error
    if image < 1:
        raise InputError(f"The first picture has the number 1; came {image}.", hint=_HINT)
    return place_of(found, image - 1)
