"""What a visualizer answers when a person asks where a word came from."""

from __future__ import annotations

from assistant.verdicts import Frozen


class HeatMap(Frozen):
    """Weights over picture number ``image`` (from 0): ``rows`` x ``cols`` cells that tile the picture exactly.

    ``weights[row][col]`` is in [0, 1] and all of them sum to 1.
    """

    image: int
    weights: tuple[tuple[float, ...], ...]


class Explanation(Frozen):
    """One way to look at one word. ``text`` says the same as the map, for whoever cannot see it.

    ``caveat`` says what the method does not show.
    """

    method: str
    title: str
    word: str
    heat_map: HeatMap | None = None
    text: str
    caveat: str = ""
