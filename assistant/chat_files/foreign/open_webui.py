"""Open WebUI's export of chats: a list of chats, each with ``chat.history``.

``history.messages`` maps ids to messages with ``parentId``; ``history.currentId`` is where the chat was open. A picture
is a file of the type ``image`` with a data URL, or with the id of a file that stays on the server.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from assistant.chat_files.foreign.nodes import ForeignChat, Node, Role, mapping, moment, objects, said, texts
from assistant.chat_files.foreign.pictures import Pictures
from assistant.messages import ImagePart

PRODUCT = "Open WebUI"


def is_one(value: dict[str, Any]) -> bool:
    """Whether a chat in a file is one of Open WebUI."""
    return isinstance(mapping(mapping(value.get("chat")).get("history")).get("messages"), dict)


def read(value: dict[str, Any], pictures: Pictures, left_out: Counter[str]) -> ForeignChat:
    """A chat with all its branches."""
    inside = mapping(value.get("chat"))
    history = mapping(inside.get("history"))
    messages = mapping(history.get("messages"))
    tags = [*texts(mapping(value.get("meta")).get("tags")), *texts(inside.get("tags"))]
    chat = ForeignChat(
        id=said(value.get("id")) or said(inside.get("id")) or next(iter(messages), ""),
        title=said(value.get("title")) or said(inside.get("title")),
        current=said(history.get("currentId")),
        tags=tuple(dict.fromkeys(tags)),
        at=moment(value.get("created_at") or inside.get("timestamp")),
    )
    for key, raw in messages.items():
        message = mapping(raw)
        role = said(message.get("role"))
        kind: Role = "user" if role == "user" else "assistant" if role == "assistant" else "other"
        chat.nodes.append(
            Node(
                id=str(key),
                parent=said(message.get("parentId")) or None,
                role=kind,
                text=_text(message.get("content")),
                images=_images(message, pictures, left_out) if kind == "user" else (),
                at=moment(message.get("timestamp")),
                model=said(message.get("model")),
            )
        )
    return chat


def _text(content: Any) -> str:
    if isinstance(content, str):
        return said(content)
    return "\n".join(said(each.get("text")) for each in objects(content) if each.get("type") == "text")


def _images(message: dict[str, Any], pictures: Pictures, left_out: Counter[str]) -> tuple[ImagePart, ...]:
    found: tuple[ImagePart, ...] = ()
    for each in objects(message.get("files")):
        if each.get("type") == "image" or said(each.get("content_type")).startswith("image/"):
            found += pictures.of_url(said(each.get("url")), said(each.get("name")))
        else:
            left_out["files that are no pictures"] += 1
    return found
