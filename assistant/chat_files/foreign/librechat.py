"""LibreChat's export of a chat as JSON: one object with ``conversationId``.

``messages`` is a list with ``parentMessageId``, or, where it was exported as recursive, ``messagesTree`` holds messages
with ``children``. The bytes of pictures are not in such a file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from assistant.chat_files.foreign.nodes import ForeignChat, Node, mapping, moment, objects, said
from assistant.chat_files.foreign.pictures import Pictures

PRODUCT = "LibreChat"


def is_one(value: dict[str, Any]) -> bool:
    """Whether a chat in a file is one of LibreChat."""
    return "conversationId" in value and ("messages" in value or "messagesTree" in value)


def read(value: dict[str, Any], pictures: Pictures, left_out: Counter[str]) -> ForeignChat:
    """A chat with the branches that were exported."""
    chat = ForeignChat(id=said(value.get("conversationId")), title=said(value.get("title")))
    walk: list[tuple[dict[str, Any], str | None]] = [
        (each, None) for each in reversed(objects(value.get("messagesTree") or value.get("messages")))
    ]
    number = 0
    while walk:
        message, above = walk.pop()
        number += 1
        own = said(message.get("messageId")) or f"message-{number}"
        node = Node(
            id=own,
            parent=above or said(message.get("parentMessageId")) or None,
            role="user" if message.get("isCreatedByUser") else "assistant",
            text=_text(message),
            at=moment(message.get("createdAt")),
            model=said(message.get("model")) or said(message.get("sender")),
        )
        if node.role == "user":
            for each in objects(message.get("files")):
                if said(each.get("type")).startswith("image/"):
                    node.images += pictures.missing()
                else:
                    left_out["files that are no pictures"] += 1
        chat.nodes.append(node)
        walk += [(each, own) for each in reversed(objects(message.get("children")))]
    chat.current = chat.nodes[-1].id if chat.nodes else None
    return chat


def _text(message: dict[str, Any]) -> str:
    """The text of a message: as such, or in pieces, where a piece of text is a text or an object with a value."""
    pieces: list[str] = []
    for each in objects(message.get("content")):
        if each.get("type") == "text":
            text = each.get("text")
            pieces.append(said(text) or said(mapping(text).get("value")))
    return "\n".join(piece for piece in pieces if piece) or said(message.get("text"))
