"""``assistant feedback``: what people said about the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, write

if TYPE_CHECKING:
    from assistant.appeals import RuleRate
    from assistant.messages import Feedback

app = typer.Typer(name="feedback", help="See what people said about the answers.", no_args_is_help=True)


@app.command()
def stats(json: JsonOption = False) -> None:
    """Count the ratings that hold now, those taken back, and the reasons given; and per rule, how often it refused and
    how many appeals were overturned."""
    from assistant.appeals import BIASED, rates
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        counts = count(store.all_feedback())
        rules = rates(store.rule_tallies())
        if json:
            common.write_json(out, {**counts, "rules": [rate_as_json(each) for each in rules], "rate_means": BIASED})
            return
        lines = [f"{counts['up']:6} up", f"{counts['down']:6} down", f"{counts['taken_back']:6} taken back"]
        if counts["reasons"]:
            lines.append("Reasons:")
        for reason, ratings in counts["reasons"].items():
            lines.append(f"{ratings['up']:6} up {ratings['down']:6} down  {reason}")
        if rules:
            lines.append("Rules that ended a question, and what became of the appeals:")
            lines += _table(rules)
            lines.append(f"Overturned: {BIASED}")
        write(out, "\n".join(lines) + "\n")


def _table(rules: Sequence[RuleRate]) -> Iterator[str]:
    yield f"{'refusals':>8} {'appeals':>8} {'upheld':>8} {'overturned':>10}  {'rate (95 %)':20} rule"
    for each in rules:
        tally = each.tally
        rate = "" if each.rate is None else f"{each.rate:.0%} ({each.low:.0%} to {each.high:.0%})"
        counts = f"{tally.refusals:8} {tally.appeals:8} {tally.upheld:8} {tally.overturned:10}"
        yield f"{counts}  {rate:20} {tally.rule}, {tally.pack} {tally.version}"


def rate_as_json(each: RuleRate) -> dict[str, Any]:
    """One rule; ``rate`` is ``null`` where no appeal was decided."""
    return {**each.tally.model_dump(), "rate": each.rate, "low": each.low, "high": each.high}


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
