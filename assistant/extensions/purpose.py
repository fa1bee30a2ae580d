"""What a plugin is for, in its own words."""

from __future__ import annotations

import inspect
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")


def purpose(plugin: object, distribution: str) -> str:
    """The first sentence of a plugin's own description; empty where it has none.

    Args:
        plugin: a module, or an object of a class.
        distribution: the package that brings it; then the docstring of its outermost module counts, else that of its
            class.
    """
    described: object = plugin
    if not inspect.ismodule(plugin):
        described = type(plugin)
        if distribution:
            described = sys.modules.get(described.__module__.partition(".")[0], described)
    text = getattr(described, "__doc__", None)
    return first_sentence(text) if isinstance(text, str) else ""


def summary(folder: Path, distribution: str) -> str:
    """What the metadata of a package in a folder says that it is for; nothing of the package is executed."""
    found = next(iter(distributions(name=distribution, path=[str(folder)])), None)
    return first_sentence(str(found.metadata.json.get("summary", ""))) if found else ""


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line; at most 200 characters."""
    sentence = " ".join(_END.split(text.strip(), maxsplit=1)[0].split())
    return sentence if len(sentence) <= 200 else sentence[:199] + "…"
