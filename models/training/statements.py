"""Statements about pictures of three boxes, in the style of NLVR's sentences, with exact evaluators.

Each rule makes a sentence, if it can one of the wanted truth, and says whether it holds. Where people read a sentence
in two ways that differ here ("there are two circles" when there are three), it is not used. Rules for towers and for
scattered shapes are told apart, as the corpus' writers did.
"""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from training.boxes import BOX_COLOURS, BOX_SHAPES, Boxes, Item
from training.questions import Asked

Stated = tuple[str, bool, dict[str, str]]
"""A sentence, whether it holds, and what it is about."""
Rule = Callable[[random.Random, Boxes, bool], Stated | None]
_FORMS: Final = ("exactly", "at least", "at most", "plain")
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven")


def _number(rng: random.Random, n: int) -> str:
    return str(n) if rng.random() < 0.4 else _NUMBERS[n]


def _some_kind(rng: random.Random, towers: bool) -> tuple[str, str]:
    """A colour and a shape, of which either may be empty for any."""
    colour = rng.choice(list(BOX_COLOURS)) if rng.random() < 0.8 else ""
    shape = "" if towers or rng.random() < 0.4 else rng.choice(BOX_SHAPES)
    return colour, shape


def _fits(item: Item, colour: str, shape: str) -> bool:
    return colour in ("", item.colour) and shape in ("", item.shape)


def _noun(rng: random.Random, colour: str, shape: str, towers: bool, many: bool) -> str:
    head = shape or ("block" if towers else rng.choice(("item", "item", "object")))
    return f"{colour} {head}{'s' if many else ''}".strip()


def _an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _compare(rng: random.Random, found: int, wanted: bool, forms: tuple[str, ...] = _FORMS) -> tuple[str, int] | None:
    """A comparison with the number that was found, which holds if `wanted`: its form and its number."""
    form = rng.choice(forms)
    if form == "at most":
        n = found + rng.choice((0, 0, 1)) if wanted else found - rng.choice((1, 1, 2))
    elif form == "at least":
        n = found - rng.choice((0, 0, 1)) if wanted else found + rng.choice((1, 1, 2))
    else:  # more than a plain number are not said to be that number, nor clearly not
        off = rng.choice((1, 1, 2, -1) if form == "exactly" else (1, 1, 2))
        n = found if wanted else found + off
    return (form, n) if 1 <= n <= 7 else None


def _are(form: str, n: int, rng: random.Random) -> str:
    words = "" if form == "plain" else f"{form} "
    return f"there {'is' if n == 1 else 'are'} {words}{_number(rng, n)}"


_TOUCHING: Final[dict[str, tuple[str, ...]]] = {
    "": (),
    "wall": ("touching the wall", "touching the edge", "touching any edge", "closely touching a wall of a box"),
    "no wall": ("not touching any edge", "not touching the wall", "not touching the edge"),
    "bottom": ("touching the base", "closely touching the bottom of a box"),
    "right": ("closely touching right wall of a box",),
    "corner": ("touching the corner", "closely touching a corner of a box"),
}


def _touches(item: Item, where: str) -> bool:
    walls = item.walls
    if where in ("bottom", "right"):
        return where in walls
    return {"": True, "wall": bool(walls), "no wall": not walls, "corner": len(walls) > 1}[where]


def count_all(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """How many items of a kind there are in the whole picture."""
    colour, shape = _some_kind(rng, boxes.towers)
    where = "" if boxes.towers or rng.random() < 0.45 else rng.choice(list(_TOUCHING)[1:])
    found = sum(_fits(i, colour, shape) and _touches(i, where) for i in boxes.items)
    compared = _compare(rng, found, wanted)
    if rng.random() < 0.35:
        compared = ("no", 0) if rng.random() < 0.4 else ("some", 1)
        if wanted != ((found == 0) == (compared[0] == "no")):
            return None
    if compared is None:
        return None
    form, n = compared
    noun = _noun(rng, colour, shape, boxes.towers, n > 1)
    start = {"no": f"there is no {noun}", "some": f"there is {_an(noun)}"}.get(form) or f"{_are(form, n, rng)} {noun}"
    about = {"rule": "count", "form": form, "n": str(n), "colour": colour, "shape": shape, "where": where}
    return f"{start} {rng.choice(_TOUCHING[where] or ('',))}".strip(), wanted, about


def box_with(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether some, or every, box holds items of a kind."""
    colour, shape = _some_kind(rng, False)
    counts = [sum(_fits(i, colour, shape) for i in box) for box in boxes.boxes]
    each = rng.random() < 0.3
    compared = _compare(rng, rng.choice(counts), wanted, ("exactly", "at least"))
    if compared is None:
        return None
    form, n = compared
    holds = (all if each else any)(c == n if form == "exactly" else c >= n for c in counts)
    noun = f"{form} {_number(rng, n)} {_noun(rng, colour, shape, False, n > 1)}"
    start = (
        rng.choice(("each box has", "each grey box contains"))
        if each
        else rng.choice(("there is a box with", "there is a box that has", "one of the grey box has"))
    )
    if start.startswith("one of") and sum(c == n if form == "exactly" else c >= n for c in counts) > 1:
        return None
    about = {"rule": "box", "form": form, "n": str(n), "colour": colour, "shape": shape, "each": "yes" if each else ""}
    return f"{start} {noun}", holds, about


def box_with_both(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether a box holds two kinds of items at once."""
    first, second = _some_kind(rng, False), _some_kind(rng, False)
    if first == second or not (first[0] or first[1]) or not (second[0] or second[1]):
        return None
    # `a blue item and a circle` may be read as one thing
    if any(a == "" or b == "" for a, b in zip(first, second, strict=True)):
        return None
    holds = any(any(_fits(i, *first) for i in box) and any(_fits(i, *second) for i in box) for box in boxes.boxes)
    nouns = [_an(_noun(rng, *kind, False, False)) for kind in (first, second)]
    about = {"rule": "both", "first": " ".join(first), "second": " ".join(second)}
    return f"there is a box with {nouns[0]} and {nouns[1]}", holds, about


def box_colours(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether a box (or tower) has items of just these colours, or of all three."""
    sets = [frozenset(i.colour for i in box) for box in boxes.boxes]
    thing = "tower" if boxes.towers else "box"
    things = "blocks" if boxes.towers else "items"
    colours = rng.sample(list(BOX_COLOURS), rng.choice((1, 1, 2, 2, 3)))
    about = {"rule": "colours", "colours": " ".join(sorted(colours))}
    if len(colours) == 3:
        if boxes.towers:
            return "there is a tower with blocks of three different colors", any(len(s) == 3 for s in sets), about
        return "there is a box with items of all 3 different colors", any(len(s) == 3 for s in sets), about
    holds = frozenset(colours) in sets
    if len(colours) == 2 and not holds and any(s < frozenset(colours) for s in sets):
        return None  # `only black and blue` may be said of a box with black items alone
    return f"there is a {thing} with only {' and '.join(colours)} {things}", holds, about


def box_size(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether a box has so many items."""
    counts = [len(box) for box in boxes.boxes]
    compared = _compare(rng, rng.choice(counts), wanted, ("exactly", "at least"))
    if compared is None or compared == ("at least", 1):
        return None  # no box is empty
    form, n = compared
    holds = any(c == n if form == "exactly" else c >= n for c in counts)
    noun = _noun(rng, "", "", boxes.towers, n > 1)
    thing = "tower" if boxes.towers else "box"
    about = {"rule": "size", "form": form, "n": str(n)}
    return f"there is a {thing} with {form} {_number(rng, n)} {noun}", holds, about


def tower_end(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """How many towers have a colour at the top or the base."""
    colour, end = rng.choice(list(BOX_COLOURS)), rng.choice(("top", "base"))
    found = sum(box[-1 if end == "top" else 0].colour == colour for box in boxes.boxes)
    compared = _compare(rng, found, wanted, ("exactly", "at least"))
    if compared is None or compared[1] > 3:
        return None
    form, n = compared
    about = {"rule": "end", "colour": colour, "end": end, "form": form, "n": str(n)}
    if form == "at least" and n == 1:
        start = rng.choice(("there is a tower with", "there is at least one tower with"))
    else:
        start = f"{_are(form, n, rng)} tower{'s' if n > 1 else ''} with"
    return f"{start} a {colour} block at the {end}", wanted, about


def tower_of_height(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """What the one tower of a height has at its top or base."""
    heights = [len(box) for box in boxes.boxes]
    single = [h for h in heights if heights.count(h) == 1]
    if not single:
        return None
    height, end = rng.choice(single), rng.choice(("top", "base"))
    colour = rng.choice(list(BOX_COLOURS))
    found = boxes.boxes[heights.index(height)][-1 if end == "top" else 0].colour
    number = _number(rng, height)
    text = rng.choice(
        (
            "the tower with {n} block{s} has a {c} block at the {e}",
            "there is a tower with exactly {n} block{s} with a {c} block at the {e}",
            "the {e} of the tower with {n} block{s} is {c}",
        )
    ).format(n=number, s="s" if height > 1 else "", c=colour, e=end)
    about = {"rule": "height", "n": str(height), "end": end, "colour": colour}
    return text, found == colour, about


def block_over(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether a block of one colour lies on one of another colour."""
    upper, lower = rng.choice(list(BOX_COLOURS)), rng.choice(list(BOX_COLOURS))
    pairs = {(b.colour, a.colour) for box in boxes.boxes for a, b in pairwise(box)}
    above = {(b.colour, a.colour) for box in boxes.boxes for i, a in enumerate(box) for b in box[i + 1 :]}
    holds = (upper, lower) in pairs
    if not holds and (upper, lower) in above:
        return None  # above, but not next to it: people differ
    form = rng.choice(
        (
            "there is a {u} block over a {l} block",
            "there is a {u} block on a {l} block",
            "there is a {u} block above a {l} block",
            "there is a tower with a {u} block over a {l} block",
        )
    )
    about = {"rule": "over", "upper": upper, "lower": lower}
    return form.format(u=upper, l=lower), holds, about


def two_same_height(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether two towers are equally high."""
    heights = {len(box) for box in boxes.boxes}
    return "there are at least two towers with the same height", len(heights) < 3, {"rule": "two same height"}


def all_same_height(rng: random.Random, boxes: Boxes, wanted: bool) -> Stated | None:
    """Whether all towers are equally high."""
    heights = {len(box) for box in boxes.boxes}
    return "all towers have the same height", len(heights) == 1, {"rule": "all same height"}


RULES: Final[dict[bool, tuple[tuple[Rule, float], ...]]] = {
    True: (
        (tower_end, 0.5),
        (tower_end, 0.5),
        (tower_of_height, 0.5),
        (block_over, 0.5),
        (block_over, 0.5),
        (count_all, 0.5),
        (box_size, 0.5),
        (box_colours, 0.5),
        (two_same_height, 0.35),
        (all_same_height, 0.82),
    ),
    False: (
        (count_all, 0.5),
        (count_all, 0.5),
        (count_all, 0.5),
        (box_with, 0.5),
        (box_with_both, 0.65),
        (box_colours, 0.5),
        (box_size, 0.5),
    ),
}
"""Rules for towers and for scattered shapes, each with the chance that a true sentence is wanted.

It is not one half where pictures of which such a sentence is true (or false) are rare.
"""


def state(rng: random.Random, boxes: Boxes) -> Asked | None:
    """A statement about the picture; None where the rule that was drawn has none of the wanted truth.

    Rule and truth are drawn apart, lest a rule's words alone give away the answer.
    """
    rule, chance = rng.choice(RULES[boxes.towers])
    wanted = rng.random() < chance
    for _ in range(15):
        stated = rule(rng, boxes, wanted)
        if stated is not None and stated[1] == wanted:
            return Asked(stated[0], "true" if wanted else "false", "statement", stated[2])
    return None
