"""Ask about a scene in the ways people type, and know the right answer.

Every question carries what it is about (`Asked.about`), so that a test can derive the answer again by other means.
Answers are lower-case short phrases; only a description is a sentence.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from assistant_vlm.naming import with_article
from training.scenes import COLOURS, SHAPES, Scene, Thing
from training.wording import Referent, column, described, joined, name, noun, place, row, size_name

CANNOT_TELL: Final = "I can't tell."
CLEAR_GAP: Final = 0.11
"""Centres closer than this fraction of the picture are not asked about as left, right, above or below."""
CLEAR_SIZE: Final = 1.35
"""Sizes with a smaller ratio than this are not compared."""
CLEAR_BORDER: Final = 0.045
"""Centres closer than this to the border of a third of the picture are not asked about as being in it."""


@dataclass(frozen=True)
class Asked:
    """One question with its answer.

    Attributes:
        question: As typed, any case, perhaps with a slip.
        answer: The one right answer.
        kind: A name in `KINDS` or of a data set; scores are reported by it.
        about: What the question is about, for checks by other means.
        captions: Where no one answer is right alone: what people said, which an answer is held against
            (`captions.agrees`).
    """

    question: str
    answer: str
    kind: str
    about: dict[str, str] = field(default_factory=dict[str, str])
    captions: tuple[str, ...] = ()


def _clear(position: float) -> bool:
    """Whether a coordinate lies in one third of the picture for sure."""
    return all(abs(position - border) > CLEAR_BORDER for border in (1 / 3, 2 / 3))


def clearly_placed(thing: Thing) -> bool:
    """Whether a thing is far enough from the borders of the nine places to have one for sure."""
    return _clear(thing.x) and _clear(thing.y)


def some_referent(rng: random.Random, scene: Scene, present: float = 0.5) -> Referent:
    """A referent that is in the scene with probability `present`, else usually a near miss."""
    form = rng.choice(("shape", "colour", "both"))
    colour, shape = rng.choice(list(COLOURS)), rng.choice(SHAPES)
    if scene.things:
        thing, other = rng.choice(scene.things), rng.choice(scene.things)
        if rng.random() < present:
            colour, shape = thing.colour, thing.shape
        elif form == "both":
            colour, shape = rng.choice(((thing.colour, shape), (colour, thing.shape), (thing.colour, other.shape)))
    return Referent(colour if form != "shape" else None, shape if form != "colour" else None)


def _unique_referent(rng: random.Random, scene: Scene, thing: Thing) -> Referent | None:
    forms = [Referent(None, thing.shape), Referent(thing.colour, None), Referent(thing.colour, thing.shape)]
    forms = [ref for ref in forms if len(ref.found_in(scene.things)) == 1]
    return rng.choice(forms) if forms else None


def _two_unique(rng: random.Random, scene: Scene) -> tuple[Thing, Referent, Thing, Referent] | None:
    if len(scene.things) < 2:
        return None
    first, second = rng.sample(scene.things, 2)
    a, b = _unique_referent(rng, scene, first), _unique_referent(rng, scene, second)
    return None if a is None or b is None else (first, a, second, b)


def _colour_word(rng: random.Random) -> str:
    return rng.choice(("colour", "color"))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def ask_count(rng: random.Random, scene: Scene) -> Asked | None:
    """How many there are of something; zero is a fair answer."""
    ref = Referent(None, None) if rng.random() < 0.3 else some_referent(rng, scene, 0.8)
    n = noun(rng, ref, many=True)
    form = rng.choice(
        (
            "how many {n} are there?",
            "how many {n} are there?",
            "how many {n} are in the picture?",
            "how many {n} do you see?",
            "how many {n} can you see in this image?",
            "how many {n}?",
            "count the {n}",
            "number of {n}?",
            "what is the number of {n}?",
            "can you count the {n}?",
        )
    )
    return Asked(form.format(n=n), str(len(ref.found_in(scene.things))), "count", ref.about())


def ask_exists(rng: random.Random, scene: Scene) -> Asked | None:
    """Whether there is one."""
    ref = some_referent(rng, scene, 0.5)
    n = with_article(noun(rng, ref))
    form = rng.choice(
        (
            "is there {n}?",
            "is there {n}?",
            "is there {n} in the picture?",
            "do you see {n}?",
            "can you see {n}?",
            "does the image contain {n}?",
            "does the picture show {n}?",
            "is {n} present?",
            "any {m}?",
            "are there any {m}?",
        )
    )
    return Asked(
        form.format(n=n, m=noun(rng, ref, many=True)), _yes(bool(ref.found_in(scene.things))), "exists", ref.about()
    )


def ask_colour(rng: random.Random, scene: Scene) -> Asked | None:
    """The colour of a shape that is there once, or the honest answer that it is not there."""
    if rng.random() < 0.12:
        missing = [s for s in SHAPES if not Referent(None, s).found_in(scene.things)]
        ref = Referent(None, rng.choice(missing))
        answer = f"There is no {ref.shape}."
    else:
        singles = [t for t in scene.things if len(Referent(None, t.shape).found_in(scene.things)) == 1]
        if not singles:
            return None
        thing = rng.choice(singles)
        ref = Referent(None, thing.shape if len(scene.things) > 1 or rng.random() < 0.7 else None)
        answer = thing.colour
    n, c = noun(rng, ref), _colour_word(rng)
    form = rng.choice(
        (
            "what {c} is the {n}?",
            "what {c} is the {n}?",
            "what is the {c} of the {n}?",
            "which {c} does the {n} have?",
            "what {c} is this {n}?",
            "tell me the {c} of the {n}",
            "{c} of the {n}?",
            "the {n} is what {c}?",
        )
    )
    return Asked(form.format(n=n, c=c), answer, "colour", ref.about())


def ask_shape(rng: random.Random, scene: Scene) -> Asked | None:
    """The shape of the one thing of a colour, or the honest answer that there is none."""
    if rng.random() < 0.12:
        missing = [c for c in COLOURS if not Referent(c, None).found_in(scene.things)]
        ref = Referent(rng.choice(missing), None)
        answer = f"There is no {ref.colour} shape."
    else:
        singles = [t for t in scene.things if len(Referent(t.colour, None).found_in(scene.things)) == 1]
        if not singles:
            return None
        thing = rng.choice(singles)
        ref = Referent(thing.colour if len(scene.things) > 1 or rng.random() < 0.6 else None, None)
        answer = thing.shape
    n = f"{ref.colour or ''} {rng.choice(('thing', 'object', 'one' if ref.colour else 'thing'))}".strip()
    c = ref.colour or ""
    forms = [
        "what shape is the {n}?",
        "what is the shape of the {n}?",
        "which shape does the {n} have?",
        "what shape is this {n}?",
    ]
    forms += (
        [f"what is the {c} shape?", f"what is the {c} thing?", f"what is {c}?", f"which shape is {c}?"]
        if c
        else ["what shape is it?", "what shape is this?", "what shape is shown?"]
    )
    return Asked(rng.choice(forms).format(n=n), answer, "shape", ref.about())


def ask_is_colour(rng: random.Random, scene: Scene) -> Asked | None:
    """Whether the one shape of a kind has a colour."""
    singles = [t for t in scene.things if len(Referent(None, t.shape).found_in(scene.things)) == 1]
    if not singles:
        return None
    thing = rng.choice(singles)
    colour = thing.colour if rng.random() < 0.5 else rng.choice([c for c in COLOURS if c != thing.colour])
    form = rng.choice(("is the {s} {c}?", "is the {s} {c}?", "is the colour of the {s} {c}?", "is this {s} {c}?"))
    about = {"colour": colour, "shape": thing.shape}
    return Asked(form.format(s=thing.shape, c=colour), _yes(colour == thing.colour), "is colour", about)


def ask_where(rng: random.Random, scene: Scene) -> Asked | None:
    """In which ninth of the picture something is."""
    if rng.random() < 0.08:
        missing = [s for s in SHAPES if not Referent(None, s).found_in(scene.things)]
        ref = Referent(None, rng.choice(missing))
        answer = f"There is no {ref.shape}."
    else:
        clear = [t for t in scene.things if clearly_placed(t)]
        if not clear:
            return None
        thing = rng.choice(clear)
        found = _unique_referent(rng, scene, thing)
        if found is None:
            return None
        ref, answer = found, place(thing)
    form = rng.choice(
        (
            "where is the {n}?",
            "where is the {n}?",
            "where is the {n} in the picture?",
            "in which part of the picture is the {n}?",
            "where can i see the {n}?",
            "what is the position of the {n}?",
            "where's the {n}?",
        )
    )
    return Asked(form.format(n=noun(rng, ref)), answer, "where", ref.about())


_RELATION_PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "left": ("left of", "to the left of", "on the left of", "left of"),
    "right": ("right of", "to the right of", "on the right of", "right of"),
    "above": ("above", "higher than", "over", "above"),
    "below": ("below", "lower than", "under", "below"),
}


def holds(relation: str, first: Thing, second: Thing) -> bool | None:
    """Whether `first` is left of (right of, above, below) `second`; None where that is not clear."""
    gap = {
        "left": second.x - first.x,
        "right": first.x - second.x,
        "above": second.y - first.y,
        "below": first.y - second.y,
    }[relation]
    return None if abs(gap) < CLEAR_GAP else gap > 0


def ask_relation(rng: random.Random, scene: Scene) -> Asked | None:
    """Whether one thing is left of, right of, above or below another that is in another third of the picture.

    The answer says in which third each is before it says yes or no. A bare yes or no stayed at chance, because it asks
    for two places and their comparison in a single token; so did places of which the order does not follow.
    """
    pair = _two_unique(rng, scene)
    if pair is None:
        return None
    first, a, second, b = pair
    relation = rng.choice(list(_RELATION_PHRASES))
    across = relation in ("left", "right")
    third = column if across else row
    one_at, two_at = third(first), third(second)
    value = holds(relation, first, second)
    if value is None or one_at == two_at or not all(_clear(t.x if across else t.y) for t in (first, second)):
        return None
    form = rng.choice(
        (
            "is the {a} {r} the {b}?",
            "is the {a} {r} the {b}?",
            "is the {a} {r} the {b}?",
            "the {a} is {r} the {b}, right?",
            "can you see the {a} {r} the {b}?",
        )
    )
    one, two = noun(rng, a), noun(rng, b)
    question = form.format(a=one, b=two, r=rng.choice(_RELATION_PHRASES[relation]))
    answer = f"The {one} is {one_at}, the {two} is {two_at}: {_yes(value)}."
    return Asked(question, answer, "relation", {**a.about("first "), **b.about("second "), "relation": relation})


def ask_neighbour(rng: random.Random, scene: Scene) -> Asked | None:
    """What is left of (right of, above, below) something, when exactly one thing is."""
    if not 2 <= len(scene.things) <= 5:
        return None
    anchor = rng.choice(scene.things)
    ref = _unique_referent(rng, scene, anchor)
    relation = rng.choice(list(_RELATION_PHRASES))
    values = [(holds(relation, t, anchor), t) for t in scene.things if t is not anchor]
    if ref is None or any(v is None for v, _ in values) or sum(v is True for v, _ in values) != 1:
        return None
    found = next(t for v, t in values if v)
    form = rng.choice(
        (
            "what is {r} the {n}?",
            "what is {r} the {n}?",
            "which shape is {r} the {n}?",
            "what can you see {r} the {n}?",
            "what's {r} the {n}?",
        )
    )
    question = form.format(n=noun(rng, ref), r=rng.choice(_RELATION_PHRASES[relation]))
    return Asked(question, with_article(name(found)), "neighbour", {**ref.about(), "relation": relation})


_EXTREMES: Final[dict[str, tuple[str, ...]]] = {
    "left": ("leftmost shape", "shape on the far left", "shape furthest to the left"),
    "right": ("rightmost shape", "shape on the far right", "shape furthest to the right"),
    "above": ("topmost shape", "highest shape", "shape at the very top"),
    "below": ("lowest shape", "bottom shape", "shape at the very bottom"),
}


def ask_extreme(rng: random.Random, scene: Scene) -> Asked | None:
    """What is furthest to a side."""
    if len(scene.things) < 2:
        return None
    relation = rng.choice(list(_EXTREMES))
    firsts = [t for t in scene.things if all(holds(relation, t, o) for o in scene.things if o is not t)]
    if not firsts:
        return None
    form = rng.choice(("what is the {n}?", "which is the {n}?", "what's the {n}?", "name the {n}"))
    question = form.format(n=rng.choice(_EXTREMES[relation]))
    return Asked(question, with_article(name(firsts[0])), "extreme", {"relation": relation})


def ask_size(rng: random.Random, scene: Scene) -> Asked | None:
    """Which of two things is bigger or smaller, or whether one is; the answer says the size of each first."""
    pair = _two_unique(rng, scene)
    if pair is None:
        return None
    first, a, second, b = pair
    sizes = size_name(first), size_name(second)
    if None in sizes or sizes[0] == sizes[1]:
        return None
    big = rng.random() < 0.6
    word = rng.choice(("bigger", "bigger", "larger") if big else ("smaller",))
    value = (first.size > second.size) == big
    na, nb = noun(rng, a), noun(rng, b)
    about = {**a.about("first "), **b.about("second "), "size": "bigger" if big else "smaller"}
    said = f"The {na} is {sizes[0]}, the {nb} is {sizes[1]}"
    if rng.random() < 0.5:
        question = f"is the {na} {word} than the {nb}?"
        return Asked(question, f"{said}: {_yes(value)}.", "size", {**about, "form": "yes/no"})
    form = rng.choice(
        (
            "which is {w}, the {a} or the {b}?",
            "what is {w}, the {a} or the {b}?",
            "which one is {w}: the {a} or the {b}?",
        )
    )
    answer = f"{said}: the {na if value else nb}."
    return Asked(form.format(w=word, a=na, b=nb), answer, "size", {**about, "form": "which"})


def ask_biggest(rng: random.Random, scene: Scene) -> Asked | None:
    """The biggest or the smallest thing."""
    if len(scene.things) < 2:
        return None
    big = rng.random() < 0.5
    ordered = sorted(scene.things, key=lambda t: t.size, reverse=big)
    if max(ordered[0].size, ordered[1].size) < CLEAR_SIZE * min(ordered[0].size, ordered[1].size):
        return None
    word = rng.choice(("biggest", "largest") if big else ("smallest", "tiniest"))
    form = rng.choice(("what is the {w} {h}?", "which {h} is the {w}?", "what's the {w} {h}?", "which is the {w} {h}?"))
    question = form.format(w=word, h=rng.choice(("shape", "thing", "object")))
    return Asked(question, with_article(name(ordered[0])), "biggest", {"size": "bigger" if big else "smaller"})


def ask_more(rng: random.Random, scene: Scene) -> Asked | None:
    """How the numbers of two kinds of things compare; the answer says both numbers first."""
    if len(scene.things) < 2:
        return None
    by_shape = rng.random() < 0.5
    there = sorted({t.shape if by_shape else t.colour for t in scene.things})
    absent = rng.choice(SHAPES) if by_shape else rng.choice(list(COLOURS))
    kinds = there if len(there) > 1 and rng.random() < 0.8 else sorted({*there, absent})
    if len(kinds) < 2:
        return None
    a, b = (Referent(None, kind) if by_shape else Referent(kind, None) for kind in rng.sample(kinds, 2))
    x, y = len(a.found_in(scene.things)), len(b.found_in(scene.things))
    m, n = noun(rng, a, True), noun(rng, b, True)
    true = "more" if x > y else "fewer" if x < y else "as many"
    others = [form for form in ("more", "fewer", "as many") if form != true]
    form = rng.choice((true, true, *others, "which"))
    about = {**a.about("first "), **b.about("second "), "form": form}
    said = f"{m} {x}, {n} {y}"
    if form == "which":
        question = rng.choice((f"are there more {m} or {n}?", f"which are there more of, {m} or {n}?"))
        return Asked(question, f"{said}: {'the same' if x == y else m if x > y else n}.", "more", about)
    question = f"are there {form} {m} {'as' if form == 'as many' else 'than'} {n}?"
    return Asked(question, f"{said}: {_yes(form == true)}.", "more", about)


def ask_read(rng: random.Random, scene: Scene) -> Asked | None:
    """What the drawn text says, in lower case."""
    if scene.word is None:
        if rng.random() > 0.04:
            return None
        return Asked(rng.choice(_READ_FORMS), "There is no text.", "read")
    return Asked(rng.choice(_READ_FORMS), scene.word.text.lower(), "read")


_READ_FORMS: Final = (
    "what does it say?",
    "what does it say?",
    "what does the text say?",
    "what is written here?",
    "what's written in the picture?",
    "what word is this?",
    "read the text",
    "can you read it?",
    "what can you read?",
    "what text is in the image?",
    "please read this",
    "which word or number is shown?",
)


def ask_background(rng: random.Random, scene: Scene) -> Asked | None:
    """The tint of the ground."""
    c = _colour_word(rng)
    form = rng.choice(
        (
            f"what {c} is the background?",
            f"what is the {c} of the background?",
            f"background {c}?",
            f"which {c} does the background have?",
            "what is the background like?",
        )
    )
    return Asked(form, scene.background, "background")


def ask_colours(rng: random.Random, scene: Scene) -> Asked | None:
    """Which colours the shapes have, in the order of `COLOURS`."""
    found = [c for c in COLOURS if any(t.colour == c for t in scene.things)]
    if not 1 <= len(found) <= 3:
        return None
    c = _colour_word(rng)
    form = rng.choice(
        (
            f"what {c}s do you see?",
            f"which {c}s are there?",
            f"what {c}s are the shapes?",
            f"what {c} are the shapes?",
            f"name the {c}s of the shapes",
        )
    )
    return Asked(form, joined(found), "colours")


_DESCRIBE_FORMS: Final = (
    "describe the image",
    "describe the picture",
    "describe this image.",
    "describe this",
    "what's in this picture?",
    "what is in this picture?",
    "what is in the image?",
    "what do you see?",
    "what can you see?",
    "what do you see in this picture?",
    "what does the picture show?",
    "what is shown here?",
    "tell me what you see",
    "caption this image",
    "please describe what is in the picture.",
    "what's this picture about?",
    "what are these?",
    "tell me about this image",
    "what is going on in this picture?",
    "which shapes are there?",
    "what shapes do you see?",
    "what objects are in the image?",
)

_WHAT_FORMS: Final = (
    "what is this?",
    "what is this?",
    "what's this?",
    "what is it?",
    "what is that?",
    "what am i looking at?",
    "do you know what this is?",
    "what is shown?",
    "name this",
    "identify this",
    "what thing is this?",
    "what is the object?",
)


def ask_describe(rng: random.Random, scene: Scene) -> Asked | None:
    """The whole picture in a sentence."""
    if not scene.things and scene.word is None:
        return None
    return Asked(rng.choice(_DESCRIBE_FORMS), described(scene), "describe")


def ask_what(rng: random.Random, scene: Scene) -> Asked | None:
    """What the only thing is; with several things, the description."""
    if not scene.things and scene.word is None:
        return None
    if len(scene.things) == 1 and scene.word is None:
        return Asked(rng.choice(_WHAT_FORMS), with_article(name(scene.things[0])), "what")
    if not scene.things and scene.word is not None:
        kind = "number" if scene.word.text.isdigit() else "word"
        return Asked(rng.choice(_WHAT_FORMS), f"the {kind} {scene.word.text.lower()}", "what")
    return Asked(rng.choice(_WHAT_FORMS), described(scene), "what")


_UNKNOWABLE: Final = (
    "who drew this?",
    "who made this picture?",
    "when was this picture made?",
    "what time is it?",
    "how much does it cost?",
    "what is the name of the artist?",
    "where was this photo taken?",
    "how old is this?",
    "how heavy is it?",
    "what is behind the camera?",
    "what does it smell like?",
    "what happened before?",
    "who owns this?",
    "what will happen next?",
    "is it expensive?",
    "what is the weather like there?",
    "which city is this?",
    "what year is it?",
    "is it warm or cold?",
    "how tall is it in meters?",
    "what is the person's name?",
    "what is she thinking?",
    "why was this drawn?",
    "who is the person in the picture?",
    "what sound does it make?",
)


def ask_unknowable(rng: random.Random, scene: Scene) -> Asked | None:
    """Something that no picture tells."""
    return Asked(rng.choice(_UNKNOWABLE), CANNOT_TELL, "unknowable")


def ask_absent_relation(rng: random.Random, scene: Scene) -> Asked | None:
    """A relation to something that is not there: the honest answer says so."""
    missing = [s for s in SHAPES if not Referent(None, s).found_in(scene.things)]
    if not scene.things or not missing:
        return None
    shape, relation = rng.choice(missing), rng.choice(list(_RELATION_PHRASES))
    phrase = rng.choice(_RELATION_PHRASES[relation])
    question = f"what is {phrase} the {shape}?"
    return Asked(question, f"There is no {shape}.", "neighbour", {"colour": "", "shape": shape, "relation": relation})


Maker = Callable[[random.Random, Scene], Asked | None]

KINDS: Final[dict[str, tuple[Maker, float]]] = {
    "count": (ask_count, 12),
    "exists": (ask_exists, 7),
    "colour": (ask_colour, 7),
    "shape": (ask_shape, 8),
    "is colour": (ask_is_colour, 4),
    "where": (ask_where, 11),
    "relation": (ask_relation, 45),
    "neighbour": (ask_neighbour, 26),
    "extreme": (ask_extreme, 12),
    "size": (ask_size, 40),
    "biggest": (ask_biggest, 14),
    "more": (ask_more, 10),
    "read": (ask_read, 45),
    "background": (ask_background, 3),
    "colours": (ask_colours, 4),
    "describe": (ask_describe, 9),
    "what": (ask_what, 8),
    "unknowable": (ask_unknowable, 1.5),
    "absent relation": (ask_absent_relation, 1.5),
}
"""How a question of each kind is made, and its share of the mix before questions that do not fit are left out."""


def ask(rng: random.Random, scene: Scene, shares: Mapping[str, float] | None = None) -> Asked:
    """One question that fits the scene, its kind drawn by the shares in `KINDS`; `shares` replaces some of them."""
    weights = [(shares or {}).get(kind, share) for kind, (_, share) in KINDS.items()]
    makers = [maker for maker, _ in KINDS.values()]
    for _ in range(200):
        asked = rng.choices(makers, weights)[0](rng, scene)
        if asked is not None:
            return asked
    return Asked("what colour is the background?", scene.background, "background")
