"""What the readable files say of a turn, beside its question and its answer."""

from __future__ import annotations

from assistant.messages import TurnRecord


def answered_by(record: TurnRecord) -> str:
    """Who wrote the answer, and how it ended."""
    if record.refusal is not None:
        return "Not answered"
    if record.edited_from:
        return "Answer, written by the person"
    name = f" by {record.trace.model.name}" if record.trace.model else ""
    match record.status:
        case "stopped":
            return f"Answer{name}, stopped before its end"
        case "failed":
            return "No answer: it did not work"
        case "unsure":
            return f"Answer{name}, not sure"
        case _:
            sure = "" if record.confidence is None else f", {record.confidence:.0%} sure"
            return f"Answer{name}{sure}"
