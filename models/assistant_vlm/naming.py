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
_SOUNDS_LIKE_A_VOWEL: Final = re.compile(r"(?!eu|ew|uni(?!n)|uk|us|one\b|once)[aeiou]|hour|heir|honest")


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
