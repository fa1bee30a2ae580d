"""How an answer names a class: from a data set's label to the words of the answer.

Training answers with these words, and evaluation compares with them, so both must come from here.
"""

import re
from typing import Final, Literal

NO_ARTICLE: Final = frozenset(
    (
        "asparagus", "binoculars", "brass", "carrots", "confectionery", "garlic", "ginger", "guacamole", "juice",
        "mashed potato", "milk", "oatghurt", "outwear", "pants", "satsumas", "scissors", "shoes", "shorts", "soyghurt",
        "sour cream", "sunglasses", "swimming trunks", "thatch", "tropicana golden grapefruit",
        "tropicana juice smooth", "tropicana mandarin morning", "yoghurt", "industrial", "inside city",
        "open country", "seashore",
    )
)  # fmt: skip
"""Labels, or last words of labels, that stand without an article."""
NAMING_QUESTIONS: Final = (
    "what is this?",
    "what's this?",
    "what is in the picture?",
    "what's in this picture?",
    "what is in the image?",
    "what do you see?",
    "what is shown here?",
    "what is shown?",
    "what does the picture show?",
    "what is it?",
    "name this",
    "what object is this?",
    "which object is shown?",
    "identify this",
    "what am i looking at?",
    "what can you see?",
)
"""What asks for the name of a picture as a whole."""
PRODUCT_QUESTIONS: Final = (
    "what product is this?",
    "which product is it exactly?",
    "which product is this?",
    "what is the name of the product?",
    "name the product",
    "what product is this exactly?",
)
"""The same of a product on a shelf, whose kind is asked for with `NAMING_QUESTIONS`."""
_SOUNDS_LIKE_A_VOWEL: Final = re.compile(r"(?!eu|ew|uni(?!n)|uk|us|one\b|once)[aeiou]|hour|heir|honest")


def asks_for_a_name(question: str) -> bool:
    """Whether a question asks for nothing but the name of what a picture shows."""
    return _bare(question) in _NAMING


def _bare(question: str) -> str:
    return " ".join(question.lower().split()).rstrip(" ?.!")


_NAMING: Final = frozenset(_bare(question) for question in (*NAMING_QUESTIONS, *PRODUCT_QUESTIONS))


def clean(label: str) -> str:
    """A label as words: lower case, `_` as a space, single spaces."""
    return " ".join(label.replace("_", " ").lower().split())


def with_article(noun: str) -> str:
    """`orange star` -> `an orange star`."""
    return ("an " if _SOUNDS_LIKE_A_VOWEL.match(noun) else "a ") + noun


def phrase(label: str, task: Literal["label", "naming"] = "label") -> str:
    """How an answer names a class.

    Args:
        label: The label as the data set has it.
        task: `label` for classes of things (`a butterfly`, `juice`, `7`), `naming` for proper names of signs such
            as emoji and icons, which stay as they are (`grinning face`).
    """
    words = clean(label)
    if task == "naming" or not words or words.isdigit():
        return words
    bare = words in NO_ARTICLE or any(words.endswith(f" {word}") for word in NO_ARTICLE)
    return words if bare else with_article(words)
