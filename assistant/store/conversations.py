"""Conversations: listed, named, deleted."""

from __future__ import annotations

import textwrap

from sqlalchemy import Connection, delete, func, insert, select, update

from assistant.errors import NotFound, StoreError
from assistant.messages import TurnRecord, now
from assistant.store import audit, pictures, schema
from assistant.store.schema import as_utc
from assistant.store.values import ConversationSummary

TITLE_LENGTH = 60
"""Characters of a first question that become the title."""

MAX_TITLE = 200
"""Characters of a title that a person gives."""


def title_of(record: TurnRecord) -> str:
    """What a conversation that starts with this turn is called: its question, or else the name of its picture."""
    question = record.turn.question
    words = question.text.split()
    if not words:
        names = [part.name for part in question.images if part.name]
        return names[0] if names else "Picture"
    if len(words[0]) >= TITLE_LENGTH:
        return words[0] if len(words) == 1 and len(words[0]) == TITLE_LENGTH else words[0][: TITLE_LENGTH - 1] + "…"
    return textwrap.shorten(" ".join(words), TITLE_LENGTH, placeholder="…")


def touch(connection: Connection, record: TurnRecord) -> None:
    """Make the conversation of a turn where it is missing, and say that it has changed."""
    table = schema.conversations
    found = connection.execute(select(table.c.updated_at).where(table.c.id == record.turn.conversation_id)).first()
    finished = as_utc(record.finished_at)
    if found is None:
        connection.execute(
            insert(table).values(
                id=record.turn.conversation_id,
                title=title_of(record),
                created_at=record.turn.created_at,
                updated_at=finished,
            )
        )
    elif finished > found.updated_at:
        connection.execute(update(table).where(table.c.id == record.turn.conversation_id).values(updated_at=finished))


def summaries(connection: Connection, limit: int, offset: int) -> list[ConversationSummary]:
    """Newest first."""
    table = schema.conversations
    turns = select(func.count()).where(schema.turns.c.conversation_id == table.c.id).scalar_subquery().label("turns")
    rows = connection.execute(
        select(table.c.id, table.c.title, table.c.created_at, table.c.updated_at, turns)
        .order_by(table.c.updated_at.desc(), table.c.created_at.desc(), table.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [
        ConversationSummary(
            id=row.id, title=row.title, created_at=row.created_at, updated_at=row.updated_at, turns=row.turns
        )
        for row in rows
    ]


def rename(connection: Connection, conversation_id: str, title: str) -> None:
    """Give it another title; its place in the list stays.

    Raises:
        NotFound: no conversation has that id.
        StoreError: the title is empty.
    """
    title = " ".join(title.split())[:MAX_TITLE]
    if not title:
        raise StoreError("A conversation needs a title of at least one character; got none.")
    table = schema.conversations
    changed = connection.execute(update(table).where(table.c.id == conversation_id).values(title=title))
    if changed.rowcount == 0:
        raise missing(conversation_id)


def remove(connection: Connection, conversation_id: str) -> None:
    """Delete it with everything that hangs on it; the audit log gets a leaf that says so.

    Raises:
        NotFound: no conversation has that id.
    """
    theirs = select(schema.turns.c.id).where(schema.turns.c.conversation_id == conversation_id)
    counts: dict[str, int] = {}
    for table in (schema.verdicts, schema.feedback, schema.appeals, schema.turn_images):
        gone = connection.execute(delete(table).where(table.c.turn_id.in_(theirs)))
        counts[table.name] = gone.rowcount
    gone = connection.execute(delete(schema.turns).where(schema.turns.c.conversation_id == conversation_id))
    counts["turns"] = gone.rowcount
    table = schema.conversations
    if connection.execute(delete(table).where(table.c.id == conversation_id)).rowcount == 0:
        raise missing(conversation_id)
    pictures.drop_unused(connection)
    audit.append(
        connection,
        "deletion",
        {
            "at": now().isoformat(),
            "conversation": conversation_id,
            "removed": {name: counts[name] for name in ("turns", "feedback", "appeals")},
        },
    )


def missing(conversation_id: str) -> NotFound:
    """The error for an id that no conversation has."""
    return NotFound(
        f"No conversation has the id {conversation_id!r}.", hint="It may have been deleted; load the list again."
    )
