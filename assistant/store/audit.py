"""The audit log: a chain in which every leaf holds the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, insert, select

from assistant.store import schema
from assistant.store.values import AuditLeaf, LeafKind

GENESIS: Final = "0" * 64
"""What the first leaf has as its previous hash."""

_PAGE = 1000

_LAST = select(schema.audit.c.number, schema.audit.c.hash).order_by(schema.audit.c.number.desc()).limit(1)
_INSERT = insert(schema.audit)


def canonical(data: Mapping[str, Any]) -> str:
    """JSON that is the same for the same data: sorted keys, no spaces, no escapes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chain_hash(previous: str, payload: str) -> str:
    """The hash of a leaf: SHA-256 over the previous hash followed by the payload."""
    return hashlib.sha256((previous + payload).encode()).hexdigest()


def seal(salt: str, text: str) -> str:
    """A hash that commits to a text without giving it away.

    A short question could be guessed from a plain hash. The salt lies with the text and goes when the text is deleted.
    """
    return hashlib.sha256((salt + text).encode()).hexdigest()


def append(connection: Connection, kind: LeafKind, data: Mapping[str, Any]) -> AuditLeaf:
    """Add a leaf at the end. The connection must hold the write lock."""
    last = connection.execute(_LAST).first()
    index = 0 if last is None else last.number + 1
    previous = GENESIS if last is None else last.hash
    payload = canonical({**data, "index": index, "kind": kind})
    leaf = AuditLeaf(index=index, kind=kind, payload=payload, previous=previous, hash=chain_hash(previous, payload))
    connection.execute(
        _INSERT, {"number": index, "kind": kind, "payload": payload, "previous": previous, "hash": leaf.hash}
    )
    return leaf


def leaves(connection: Connection, start: int, limit: int) -> list[AuditLeaf]:
    """The leaves from index ``start`` on, at most ``limit``."""
    return [_leaf(row) for row in _rows(connection, start, limit)]


def newest(connection: Connection, kind: LeafKind) -> AuditLeaf | None:
    """The newest leaf of a kind; ``None`` where there is none."""
    table = schema.audit
    query = select(table.c.number).where(table.c.kind == kind).order_by(table.c.number.desc()).limit(1)
    number = connection.execute(query).scalar()
    return None if number is None else leaves(connection, number, 1)[0]


def of_kind(connection: Connection, kind: LeafKind) -> list[AuditLeaf]:
    """All leaves of a kind, oldest first."""
    table = schema.audit
    rows = connection.execute(select(table).where(table.c.kind == kind).order_by(table.c.number))
    return [_leaf(row) for row in rows]


def every_row(connection: Connection) -> Iterator[Row[Any]]:
    """Every row of the log in order, as it is: one that was tampered with may not make an `AuditLeaf`."""
    start: int | None = None
    while page := _rows(connection, start, _PAGE):
        yield from page
        start = page[-1].number + 1


def _leaf(row: Row[Any]) -> AuditLeaf:
    kind = cast(LeafKind, row.kind)
    return AuditLeaf(index=row.number, kind=kind, payload=row.payload, previous=row.previous, hash=row.hash)


def _rows(connection: Connection, start: int | None, limit: int) -> list[Row[Any]]:
    table = schema.audit
    query = select(table).order_by(table.c.number).limit(limit)
    if start is not None:
        query = query.where(table.c.number >= start)
    return list(connection.execute(query))
