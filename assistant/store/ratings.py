"""Feedback: every rating is kept as it was given; the last one of a turn counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, RowMapping, func, insert, select

from assistant.errors import StoreError
from assistant.messages import Feedback, new_id
from assistant.store import audit, schema, turns
from assistant.store.schema import as_utc

PAGE: Final = 500
"""Rows that `page` reads at a time."""


def add(connection: Connection, event: Feedback) -> None:
    """Store one rating.

    Raises:
        NotFound: no turn has that id.
        StoreError: a rating with that id is stored already.
    """
    table = schema.feedback
    conversation = turns.conversation_of(connection, event.turn_id)
    if connection.execute(select(table.c.id).where(table.c.id == event.id)).first() is not None:
        raise StoreError(
            f"A rating with the id {event.id!r} is stored already, and a rating is never changed.",
            hint="Give a changed rating an id of its own.",
        )
    salt = new_id()
    values = {
        "id": event.id,
        "turn_id": event.turn_id,
        "rating": event.rating,
        "reasons": list(event.reasons),
        "text": event.text,
        "correction": event.correction,
        "created_at": as_utc(event.created_at),
        "salt": salt,
    }
    connection.execute(insert(table).values(values))
    audit.append(
        connection,
        "feedback",
        {
            "at": as_utc(event.created_at).isoformat(),
            "conversation": conversation,
            "turn": event.turn_id,
            "feedback": event.id,
            "rating": event.rating,
            "seal": audit.seal(salt, sealed_text(values)),
        },
    )


def current(connection: Connection, turn_id: str) -> Feedback | None:
    """The last rating of a turn, unless it took the rating back."""
    events = history(connection, turn_id)
    return events[-1] if events and events[-1].rating != "none" else None


def history(connection: Connection, turn_id: str) -> list[Feedback]:
    """Every rating of a turn, oldest first."""
    table = schema.feedback
    rows = connection.execute(select(table).where(table.c.turn_id == turn_id).order_by(table.c.number))
    return [_event(row) for row in rows]


def newest(connection: Connection) -> int:
    """The number of the rating that came in last; -1 where there is none."""
    found = connection.execute(select(func.max(schema.feedback.c.number))).scalar()
    return -1 if found is None else found


def page(connection: Connection, after: int, until: int) -> tuple[list[tuple[Feedback, bool]], int]:
    """Ratings numbered above ``after`` and up to ``until``, each with whether it counts among those.

    The number to go on from comes with them. A rating that was taken back does not count, nor does the one that did so.
    """
    table, other = schema.feedback, schema.feedback.alias()
    last = (
        select(func.max(other.c.number))
        .where(other.c.turn_id == table.c.turn_id, other.c.number <= until)
        .scalar_subquery()
        .label("last")
    )
    rows = connection.execute(
        select(table, last).where(table.c.number > after, table.c.number <= until).order_by(table.c.number).limit(PAGE)
    ).all()
    events = [(_event(row), row.number == row.last and row.rating != "none") for row in rows]
    return events, rows[-1].number if rows else until


def sealed_text(values: RowMapping | Mapping[str, Any]) -> str:
    """What the audit leaf of a rating commits to."""
    names = ("id", "turn_id", "rating", "reasons", "text", "correction")
    return audit.canonical({name: values[name] for name in names} | {"created_at": values["created_at"].isoformat()})


def _event(row: Row[Any]) -> Feedback:
    return Feedback(
        id=row.id,
        turn_id=row.turn_id,
        rating=row.rating,
        reasons=tuple(row.reasons),
        text=row.text,
        correction=row.correction,
        created_at=row.created_at,
    )
