"""Turns: saved whole, loaded whole, and followed from question to question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, bindparam, insert, select

from assistant.errors import NotFound, StoreError
from assistant.messages import TurnRecord, new_id
from assistant.store import audit, conversations, pictures, schema, searchable
from assistant.store.schema import as_utc

_MANY = 500  # bound parameters in one statement

# Statements that every turn needs are made once: to make one takes longer than to run it.
_INSERT, _INSERT_VERDICTS = insert(schema.turns), insert(schema.verdicts)
_BY_ID = select(schema.turns.c.id).where(schema.turns.c.id == bindparam("turn"))


def save(connection: Connection, record: TurnRecord, text: str) -> None:
    """Store a finished turn with its pictures, its verdicts and its audit leaf.

    Args:
        connection: holds the write lock.
        record: the turn.
        text: the record as JSON.

    Raises:
        StoreError: the id is taken, a picture cannot be stored, or a refused turn carries an answer.
    """
    turn = record.turn
    if record.refusal is not None and record.answer:
        raise StoreError(
            f"The turn {turn.id!r} was refused and must not carry an answer; it has one of {len(record.answer)} "
            "characters.",
            hint="Leave `answer` empty where `refusal` is set.",
        )
    if exists(connection, turn.id):
        raise StoreError(
            f"A turn with the id {turn.id!r} is stored already, and a stored turn is never replaced.",
            hint="Give a retry an id of its own and the same parent.",
        )
    conversations.touch(connection, record)
    salt, model = new_id(), record.trace.model
    connection.execute(
        _INSERT,
        {
            "id": turn.id,
            "conversation_id": turn.conversation_id,
            "parent_id": turn.parent_id,
            "created_at": turn.created_at,
            "status": record.status,
            "question": turn.question.text,
            "answer": record.answer,
            "confidence": record.confidence,
            "model_name": model.name if model else None,
            "model_fingerprint": model.fingerprint if model else None,
            "record": text,
            "salt": salt,
        },
    )
    pictures.keep(connection, turn.id, pictures.of_record(record))
    searchable.keep(connection, record)
    _save_verdicts(connection, record)
    audit.append(connection, "turn", _leaf(record, audit.seal(salt, text)))


def exists(connection: Connection, turn_id: str) -> bool:
    """Whether a turn is stored."""
    return connection.execute(_BY_ID, {"turn": turn_id}).first() is not None


def load(connection: Connection, turn_id: str) -> TurnRecord:
    """A stored turn with its pictures.

    Raises:
        NotFound: no turn has that id.
    """
    return _records(connection, [turn_id])[0]


def branch(connection: Connection, conversation_id: str, leaf: str | None) -> list[TurnRecord]:
    """The turns from the root to ``leaf``, or to the newest turn.

    Raises:
        NotFound: no conversation has that id, or the leaf is not in it.
    """
    table = schema.turns
    rows = connection.execute(
        select(table.c.id, table.c.parent_id)
        .where(table.c.conversation_id == conversation_id)
        .order_by(table.c.created_at, table.c.number)
    ).all()
    if not rows:
        raise conversations.missing(conversation_id)
    parents: dict[str, str | None] = {row.id: row.parent_id for row in rows}
    if leaf is not None and leaf not in parents:
        raise NotFound(f"The conversation {conversation_id!r} has no turn {leaf!r}.")
    path: list[str] = []
    step: str | None = leaf or rows[-1].id
    # A parent that could not be stored ends the walk, as does one that was met before.
    while step is not None and step in parents:
        path.append(step)
        step = parents.pop(step)
    return _records(connection, path[::-1])


def everything(connection: Connection, conversation_id: str) -> list[TurnRecord]:
    """All turns of a conversation, oldest first.

    Raises:
        NotFound: no conversation has that id.
    """
    table = schema.turns
    rows = connection.execute(
        select(table.c.id)
        .where(table.c.conversation_id == conversation_id)
        .order_by(table.c.created_at, table.c.number)
    )
    ids = list(rows.scalars())
    if not ids:
        raise conversations.missing(conversation_id)
    return _records(connection, ids)


def siblings(connection: Connection, turn_id: str) -> list[str]:
    """The ids of the turns with the same parent in the same conversation, oldest first, this one included.

    Raises:
        NotFound: no turn has that id.
    """
    table = schema.turns
    own = connection.execute(select(table.c.conversation_id, table.c.parent_id).where(table.c.id == turn_id)).first()
    if own is None:
        raise missing(turn_id)
    rows = connection.execute(
        select(table.c.id)
        .where(
            table.c.conversation_id == own.conversation_id,
            table.c.parent_id.is_not_distinct_from(own.parent_id),
        )
        .order_by(table.c.created_at, table.c.number)
    )
    return list(rows.scalars())


def newest_below(connection: Connection, turn_id: str) -> str:
    """The id of the newest turn that follows a turn, directly or over others; the turn's own where none does.

    Raises:
        NotFound: no turn has that id.
    """
    table = schema.turns
    rows = connection.execute(
        select(table.c.id, table.c.parent_id)
        .where(table.c.conversation_id == conversation_of(connection, turn_id))
        .order_by(table.c.created_at, table.c.number)
    )
    below = {turn_id}
    newest = turn_id
    for row in rows:  # a parent comes before what follows it
        if row.parent_id in below:
            below.add(row.id)
            newest = row.id
    return newest


def conversation_of(connection: Connection, turn_id: str) -> str:
    """The id of the conversation that a turn is in.

    Raises:
        NotFound: no turn has that id.
    """
    table = schema.turns
    found = connection.execute(select(table.c.conversation_id).where(table.c.id == turn_id)).scalar()
    if found is None:
        raise missing(turn_id)
    return found


def missing(turn_id: str) -> NotFound:
    """The error for an id that no turn has."""
    return NotFound(f"No turn has the id {turn_id!r}.", hint="Its conversation may have been deleted.")


def _records(connection: Connection, ids: Sequence[str]) -> list[TurnRecord]:
    table = schema.turns
    found: dict[str, TurnRecord] = {}
    for start in range(0, len(ids), _MANY):
        rows = connection.execute(select(table.c.id, table.c.record).where(table.c.id.in_(ids[start : start + _MANY])))
        found.update({row.id: _parsed(row.id, row.record) for row in rows})
    for turn_id in ids:
        if turn_id not in found:
            raise missing(turn_id)
    return pictures.put_back(connection, [found[turn_id] for turn_id in ids])


def _parsed(turn_id: str, text: str) -> TurnRecord:
    try:
        return TurnRecord.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"]) or "the whole"
        raise StoreError(
            f"The stored turn {turn_id!r} cannot be read: {error.error_count()} fields are not as this version of "
            f"Glassbox expects; the first is {where}.",
            hint="Run `assistant audit verify` to see whether it was changed.",
        ) from error


def _save_verdicts(connection: Connection, record: TurnRecord) -> None:
    rows = [
        {
            "turn_id": record.id,
            "stage": entry.stage,
            "plugin": entry.plugin,
            "action": entry.verdict.action,
            "rule": entry.verdict.rule.id if entry.verdict.rule else None,
            "pack": entry.verdict.rule.pack if entry.verdict.rule else None,
            "pack_version": entry.verdict.rule.pack_version if entry.verdict.rule else None,
            "evaluator": entry.verdict.evaluator,
            "score": entry.verdict.score,
            "threshold": entry.verdict.threshold,
        }
        for entry in record.trace.verdicts
    ]
    if rows:
        connection.execute(_INSERT_VERDICTS, rows)


def _leaf(record: TurnRecord, sealed: str) -> dict[str, Any]:
    model, refusal = record.trace.model, record.refusal
    return {
        "at": as_utc(record.finished_at).isoformat(),
        "conversation": record.turn.conversation_id,
        "turn": record.id,
        "parent": record.turn.parent_id,
        "status": record.status,
        "seal": sealed,
        "packs": record.trace.packs,
        "pack_hashes": {stamp.id: stamp.sha256 for stamp in record.trace.pack_stamps},
        "model": {"name": model.name, "fingerprint": model.fingerprint, "adapter": model.adapter} if model else None,
        "refused_by": {
            "cause": refusal.cause,
            "stage": refusal.stage,
            "rule": refusal.rule.id,
            "pack": refusal.rule.pack,
            "version": refusal.rule.pack_version,
        }
        if refusal
        else None,
        "verdicts": [
            {
                "stage": entry.stage,
                "plugin": entry.plugin,
                "action": entry.verdict.action,
                "rule": entry.verdict.rule.id,
                "pack": entry.verdict.rule.pack,
                "version": entry.verdict.rule.pack_version,
            }
            for entry in record.trace.verdicts
            if entry.verdict.rule
        ],
    }
