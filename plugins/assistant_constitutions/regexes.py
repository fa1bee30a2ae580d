"""Regular expressions that can take for ever. Our evaluators accept no expressions; somebody else's may."""

from __future__ import annotations

import re
import warnings
from typing import Any

MAX_LENGTH = 2_000
_MANY = 16
"""A repetition of up to this many counts as short."""


def catastrophe(expression: str) -> str:
    """Why an expression must not be used; empty where nothing is known against it.

    A repetition inside a repetition, or one over branches that begin alike, makes the engine of Python try every way of
    sharing out a text, which are exponentially many. Atomic groups and possessive repetitions are safe.
    """
    if len(expression) > MAX_LENGTH:
        return f"has {len(expression):,} characters, more than {MAX_LENGTH:,}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The parser of the standard library, under the name that it has kept for years.
            tree: Any = re._parser.parse(expression)  # type: ignore[attr-defined]  # pyright: ignore
    except (re.error, RecursionError, OverflowError) as error:
        return f"cannot be read ({error})"
    return _walk(tree, inside=False)


def _walk(tree: Any, *, inside: bool) -> str:
    for operation, argument in tree:
        name = str(operation)
        if name in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT"):
            continue
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = argument
            many = int(most) > _MANY
            if many and inside:
                return "repeats a repetition, which can take for ever"
            if many and _branches_alike(body):
                return "repeats branches that begin alike, which can take for ever"
            found = _walk(body, inside=inside or many)
        elif name == "BRANCH":
            found = next(filter(None, (_walk(branch, inside=inside) for branch in argument[1])), "")
        elif name == "SUBPATTERN":
            found = _walk(argument[3], inside=inside)
        elif name in ("ASSERT", "ASSERT_NOT"):
            found = _walk(argument[1], inside=inside)
        elif name == "GROUPREF_EXISTS":
            found = next(filter(None, (_walk(each, inside=inside) for each in argument[1:] if each)), "")
        else:
            found = ""
        if found:
            return found
    return ""


def _branches_alike(tree: Any) -> bool:
    for operation, argument in tree:
        if str(operation) == "SUBPATTERN" and _branches_alike(argument[3]):
            return True
        if str(operation) == "BRANCH":
            starts = [str(branch[0]) if len(branch) else "" for branch in argument[1]]
            if len(set(starts)) < len(starts):
                return True
        # The parser folds branches of single characters into a set, and shared beginnings in front of the branch.
        if str(operation) == "ANY" and len(tree) > 1:
            return True
    return False
