"""A plugin as anybody could write it: a rule about one word, and a count of turns."""

from __future__ import annotations

from collections import Counter

from assistant import Rule, Span, Turn, TurnRecord, Verdict, hookimpl

WORD = "flumph"

RULE = Rule(
    id="flumph.never-say-it",
    title="The word is not said here",
    text="Nobody asks about flumphs.",
    pack="flumph",
    pack_version="1.2.3",
    instead="Ask about something else in the picture.",
)

turns_by_status: Counter[str] = Counter()


@hookimpl(on_failure="closed", time_limit=1.0)
def before_turn(turn: Turn) -> Verdict | None:
    """Refuse a question that holds the word."""
    start = turn.question.text.lower().find(WORD)
    if start < 0:
        return None
    return Verdict(action="refuse", rule=RULE, spans=(Span(start=start, end=start + len(WORD)),), score=1.0)


@hookimpl(phase="observe")
def turn_finished(record: TurnRecord) -> None:
    """Count how turns end."""
    turns_by_status[record.status] += 1
