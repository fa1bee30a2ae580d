"""Full-text search over what was said. SQLite and PostgreSQL have an index for it; others look through the texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, select, text

from assistant.store import conversations, schema
from assistant.store.values import ConversationSummary, Found

MOST_WORDS = 20
"""Words of a search that are looked at."""

_TURNS = 500  # the best-fitting turns that are looked at, of which several may be in one conversation
_AROUND = 60  # characters of an excerpt before the first word that fits
_EXCERPT = 200


def find(
    connection: Connection, words: str, tags: Sequence[str], limit: int, *, owner: str | None = None
) -> list[Found]:
    """See `Store.search`. Titles that fit come first, then the turns that fit best. With an ``owner``, only theirs."""
    wanted = words_of(words)
    tagged = _tagged(connection, conversations.as_tags(tags), owner) if tags else None
    if not wanted:
        ids = list(tagged or ())
        return [Found(conversation=each) for each in conversations.with_ids(connection, ids)][:limit]
    as_typed = re.findall(r"\w+", words)[:MOST_WORDS]
    best: dict[str, tuple[str, str] | None] = dict.fromkeys(_titles(connection, as_typed, owner))
    index = _INDEXES.get(connection.dialect.name)
    by_words = index(connection, wanted, owner) if index else []
    for conversation, turn, said in by_words or _by_parts(connection, as_typed, owner):
        if best.get(conversation) is None:
            best[conversation] = (turn, said)
    ids = [each for each in best if tagged is None or each in tagged][:limit]
    return [
        _found(each, best[each.id], wanted) if best[each.id] else Found(conversation=each)
        for each in conversations.with_ids(connection, ids)
    ]


def words_of(words: str) -> list[str]:
    """The words of a search, folded."""
    return re.findall(r"\w+", fold(words))[:MOST_WORDS]


def fold(said: str) -> str:
    """Small letters without accents; as many characters as before, so that places stay the same."""
    return "".join((unicodedata.normalize("NFD", letter)[0].casefold() or letter)[0] for letter in said)


def _tagged(connection: Connection, names: Sequence[str], owner: str | None) -> dict[str, None]:
    """The conversations that have all of these tags, the newest first."""
    table = schema.conversations
    query = select(table.c.id).where(conversations.owned(owner)).order_by(table.c.updated_at.desc(), table.c.id)
    for name in names:
        query = query.where(
            table.c.id.in_(select(schema.tags.c.conversation_id).where(schema.tags.c.name == name)),
        )
    return dict.fromkeys(connection.execute(query).scalars())


def _titles(connection: Connection, words: Sequence[str], owner: str | None) -> Iterable[str]:
    table = schema.conversations
    query = select(table.c.id).where(_contains(table.c.title, words), conversations.owned(owner))
    query = query.order_by(table.c.updated_at.desc())
    return list(connection.execute(query).scalars())


def _by_sqlite(connection: Connection, words: Sequence[str], owner: str | None) -> list[tuple[str, str, str]]:
    """(conversation, turn, text) by SQLite's full-text index, the best first."""
    query = text(
        "SELECT turns.conversation_id, turns.id, turn_texts.text FROM turn_search "
        "JOIN turn_texts ON turn_texts.number = turn_search.rowid JOIN turns ON turns.id = turn_texts.turn_id "
        "JOIN conversations ON conversations.id = turns.conversation_id "
        "WHERE turn_search MATCH :words AND conversations.owner = COALESCE(:owner, conversations.owner) "
        "ORDER BY turn_search.rank LIMIT :most"
    )
    terms = " ".join(f'"{word}"*' for word in words)
    rows = connection.execute(query, {"words": terms, "owner": owner, "most": _TURNS})
    return [(row[0], row[1], row[2]) for row in rows]


def _by_postgresql(connection: Connection, words: Sequence[str], owner: str | None) -> list[tuple[str, str, str]]:
    """The same by PostgreSQL's; `words_of` there is a function of our migration."""
    query = text(
        "SELECT turns.conversation_id, turns.id, turn_texts.text FROM turn_texts "
        "JOIN turns ON turns.id = turn_texts.turn_id JOIN conversations ON conversations.id = turns.conversation_id "
        "WHERE words_of(turn_texts.text) @@ to_tsquery('simple', :words) "
        "AND conversations.owner = COALESCE(:owner, conversations.owner) "
        "ORDER BY ts_rank(words_of(turn_texts.text), to_tsquery('simple', :words)) DESC, turns.number DESC LIMIT :most"
    )
    terms = " & ".join(f"'{word}':*" for word in words)
    rows = connection.execute(query, {"words": terms, "owner": owner, "most": _TURNS})
    return [(row[0], row[1], row[2]) for row in rows]


def _by_parts(connection: Connection, words: Sequence[str], owner: str | None) -> list[tuple[str, str, str]]:
    """(conversation, turn, text) by looking through every text, the newest first: for other databases, for parts of
    words, and for languages that write no spaces."""
    turns, texts = schema.turns, schema.turn_texts
    query = (
        select(turns.c.conversation_id, turns.c.id, texts.c.text)
        .join(texts, texts.c.turn_id == turns.c.id)
        .join(schema.conversations, schema.conversations.c.id == turns.c.conversation_id)
        .where(_contains(texts.c.text, words), conversations.owned(owner))
        .order_by(turns.c.created_at.desc())
        .limit(_TURNS)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _contains(column: ColumnElement[str], words: Sequence[str]) -> ColumnElement[bool]:
    """Whether every word stands in a column, in capital or small letters."""
    return and_(*(column.icontains(word, autoescape=True) for word in words))


def _found(conversation: ConversationSummary, hit: tuple[str, str] | None, words: Sequence[str]) -> Found:
    turn, said = hit or (None, "")
    one_line = " ".join(said.split())
    folded = fold(one_line)
    places = [match.span() for match in re.finditer("|".join(map(re.escape, words)), folded)]
    start = max(0, places[0][0] - _AROUND) if places else 0
    end = start + _EXCERPT
    excerpt = ("…" if start else "") + one_line[start:end] + ("…" if end < len(one_line) else "")
    shift = (1 if start else 0) - start
    marks = tuple((left + shift, right + shift) for left, right in places if right <= end)
    return Found(conversation=conversation, turn_id=turn, excerpt=excerpt, marks=marks)


_INDEXES = {"sqlite": _by_sqlite, "postgresql": _by_postgresql}
"""Databases with a full-text index."""
