"""What every product's chats have in common: messages in a tree, and pictures that may or may not be in the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from assistant.messages import ImagePart, Message, ModelInfo, Trace, Turn, TurnRecord

Role = Literal["user", "assistant", "other"]

NO_ANSWER = "The file has no answer to this question."


@dataclass(slots=True)
class Node:
    """One message. ``parent`` is the id of the message before it; ``other`` is what neither side said: orders of the
    system, calls of tools. ``at`` is in UTC, where the file says so."""

    id: str
    parent: str | None
    role: Role
    text: str = ""
    images: tuple[ImagePart, ...] = ()
    at: datetime | None = None
    model: str = ""


@dataclass(slots=True)
class ForeignChat:
    """One chat. ``current`` is the message up to which it was open."""

    id: str
    title: str
    nodes: list[Node] = field(default_factory=list[Node])
    current: str | None = None
    tags: tuple[str, ...] = ()
    at: datetime | None = None


def as_document(product: str, chat: ForeignChat, left_out: Counter[str]) -> dict[str, Any]:
    """A chat as it stands in a file of Glassbox. All ids follow from those of the product, so that the same chat gets
    the same ids each time.

    Args:
        product: whose chat it is.
        chat: the chat.
        left_out: counts what has no place in it, by what it is.
    """
    conversation = _id(product, chat.id)
    turns, last_turn = _turns(product, conversation, chat, left_out)
    return {
        "id": conversation,
        "title": chat.title,
        "tags": list(chat.tags),
        "leaf": last_turn.get(chat.current or ""),
        "turns": [record.model_dump(mode="json") for record in turns],
    }


@dataclass(frozen=True, slots=True)
class _Before:
    """What stands before a message: the turn that is over, the question that is open, and its answer so far."""

    turn: str | None = None
    question: Node | None = None
    answer: tuple[Node, ...] = ()


def _turns(
    product: str, conversation: str, chat: ForeignChat, left_out: Counter[str]
) -> tuple[list[TurnRecord], dict[str, str]]:
    """The turns, each after the one that it follows; and for each message the turn that it became a part of."""
    turns: dict[str, TurnRecord] = {}
    became: dict[str, str] = {}
    known = {node.id for node in chat.nodes}
    children: dict[str | None, list[Node]] = {}
    for node in chat.nodes:
        parent = node.parent if node.parent in known and node.parent != node.id else None
        children.setdefault(parent, []).append(node)

    def close(before: _Before) -> str | None:
        if before.question is None:
            return before.turn
        record = _turn(product, conversation, chat, before, turns)
        turns.setdefault(record.id, record)
        for node in (before.question, *before.answer):
            became[node.id] = record.id
        return record.id

    # A chat can be longer than Python may call itself, so the tree is walked with a list.
    walk = [(node, _Before()) for node in reversed(children.get(None, []))]
    met = 0
    while walk:
        node, before = walk.pop()
        met += 1
        if node.role == "user":
            before = _Before(turn=close(before), question=node)
        elif node.role == "other" or before.question is None:
            if node.text.strip() or node.images:
                left_out[
                    "messages of the system or of tools" if node.role == "other" else "answers before a question"
                ] += 1
        else:
            before = _Before(before.turn, before.question, (*before.answer, node))
            if node.images:
                left_out["pictures in answers"] += len(node.images)
        below = children.get(node.id, [])
        if not below and (over := close(before)):
            became.setdefault(node.id, over)
        walk += [(each, before) for each in reversed(below)]
    if met < len(chat.nodes):
        left_out["messages that follow themselves"] += len(chat.nodes) - met
    return list(turns.values()), became


def _turn(
    product: str, conversation: str, chat: ForeignChat, before: _Before, turns: Mapping[str, TurnRecord]
) -> TurnRecord:
    question = before.question
    assert question is not None
    own = _id(product, chat.id, question.id, *(node.id for node in before.answer))
    parent = turns.get(before.turn or "")
    at = question.at or chat.at or datetime(1970, 1, 1, tzinfo=UTC)
    if parent is not None and at <= parent.turn.created_at:
        at = parent.turn.created_at + timedelta(microseconds=1)  # a turn comes after the one that it follows
    answer = "\n\n".join(node.text.strip() for node in before.answer if node.text.strip())
    model = next((node.model for node in reversed(before.answer) if node.model), "")
    return TurnRecord(
        turn=Turn(
            id=own,
            conversation_id=conversation,
            parent_id=before.turn,
            question=Message(text=question.text, images=question.images),
            created_at=at,
        ),
        status="answered" if answer else "failed",
        answer=answer,
        error="" if answer else NO_ANSWER,
        trace=Trace(model=ModelInfo(name=model or product), notes=(f"Imported from {product}.",)),
        finished_at=max([at, *(node.at for node in before.answer if node.at)]),
    )


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


# Values of a file, which may be anything


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; empty where it is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list, or of the values of an object."""
    if isinstance(value, dict):
        value = list(cast("dict[str, Any]", value).values())
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", each) for each in cast("list[Any]", value) if isinstance(each, dict)]


def said(value: Any) -> str:
    """A text without null characters; empty where it is something else."""
    return value.replace("\0", "") if isinstance(value, str) else ""


def texts(values: Any) -> Sequence[str]:
    """The texts of a list."""
    return (
        [said(each) for each in cast("list[Any]", values) if isinstance(each, str)] if isinstance(values, list) else []
    )


def moment(value: Any) -> datetime | None:
    """A time as seconds or milliseconds since 1970, or in ISO's form; ``None`` where it is neither."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
