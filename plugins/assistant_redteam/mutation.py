"""What a mutator is: a small, named way to say a request differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

Family = Literal["wording", "spelling", "encoding", "splitting", "framing", "language", "picture"]

TRIES = 4
"""How often a mutator is asked for each wanted mutant before it is taken to have no more."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A request said differently.

    ``changes`` are the words that were put in place of others, as (before, after), where the mutator does that; out of
    them new terms for a rule can be drawn. ``picture`` is a PNG file that comes with the text.
    """

    text: str
    changes: tuple[tuple[str, str], ...] = ()
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mutator:
    """One way to say a request differently.

    Attributes:
        name: how reports call it.
        family: what kind of way it is.
        keeps_meaning: whether a person who knows the trick reads the same request out of the mutant. Where not, a
            mutant that passes may be harmless, and it does not count in the headline.
        about: what it does, in a sentence.
        make: gets the request and a source of chance; ``None`` where this request offers nothing to change.
        innocent: whether an allowed request that is said so should still be allowed. Where not, the frame is itself an
            attempt to get around the rules, and refusing it is no false alarm.
        needs_reader: the mutant is a picture with text, and means nothing unless somebody reads pictures.
    """

    name: str
    family: Family
    keeps_meaning: bool
    about: str
    make: Callable[[str, Random], Mutant | None]
    innocent: bool = True
    needs_reader: bool = False


def mutate(mutator: Mutator, text: str, *, seed: int, count: int) -> list[Mutant]:
    """At most ``count`` different mutants of a text, always the same ones for the same seed."""
    found: list[Mutant] = []
    for number in range(count * TRIES):
        mutant = mutator.make(text, Random(f"{seed}\n{mutator.name}\n{number}\n{text}"))
        if mutant is None or len(found) == count:
            break
        if mutant not in found and (mutant.picture or mutant.text != text):
            found.append(mutant)
    return found
