"""``assistant feedback``: what people said about the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, write

if TYPE_CHECKING:
    from assistant.messages import Feedback

app = typer.Typer(name="feedback", help="See what people said about the answers.", no_args_is_help=True)


@app.command()
def stats(json: JsonOption = False) -> None:
    """Count the ratings that hold now, those taken back, and the reasons given."""
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        counts = count(store.all_feedback())
        if json:
            common.write_json(out, counts)
            return
        lines = [f"{counts['up']:6} up", f"{counts['down']:6} down", f"{counts['taken_back']:6} taken back"]
        if counts["reasons"]:
            lines.append("Reasons:")
        for reason, ratings in counts["reasons"].items():
            lines.append(f"{ratings['up']:6} up {ratings['down']:6} down  {reason}")
        write(out, "\n".join(lines) + "\n")


def count(events: Iterable[tuple[Feedback, bool]]) -> dict[str, Any]:
    """Ratings by kind and by reason. ``taken_back`` counts the answers whose last rating was withdrawn."""
    ratings: Counter[str] = Counter()
    reasons: dict[str, dict[str, int]] = {}
    taken_back: dict[str, bool] = {}
    for feedback, counts in events:
        taken_back[feedback.turn_id] = feedback.rating == "none"
        if not counts:
            continue
        ratings[feedback.rating] += 1
        for reason in dict.fromkeys(feedback.reasons):
            reasons.setdefault(reason, {"up": 0, "down": 0})[feedback.rating] += 1
    return {
        "up": ratings["up"],
        "down": ratings["down"],
        "taken_back": sum(taken_back.values()),
        "reasons": dict(sorted(reasons.items())),
    }
