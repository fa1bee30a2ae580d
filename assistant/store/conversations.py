"""Conversations: listed, named, tagged, deleted."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, true, update

from assistant.errors import NotFound, StoreError
from assistant.messages import TurnRecord, now
from assistant.store import audit, pictures, schema, searchable
from assistant.store.schema import as_utc
from assistant.store.values import ConversationSummary

TITLE_LENGTH = 60
"""Characters of a first question that become the title."""

MAX_TITLE = 200
"""Characters of a title that a person gives."""

MAX_TAG = 40
"""Characters of a tag."""

MAX_TAGS = 20
"""Tags of one conversation."""

# Statements that every turn needs are made once: to make one takes longer than to run it.
_CHANGED_AT = select(schema.conversations.c.updated_at).where(schema.conversations.c.id == bindparam("conversation"))
_INSERT = insert(schema.conversations)
_MOVE_ON = update(schema.conversations).where(schema.conversations.c.id == bindparam("conversation"))


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
    conversation = record.turn.conversation_id
    found = connection.execute(_CHANGED_AT, {"conversation": conversation}).first()
    finished = as_utc(record.finished_at)
    if found is None:
        new = {"id": conversation, "title": title_of(record), "created_at": record.turn.created_at}
        connection.execute(_INSERT, {**new, "updated_at": finished, "leaf": record.id})
        return
    changed: dict[str, Any] = {"leaf": record.id}
    if finished > found.updated_at:
        changed["updated_at"] = finished
    connection.execute(_MOVE_ON, {"conversation": conversation, **changed})


def summaries(connection: Connection, limit: int, offset: int) -> list[ConversationSummary]:
    """Newest first."""
    table = schema.conversations
    newest = _listed().order_by(table.c.updated_at.desc(), table.c.created_at.desc(), table.c.id)
    return _summaries(connection, connection.execute(newest.limit(limit).offset(offset)).all())


def with_ids(connection: Connection, ids: Sequence[str]) -> list[ConversationSummary]:
    """Those of these ids that there are, in the order of the ids."""
    found = connection.execute(_listed().where(schema.conversations.c.id.in_(ids))).all()
    by_id = {each.id: each for each in _summaries(connection, found)}
    return [by_id[each] for each in ids if each in by_id]


def _listed() -> Any:
    """What a list of conversations says of each. Whoever may see only some of them is kept to those here."""
    table = schema.conversations
    turns = select(func.count()).where(schema.turns.c.conversation_id == table.c.id).scalar_subquery().label("turns")
    return select(table.c.id, table.c.title, table.c.created_at, table.c.updated_at, turns)


def _summaries(connection: Connection, rows: Sequence[Any]) -> list[ConversationSummary]:
    table = schema.tags
    tags: dict[str, list[str]] = {row.id: [] for row in rows}
    query = select(table).where(table.c.conversation_id.in_(list(tags))).order_by(table.c.name)
    for row in connection.execute(query):
        tags[row.conversation_id].append(row.name)
    return [
        ConversationSummary(
            id=row.id,
            title=row.title,
            created_at=row.created_at,
            updated_at=row.updated_at,
            turns=row.turns,
            tags=tuple(tags[row.id]),
        )
        for row in rows
    ]


def leaf(connection: Connection, conversation_id: str) -> str | None:
    """The turn up to which the conversation was last open; ``None`` where nobody knows.

    Raises:
        NotFound: no conversation has that id.
    """
    table = schema.conversations
    row = connection.execute(select(table.c.leaf).where(table.c.id == conversation_id)).first()
    if row is None:
        raise missing(conversation_id)
    return row.leaf


def stay_at(connection: Connection, conversation_id: str, leaf: str) -> None:
    """Remember up to which turn it is open. Its place in the list stays."""
    table = schema.conversations
    connection.execute(update(table).where(table.c.id == conversation_id).values(leaf=leaf))


def tag(connection: Connection, conversation_id: str, names: Iterable[str]) -> None:
    """Give it these tags and no others.

    Raises:
        NotFound: no conversation has that id.
        StoreError: too many, or one that is too long.
    """
    wanted = as_tags(names)
    if not with_ids(connection, [conversation_id]):
        raise missing(conversation_id)
    table = schema.tags
    connection.execute(delete(table).where(table.c.conversation_id == conversation_id))
    if wanted:
        connection.execute(insert(table), [{"conversation_id": conversation_id, "name": name} for name in wanted])


def as_tags(names: Iterable[str]) -> list[str]:
    """Tags as they are kept: one word each, in small letters, without the sign #, each once.

    Raises:
        StoreError: too many, or one that is too long.
    """
    wanted = sorted({"-".join(name.replace("#", " ").split()).casefold() for name in names} - {""})
    if len(wanted) > MAX_TAGS:
        raise StoreError(f"A conversation can have {MAX_TAGS} tags; {len(wanted)} came.", hint="Leave some out.")
    for name in wanted:
        if len(name) > MAX_TAG:
            raise StoreError(f"A tag can have {MAX_TAG} characters; “{name[:MAX_TAG]}…” has {len(name)}.")
    return wanted


def owned(owner: str | None) -> ColumnElement[bool]:
    """Whether a conversation belongs to an owner; each does where none is given."""
    return true() if owner is None else schema.conversations.c.owner == owner


def tag_counts(connection: Connection, *, owner: str | None = None) -> list[tuple[str, int]]:
    """Every tag with the number of conversations that have it, by name; with an ``owner``, of theirs."""
    table, chats = schema.tags, schema.conversations
    query = select(table.c.name, func.count()).join(chats, chats.c.id == table.c.conversation_id).where(owned(owner))
    query = query.group_by(table.c.name).order_by(table.c.name)
    return [(name, count) for name, count in connection.execute(query)]


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
    searchable.forget(connection, conversation_id)
    connection.execute(delete(schema.tags).where(schema.tags.c.conversation_id == conversation_id))
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
