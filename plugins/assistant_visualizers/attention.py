"""The cross-attention of a word: how the model's looking was spread over the picture while it wrote the word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant import hookimpl
from assistant.backends import ModelTrace
from assistant.explanations import Explanation, HeatMap
from assistant.messages import TurnRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAVEAT = (
    "Attention shows where the model looked while it wrote the word. It does not show why it chose the word: what it "
    "looked at need not be what decided."
)
SHARE = 0.4
"""The text counts the fewest cells that hold at least this share of the attention."""
EVEN = 0.3
"""Where `SHARE` of the attention takes at least this share of the cells, the map counts as evenly spread. On a map that
is exactly even it takes `SHARE` of the cells."""
WORTH_SAYING = 0.05
"""Attention without a place is mentioned from this share on."""

_ROWS = ("upper", "middle", "lower")
_COLS = ("left", "centre", "right")


@hookimpl(phase="observe")
def explain_word(record: TurnRecord, trace: ModelTrace, word: int) -> Explanation | None:
    """Show the attention of one word over its picture.

    Args:
        record: the turn.
        trace: the model's account of the answer.
        word: the index of the word in ``trace.words``.

    Returns:
        The mean over the word's tokens, the layers and the heads, as a map that sums to 1, and the same in a sentence;
        ``None`` where the model gave no attention for this word.
    """
    if not 0 <= word < len(trace.words):
        return None
    chosen = trace.words[word]
    if not 0 <= chosen.image < len(trace.cross_attention):
        return None
    weights = attention_map(trace.cross_attention[chosen.image], chosen.first, chosen.last)
    if weights is None:
        return None
    rows = tuple(tuple(float(cell) for cell in row) for row in weights)
    pictures = len(record.turn.images)
    rest = share_without_place(trace.cross_attention[chosen.image], chosen.first, chosen.last)
    aside = f" Of all its attention, {percent(rest)} went to the picture as a whole." if rest >= WORTH_SAYING else ""
    return Explanation(
        method="attention",
        title="Where the model looked",
        word=chosen.text,
        heat_map=HeatMap(image=chosen.image, weights=rows),
        text=describe(weights, chosen.text, picture=chosen.image if pictures > 1 else None) + aside,
        caveat=CAVEAT,
    )


def attention_map(attention: NDArray[np.float32], first: int, last: int) -> NDArray[np.float64] | None:
    """Average the attention of some tokens.

    Args:
        attention: axes [tokens, layers, heads, rows, cols], not negative.
        first: the first token.
        last: the last token, inclusive.

    Returns:
        Axes [rows, cols], in [0, 1], with the sum 1; ``None`` where there is no such token or nothing to average.
    """
    import numpy as np

    chosen = attention[max(first, 0) : last + 1].astype(np.float64)
    if chosen.ndim != 5 or chosen.size == 0:
        return None
    per_token = chosen.mean(axis=(1, 2))
    weights = per_token.mean(axis=0)
    total = float(weights.sum())
    if not np.isfinite(total) or total <= 0 or float(weights.min()) < 0:
        return None
    return weights / total


def share_without_place(attention: NDArray[np.float32], first: int, last: int) -> float:
    """How much of the attention of some tokens went to no cell.

    Args:
        attention: axes [tokens, layers, heads, rows, cols], not negative, the cells of each head summing to at most 1.
        first: the first token.
        last: the last token, inclusive.

    Returns:
        The mean over tokens, layers and heads, in [0, 1].
    """
    chosen = attention[max(first, 0) : last + 1]
    return min(1.0, max(0.0, 1 - float(chosen.sum(axis=(3, 4)).mean())))


def describe(weights: NDArray[np.float64], word: str, *, picture: int | None = None) -> str:
    """Say in words what a map shows.

    Args:
        weights: axes [rows, cols], with the sum 1.
        word: the word that the map belongs to.
        picture: its number from 0 where there are several; ``None`` for the only one.

    Returns:
        A sentence that names the part of the picture in a grid of three by three, and counts the cells that hold most;
        or one that says that the attention is spread evenly.
    """
    import numpy as np

    rows, cols = weights.shape
    cells = weights.size
    name = "the picture" if picture is None else f"picture {picture + 1}"
    flat = weights.ravel()
    order = np.argsort(-flat, kind="stable")
    running = np.cumsum(flat[order])
    count = min(int(np.searchsorted(running, SHARE - 1e-9)) + 1, cells)
    if cells == 1 or count >= EVEN * cells:
        densest = float(flat.max())
        return (
            f"When it wrote “{word}”, the model spread its attention almost evenly over {name}: no cell of {cells} "
            f"got more than {percent(densest)}."
        )
    held = float(running[count - 1])
    thirds = np.zeros((3, 3))
    for index in order[:count]:
        row, col = divmod(int(index), cols)
        thirds[min(3 * row // rows, 2), min(3 * col // cols, 2)] += flat[index]
    row, col = divmod(int(thirds.argmax()), 3)
    place = "centre" if row == col == 1 else f"{_ROWS[row]} {_COLS[col]}"
    return (
        f"When it wrote “{word}”, the model looked most at the {place} of {name}: {percent(held)} of its attention "
        f"fell on {count} of {cells} cells."
    )


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage; below 1 % with one digit after the point."""
    return f"{share:.1%}".replace("%", " %") if share < 0.01 else f"{share:.0%}".replace("%", " %")
