"""Words for what a scene shows, and the ways people type."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

from assistant_vlm.naming import with_article
from training.scenes import Scene, Thing

NUMBER_WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


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


def place(thing: Thing) -> str:
    """One of nine places: `top left`, `top`, ..., `center`, ..., `bottom right`."""
    row = ("top", "", "bottom")[min(2, int(thing.y * 3))]
    col = ("left", "", "right")[min(2, int(thing.x * 3))]
    return f"{row} {col}".strip() or "center"


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
    at = rng.randrange(1, len(text) - 2)
    return rng.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at] + text[at:],
        )
    )


def _grouped(keys: list[str]) -> list[str]:
    """`["two red circles", "a star"]`: most frequent first, then as first met."""
    counts = Counter(keys)
    groups: list[str] = []
    for key, number in sorted(counts.items(), key=lambda item: (-item[1], keys.index(item[0]))):
        groups.append(with_article(key) if number == 1 else f"{NUMBER_WORDS[number]} {plural(key)}")
    return groups


def described(scene: Scene) -> str:
    """The one description of a scene: groups of like things, most frequent first, then from left to right."""
    things = sorted(scene.things, key=lambda t: t.x)
    parts: list[str] = []
    if things:
        names = [name(t) for t in things]
        if len(set(names)) <= 4:
            head, groups = "", names
        else:
            head, groups = f"{NUMBER_WORDS[len(names)]} shapes", [t.shape for t in things]
        listed = joined(_grouped(groups)) if not head or len(set(groups)) <= 4 else ""
        verb = "are" if head or (len(things) > 1 and Counter(groups).most_common(1)[0][1] > 1) else "is"
        parts.append(f"There {verb} {': '.join(p for p in (head, listed) if p)}.")
    if scene.word is not None:
        parts.append(f"It says {scene.word.text.lower()}.")
    return " ".join(parts)
