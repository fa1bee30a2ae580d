"""Questions about the pictures of the data sets.

Groceries have two names: `product` in the question asks for the exact one (`a granny smith`), every other question for
the wider one (`an apple`).
"""

import random
from typing import Final

from assistant_vlm.naming import NAMING_QUESTIONS, PRODUCT_QUESTIONS, phrase
from training.datasets import Row, VisionData
from training.questions import Asked, ask_unknowable
from training.scenes import Scene
from training.wording import typed

NAMING_SETS: Final = frozenset(("emoji", "icons"))
DIGIT_SETS: Final = frozenset(("mnist", "signdigits"))
LABEL_SETS: Final = frozenset(
    ("caltech101", "grocery", "clothing", "tinyimagenet", "cifar10", "pacs", "scenes15", *NAMING_SETS, *DIGIT_SETS)
)

_GENERIC: Final = (*("what is this?",) * 4, *NAMING_QUESTIONS)
_PHOTO: Final = (
    "what kind of thing is this?",
    "what animal or thing is this?",
    "which thing is in the photo?",
    "what is in this photo?",
    "what is in the photo?",
    "what does the photo show?",
)
_OWN: Final[dict[str, tuple[str, ...]]] = {
    "grocery": (
        "what food is this?",
        "which fruit or vegetable is this?",
        "what am i buying?",
        "what is sold here?",
        "what kind of food is this?",
    ),
    "clothing": (
        "what clothing is this?",
        "what piece of clothing is this?",
        "which garment is this?",
        "what kind of clothes is this?",
        "what is this garment?",
    ),
    "mnist": (
        "what digit is this?",
        "which digit is this?",
        "what number is this?",
        "what digit is shown?",
        "what does it say?",
        "which number do you see?",
        "read the digit",
        "what number is written here?",
    ),
    "signdigits": (
        "which number does the hand show?",
        "what digit does the hand show?",
        "which digit is this?",
        "what number is this?",
        "how many does the hand sign say?",
        "which digit is signed?",
        "what does the hand sign mean?",
    ),
    "emoji": (
        "what emoji is this?",
        "which emoji is this?",
        "what does this emoji show?",
        "name this emoji",
        "what is this emoji called?",
        "what symbol is this?",
    ),
    "icons": (
        "what icon is this?",
        "which icon is this?",
        "what does this icon show?",
        "name this icon",
        "what is this icon called?",
        "what symbol is this?",
    ),
    "scenes15": (
        "what kind of place is this?",
        "what place is this?",
        "what scene is this?",
        "where was this taken?",
        "which kind of scene does the photo show?",
    ),
}
_YES_NO: Final = (
    "is this {t}?",
    "is it {t}?",
    "does the picture show {t}?",
    "is there {t} in the picture?",
    "do you see {t}?",
)
_CAPTION: Final = (
    "describe the picture.",
    "describe the picture.",
    "describe the picture",
    "describe the image",
    "describe this photo",
    "what is going on in this picture?",
    "what is happening here?",
    "caption this image",
    "what do you see?",
    "what is in the picture?",
    "tell me what you see",
    "what does the picture show?",
    "please describe what is in the picture.",
)
_STATEMENT: Final = (
    "{s}",
    "{s}.",
    "true or false: {s}",
    "is it true that {s}?",
    "{s}. true or false?",
)


def said(set_name: str, label: str) -> str:
    """How an answer about a picture of a set names a label."""
    return phrase(label, "naming" if set_name in NAMING_SETS else "label")


def as_stated(rng: random.Random, statement: str) -> str:
    """A statement to be judged true or false, as people put it."""
    return rng.choice(_STATEMENT).format(s=statement.strip().rstrip(". "))


def ask_row(rng: random.Random, row: Row, data: VisionData) -> Asked:
    """One question about a row's picture; `data` has the other class names, for wrong guesses."""
    if row.set == "nlvr":
        statement, answer = row.qa[0]
        return Asked(as_stated(rng, statement), answer, row.set)
    if row.qa and (row.set not in LABEL_SETS or rng.random() < 0.15):
        question, answer = rng.choice(row.qa)
        return Asked(typed(rng, question), answer, row.set)
    if row.captions:
        question = typed(rng, rng.choice(_CAPTION))
        return Asked(question, rng.choice(row.captions), row.set, captions=row.captions)
    return _ask_label(rng, row, data)


def _ask_label(rng: random.Random, row: Row, data: VisionData) -> Asked:
    exact = row.set == "grocery" and rng.random() < 0.4
    label = row.label if exact or not row.coarse else row.coarse
    kind = "grocery product" if exact else row.set
    if rng.random() < (0.05 if row.set in NAMING_SETS else 0.2):
        names = data.coarse["grocery"] if row.coarse and not exact else data.labels[row.set]
        other = label if rng.random() < 0.5 else rng.choice(names)
        named = f"the digit {other}" if row.set in DIGIT_SETS else said(row.set, other)
        form = "is this product {t}?" if exact else rng.choice(_YES_NO)
        return Asked(typed(rng, form.format(t=named)), "yes" if other == label else "no", f"{kind} yes/no")
    own = PRODUCT_QUESTIONS if exact else _OWN.get(row.set, _PHOTO)
    forms = own if exact or rng.random() < 0.4 else _GENERIC
    return Asked(typed(rng, rng.choice(forms)), said(row.set, label), kind)


def ask_beyond(rng: random.Random) -> Asked:
    """Something that no picture tells, about a picture of any kind."""
    asked = ask_unknowable(rng, Scene((), "white"))
    assert asked is not None
    return Asked(typed(rng, asked.question), asked.answer, asked.kind)
