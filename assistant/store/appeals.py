"""Appeals: somebody says that a refusal is wrong, and somebody decides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, Row, RowMapping, insert, select, update

from assistant.errors import NotFound, StoreError
from assistant.messages import Appeal, new_id, now
from assistant.store import audit, schema, turns
from assistant.store.schema import as_utc
from assistant.store.values import RuleTally


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


def decide(
    connection: Connection, appeal_id: str, status: Literal["upheld", "overturned"], reviewer: str, reason: str
) -> Appeal:
    """Close an appeal; the audit log keeps who did so, when, how, and a seal over the reason.

    Raises:
        NotFound: no appeal has that id.
        StoreError: it is decided already.
    """
    table = schema.appeals
    before = load(connection, appeal_id)
    if before.status != "open":
        who = f" by {before.reviewer}" if before.reviewer else ""
        raise StoreError(
            f"The appeal {appeal_id} is decided already: {before.status}{who}.",
            hint="A decision stays as it was made. The same question can be asked and appealed again.",
        )
    decided = {"status": status, "reviewer": reviewer, "reason": reason, "decided_at": now()}
    connection.execute(update(table).where(table.c.id == appeal_id).values(decided))
    row = connection.execute(select(table).where(table.c.id == appeal_id)).mappings().one()
    audit.append(
        connection,
        "decision",
        {
            "at": row["decided_at"].isoformat(),
            "conversation": turns.conversation_of(connection, before.turn_id),
            "turn": before.turn_id,
            "appeal": appeal_id,
            "status": status,
            "who": reviewer,
            "rule": before.rule,
            "pack": before.pack,
            "version": before.pack_version,
            "seal": audit.seal(row["salt"], decision_text(row)),
        },
    )
    return before.model_copy(update={name: row[name] for name in decided})


def load(connection: Connection, appeal_id: str) -> Appeal:
    """One appeal.

    Raises:
        NotFound: no appeal has that id.
    """
    row = connection.execute(select(schema.appeals).where(schema.appeals.c.id == appeal_id)).first()
    if row is None:
        raise NotFound(f"No appeal has the id {appeal_id!r}.", hint="Its conversation may have been deleted.")
    return _appeal(row)


def listed(connection: Connection, *, status: str | None = None, turn_id: str | None = None) -> list[Appeal]:
    """The appeals with that status and of that turn, oldest first; ``None`` asks for every one."""
    table = schema.appeals
    query = select(table).order_by(table.c.number)
    if status is not None:
        query = query.where(table.c.status == status)
    if turn_id is not None:
        query = query.where(table.c.turn_id == turn_id)
    return [_appeal(row) for row in connection.execute(query)]


def has_picture(connection: Connection, sha256: str) -> bool:
    """Whether a picture came with a question whose refusal was appealed."""
    used, table = schema.turn_images, schema.appeals
    query = select(used.c.sha256).join(table, table.c.turn_id == used.c.turn_id).where(used.c.sha256 == sha256)
    return connection.execute(query.limit(1)).first() is not None


def tallies(connection: Connection) -> list[RuleTally]:
    """How often each rule, in each version of its pack, ended a turn, and what became of the appeals against it.

    Of several appeals against one refusal the last one counts.
    """
    refusals: Counter[tuple[str, str, str]] = Counter()
    query = select(schema.turns.c.record).where(schema.turns.c.status.in_(("refused", "asked")))
    for (text,) in connection.execute(query, execution_options={"yield_per": 200}):
        rule = (json.loads(text).get("refusal") or {}).get("rule")
        if rule:
            refusals[rule["pack"], rule["pack_version"], rule["id"]] += 1
    last = {appeal.turn_id: appeal for appeal in listed(connection)}
    stands = Counter((each.pack, each.pack_version, each.rule, each.status) for each in last.values())
    keys = {*refusals, *((each.pack, each.pack_version, each.rule) for each in last.values())}
    found: list[RuleTally] = []
    for pack, version, rule in sorted(keys):
        waiting, upheld, overturned = (
            stands[pack, version, rule, status] for status in ("open", "upheld", "overturned")
        )
        found.append(
            RuleTally(
                rule=rule,
                pack=pack,
                version=version,
                refusals=refusals[pack, version, rule],
                appeals=waiting + upheld + overturned,
                upheld=upheld,
                overturned=overturned,
            )
        )
    return found


def decision_text(values: RowMapping | Mapping[str, Any]) -> str:
    """What the audit leaf of a decision commits to."""
    names = ("id", "status", "reviewer", "reason")
    return audit.canonical({name: values[name] for name in names} | {"decided_at": values["decided_at"].isoformat()})


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
        reviewer=row.reviewer or "",
        reason=row.reason or "",
        decided_at=row.decided_at,
    )
