"""The words of a pack's fields, as people say them."""

from __future__ import annotations

from assistant.packs import PackSummary
from assistant_constitutions.panel.language import later, tr

NAME = "packs"

ACTIONS = {
    "refuse": later("refuses"),
    "ask": later("asks back first"),
    "warn": later("adds a note"),
    "disclaim": later("adds a sentence to the answer"),
    "revise": later("mends the answer"),
    "allow": later("lets pass"),
}
PLACES = {"input": later("questions"), "image": later("questions with a picture"), "output": later("answers")}


def standing(pack: PackSummary) -> str:
    """Whether a pack is on, in a sentence."""
    match pack.state:
        case "always on":
            return tr("Always on: its rules apply to every question, and nobody can switch it off.")
        case "enabled":
            return tr("On: its rules apply to every question.")
        case "off":
            return tr("Off: its rules apply only to questions that name it.")


def does(action: str, places: list[str]) -> str:
    """What a rule does, and where: "refuses (questions, answers)"."""
    return f"{tr(ACTIONS.get(action, action))} ({', '.join(tr(PLACES.get(place, place)) for place in places)})"
