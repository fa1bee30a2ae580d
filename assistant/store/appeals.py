"""Appeals: somebody says that a refusal is wrong, and somebody decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, Row, RowMapping, insert, select, update

from assistant.errors import NotFound, StoreError
from assistant.messages import Appeal, new_id, now
from assistant.store import audit, schema, turns
from assistant.store.schema import as_utc


def add(connection: Connection, appeal: Appeal) -> None:
    """Store one appeal.

    Raises:
        NotFound: no turn has that id.
        StoreError: an appeal with that id is stored already.
    """
    table = schema.appeals
    conversation = turns.conversation_of(connection, appeal.turn_id)
    if connection.execute(select(table.c.id).where(table.c.id == appeal.id)).first() is not None:
        raise StoreError(
            f"An appeal with the id {appeal.id!r} is stored already.", hint="Give a new appeal an id of its own."
        )
    salt = new_id()
    values = appeal.model_dump() | {"created_at": as_utc(appeal.created_at), "salt": salt}
    connection.execute(insert(table).values(values))
    audit.append(
        connection,
        "appeal",
        {
            "at": as_utc(appeal.created_at).isoformat(),
            "conversation": conversation,
            "turn": appeal.turn_id,
            "appeal": appeal.id,
            "rule": appeal.rule,
            "pack": appeal.pack,
            "version": appeal.pack_version,
            "status": appeal.status,
            "seal": audit.seal(salt, sealed_text(values)),
        },
    )


def decide(connection: Connection, appeal_id: str, status: Literal["upheld", "overturned"]) -> None:
    """Close an appeal; the audit log keeps when and how.

    Raises:
        NotFound: no appeal has that id.
    """
    table = schema.appeals
    row = connection.execute(select(table).where(table.c.id == appeal_id)).first()
    if row is None:
        raise NotFound(f"No appeal has the id {appeal_id!r}.", hint="Its conversation may have been deleted.")
    connection.execute(update(table).where(table.c.id == appeal_id).values(status=status))
    audit.append(
        connection,
        "decision",
        {
            "at": now().isoformat(),
            "conversation": turns.conversation_of(connection, row.turn_id),
            "turn": row.turn_id,
            "appeal": appeal_id,
            "status": status,
        },
    )


def listed(connection: Connection, *, status: str | None = None, turn_id: str | None = None) -> list[Appeal]:
    """The appeals with that status and of that turn, oldest first; ``None`` asks for every one."""
    table = schema.appeals
    query = select(table).order_by(table.c.number)
    if status is not None:
        query = query.where(table.c.status == status)
    if turn_id is not None:
        query = query.where(table.c.turn_id == turn_id)
    return [_appeal(row) for row in connection.execute(query)]


def sealed_text(values: RowMapping | Mapping[str, Any]) -> str:
    """What the audit leaf of an appeal commits to; the status may change later and has leaves of its own."""
    names = ("id", "turn_id", "rule", "pack", "pack_version", "text")
    return audit.canonical({name: values[name] for name in names} | {"created_at": values["created_at"].isoformat()})


def _appeal(row: Row[Any]) -> Appeal:
    return Appeal(
        id=row.id,
        turn_id=row.turn_id,
        rule=row.rule,
        pack=row.pack,
        pack_version=row.pack_version,
        text=row.text,
        status=row.status,
        created_at=row.created_at,
    )
