"""What can be searched of each turn, kept beside it and forgotten with it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, text

from assistant.messages import TurnRecord
from assistant.store import schema

_INSERT = insert(schema.turn_texts)


def keep(connection: Connection, record: TurnRecord) -> None:
    """Put a turn into what can be searched."""
    connection.execute(_INSERT, {"turn_id": record.id, "text": text_of(record)})


def forget(connection: Connection, conversation_id: str) -> None:
    """Take the turns of a conversation out, so that none of their words stays in the index."""
    theirs = select(schema.turns.c.id).where(schema.turns.c.conversation_id == conversation_id)
    connection.execute(delete(schema.turn_texts).where(schema.turn_texts.c.turn_id.in_(theirs)))
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO turn_search(turn_search) VALUES ('optimize')"))


def text_of(record: TurnRecord) -> str:
    """What can be searched of a turn: question, answer, and the names, descriptions and texts of its pictures."""
    question = record.turn.question
    parts = [question.text, record.answer]
    for image in question.images:
        parts += [image.name, image.alt, *(line.text for line in (image.reading.texts if image.reading else ()))]
    return "\n".join(part for part in parts if part)
