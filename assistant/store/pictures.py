"""Pictures, each kept once under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, exists, insert, select

from assistant.errors import NotFound, StoreError
from assistant.messages import Exchange, ImagePart, Message, TurnRecord
from assistant.store import schema
from assistant.store.schema import as_utc

_MANY = 500  # bound parameters in one statement


def of_record(record: TurnRecord) -> list[ImagePart]:
    """The pictures of a turn and of the history it was asked with, each once."""
    messages = [record.turn.question, *(exchange.question for exchange in record.turn.history)]
    parts: dict[str, ImagePart] = {}
    for part in (part for message in messages for part in message.images):
        if part.sha256 not in parts or not parts[part.sha256].data:
            parts[part.sha256] = part
    return list(parts.values())


def keep(connection: Connection, turn_id: str, parts: Iterable[ImagePart]) -> None:
    """Store those that are not there yet, and note that the turn uses them.

    Raises:
        StoreError: a new picture has no bytes, or its bytes do not have the hash that it names.
    """
    for part in parts:
        known = select(schema.images.c.sha256).where(schema.images.c.sha256 == part.sha256)
        if connection.execute(known).first() is None:
            check(part)
            connection.execute(
                insert(schema.images).values(sha256=part.sha256, media_type=part.media_type, data=part.data)
            )
        connection.execute(insert(schema.turn_images).values(turn_id=turn_id, sha256=part.sha256))


def load(connection: Connection, sha256: str) -> bytes:
    """The bytes of a picture.

    Raises:
        NotFound: no picture has that hash.
    """
    data = connection.execute(select(schema.images.c.data).where(schema.images.c.sha256 == sha256)).scalar()
    if data is None:
        raise NotFound(f"No picture with the SHA-256 {sha256!r} is stored.")
    return data


def drop_unused(connection: Connection) -> None:
    """Delete the pictures that no turn uses."""
    used = exists().where(schema.turn_images.c.sha256 == schema.images.c.sha256)
    connection.execute(delete(schema.images).where(~used))


def put_back(connection: Connection, records: list[TurnRecord]) -> list[TurnRecord]:
    """The same records with the bytes of their pictures in place, and their times in UTC."""
    wanted = sorted({part.sha256 for record in records for part in of_record(record)})
    data: dict[str, bytes] = {}
    for start in range(0, len(wanted), _MANY):
        table = schema.images
        rows = connection.execute(
            select(table.c.sha256, table.c.data).where(table.c.sha256.in_(wanted[start : start + _MANY]))
        )
        data.update({row.sha256: row.data for row in rows})
    return [_filled(record, data) for record in records]


def check(part: ImagePart) -> None:
    """Make sure that a picture has its bytes.

    Raises:
        StoreError: it has none, or its bytes do not have the hash that it names.
    """
    found = hashlib.sha256(part.data).hexdigest()
    if not part.data:
        raise StoreError(
            f"The picture {part.name or part.sha256!r} cannot be stored: it came without its bytes.",
            hint="Pass the ImagePart that intake made, not one read from JSON.",
        )
    if found != part.sha256:
        raise StoreError(
            f"The picture {part.name or part.sha256!r} cannot be stored: it names the SHA-256 {part.sha256!r}, but "
            f"its bytes have {found!r}.",
            hint="ImagePart.sha256 must be hashlib.sha256(data).hexdigest().",
        )


def _filled(record: TurnRecord, data: Mapping[str, bytes]) -> TurnRecord:
    turn = record.turn
    history = tuple(
        Exchange(question=_with_bytes(exchange.question, data), answer=exchange.answer) for exchange in turn.history
    )
    turn = turn.model_copy(
        update={
            "question": _with_bytes(turn.question, data),
            "history": history,
            "created_at": as_utc(turn.created_at),
        }
    )
    return record.model_copy(update={"turn": turn, "finished_at": as_utc(record.finished_at)})


def _with_bytes(message: Message, data: Mapping[str, bytes]) -> Message:
    images = tuple(part.model_copy(update={"data": data.get(part.sha256, b"")}) for part in message.images)
    return message.model_copy(update={"images": images})
