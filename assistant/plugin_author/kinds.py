"""The kinds of plugins that ``assistant plugins new`` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

KindName = Literal["evaluator", "pack", "recorder", "visualizer", "backend", "panel"]
KINDS: tuple[KindName, ...] = get_args(KindName)


@dataclass(frozen=True, slots=True)
class Kind:
    """What stands in the files of a new plugin.

    ``about`` describes it in one line. ``entry`` is what the entry point names: the module, a class in it, or nothing
    where the package is data alone. ``after_install`` is a command that brings it to the page.
    """

    about: str
    hooks: tuple[str, ...] = ()
    entry: Literal["module", "class", "none"] = "module"
    packs: tuple[str, ...] = ()
    after_install: str = "assistant                       # and it is at work on the page"


def kind(name: KindName) -> Kind:
    """The kind of that name."""
    match name:
        case "evaluator":
            return Kind(
                "An evaluator that finds shouting, and a rule that asks it.",
                ("register_evaluators",),
                packs=("pack.yaml",),
                after_install="assistant packs enable $name",
            )
        case "pack":
            return Kind(
                "A constitution pack with one rule: data alone, nothing in it is executed.",
                entry="none",
                packs=("pack.yaml",),
                after_install="assistant packs enable $name",
            )
        case "recorder":
            return Kind(
                "A recorder that counts ratings and offers one more reason for them.",
                ("feedback_reasons", "record_feedback"),
                entry="class",
            )
        case "visualizer":
            return Kind("A visualizer that says how much a word had to do with the picture.", ("explain_word",))
        case "backend":
            return Kind(
                "A model that says what it was sent, as a place for yours.",
                ("register_backends",),
                after_install="assistant --model $name",
            )
        case "panel":
            return Kind("A panel beside the chat that counts the chats.", ("register_panels", "startup"), entry="class")
