"""The words of a pack's fields, as people say them."""

from __future__ import annotations

from assistant.packs import PackSummary

NAME = "packs"

ACTIONS = {
    "refuse": "refuses",
    "ask": "asks back first",
    "warn": "adds a note",
    "disclaim": "adds a sentence to the answer",
    "revise": "mends the answer",
    "allow": "lets pass",
}
PLACES = {"input": "questions", "image": "questions with a picture", "output": "answers"}


def standing(pack: PackSummary) -> str:
    """Whether a pack is on, in a sentence."""
    match pack.state:
        case "always on":
            return "Always on: its rules apply to every question, and nobody can switch it off."
        case "enabled":
            return "On: its rules apply to every question."
        case "off":
            return "Off: its rules apply only to questions that name it."


def does(action: str, places: list[str]) -> str:
    """What a rule does, and where: "refuses (questions, answers)"."""
    return f"{ACTIONS.get(action, action)} ({', '.join(PLACES.get(place, place) for place in places)})"


def counted(count: int, what: str) -> str:
    """A number with its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
