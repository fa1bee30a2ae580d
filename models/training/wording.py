"""Words for what a scene shows, and the ways people type."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

from assistant_vlm.naming import with_article
from training.scenes import COLOURS, SHAPES, SIZES, Scene, Thing

NUMBER_WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
_COLOUR_ORDER: Final = {colour: i for i, colour in enumerate(COLOURS)}


@dataclass(frozen=True)
class Referent:
    """What a noun phrase points to: a shape, a colour, or both (None: any)."""

    colour: str | None
    shape: str | None

    def found_in(self, things: tuple[Thing, ...]) -> list[Thing]:
        """The things of a scene it fits."""
        return [t for t in things if self.colour in (None, t.colour) and self.shape in (None, t.shape)]

    def about(self, prefix: str = "") -> dict[str, str]:
        """As entries of `Asked.about`; an empty text means any."""
        return {f"{prefix}colour": self.colour or "", f"{prefix}shape": self.shape or ""}


def plural(shape: str) -> str:
    """`cross` -> `crosses`."""
    return shape + ("es" if shape.endswith("s") else "s")


def noun(rng: random.Random, ref: Referent, many: bool = False) -> str:
    """`red circle`, `circles`, `red thing`, `shapes`, as a person might say it."""
    head = ref.shape or rng.choice(
        ("shape", "shape", "shape", "thing", "object", "one" if ref.colour and not many else "shape")
    )
    head = plural(head) if many else head
    return f"{ref.colour} {head}" if ref.colour else head


def name(thing: Thing) -> str:
    """`red circle`."""
    return f"{thing.colour} {thing.shape}"


def joined(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def column(thing: Thing) -> str:
    """In which third from left to right it is: `left`, `center` or `right`."""
    return ("left", "center", "right")[min(2, int(thing.x * 3))]


def row(thing: Thing) -> str:
    """In which third from top to bottom it is: `top`, `middle` or `bottom`."""
    return ("top", "middle", "bottom")[min(2, int(thing.y * 3))]


def place(thing: Thing) -> str:
    """One of nine places: `top left`, `top`, ..., `center`, ..., `bottom right`."""
    parts = [word for word in (row(thing), column(thing)) if word not in ("middle", "center")]
    return " ".join(parts) or "center"


def size_name(thing: Thing) -> str | None:
    """`small`, `medium` or `big`; None where it lies between."""
    return next((word for word, (low, high) in SIZES.items() if low <= thing.size <= high), None)


def typed(rng: random.Random, question: str) -> str:
    """The question as people type it: sometimes a capital letter, no question mark, a greeting, a slip."""
    if rng.random() < 0.3:
        question = question.rstrip("?.")
    if rng.random() < 0.04:
        question = rng.choice(("please ", "hi, ", "ok, ", "so ", "hey ", "tell me, ", "now ", "and ")) + question
    elif rng.random() < 0.03:
        question = question.rstrip("?.") + rng.choice(
            (" please", " in this picture?", " here?", " in the image?", "??", " ?")
        )
    if rng.random() < 0.06 and len(question) > 6:
        question = _slip(rng, question)
    style = rng.random()
    return question.capitalize() if style < 0.45 else question.upper() if style < 0.47 else question


def _slip(rng: random.Random, text: str) -> str:
    """One letter left out, doubled, or exchanged with the next; digits stay, for they carry the question."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    return rng.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at] + text[at:],
        )
    )


def _grouped(counts: Counter[str]) -> list[str]:
    """`["two red circles", "a star"]`, in the counter's order."""
    return [
        with_article(key) if number == 1 else f"{NUMBER_WORDS[number]} {plural(key)}" for key, number in counts.items()
    ]


def _in_order(things: tuple[Thing, ...]) -> list[Thing]:
    """By colour, then by shape, in the order of `COLOURS` and `SHAPES`: one right order for every scene."""
    return sorted(things, key=lambda t: (_COLOUR_ORDER[t.colour], SHAPES.index(t.shape)))


def described(scene: Scene) -> str:
    """The one description of a scene: groups of like things, by colour and then shape.

    More than three groups are told by shape alone, and where these are more than three too, only how many things there
    are: a list of six things is rarely read, and rarely right.
    """
    parts: list[str] = []
    if things := _in_order(scene.things):
        names = Counter(name(t) for t in things)
        shapes = Counter(t.shape for t in sorted(things, key=lambda t: SHAPES.index(t.shape)))
        if len(names) <= 3:
            groups = _grouped(names)
            verb = "is" if groups[0].startswith(("a ", "an ")) else "are"
            parts.append(f"There {verb} {joined(groups)}.")
        elif len(shapes) <= 3:
            parts.append(f"There are {NUMBER_WORDS[len(things)]} shapes: {joined(_grouped(shapes))}.")
        else:
            parts.append(f"There are {NUMBER_WORDS[len(things)]} shapes.")
    if scene.word is not None:
        parts.append(f"It says {scene.word.text.lower()}.")
    return " ".join(parts)
