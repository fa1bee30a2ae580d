"""What a visualizer answers when a person asks where a word came from."""

from __future__ import annotations

from assistant.verdicts import Frozen, Region


class HeatMap(Frozen):
    """Weights over picture number ``image`` (from 0): ``rows`` x ``cols`` cells that tile the picture exactly.

    ``weights[row][col]`` is in [0, 1] and all of them sum to 1.
    """

    image: int
    weights: tuple[tuple[float, ...], ...]


class Explanation(Frozen):
    """One way to look at one word. ``text`` says the same as the map or the boxes, for whoever cannot see them.

    ``regions`` are boxes to draw on their pictures, where the word has a place and not a map. ``caveat`` says what the
    method does not show.
    """

    method: str
    title: str
    word: str
    heat_map: HeatMap | None = None
    regions: tuple[Region, ...] = ()
    text: str
    caveat: str = ""
