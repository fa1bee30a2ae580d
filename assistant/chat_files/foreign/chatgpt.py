"""ChatGPT's export of an account: ``conversations.json``, alone or in the zip with its pictures.

A chat is a ``mapping`` of nodes with parent and children; ``current_node`` is where it was open. Pictures are named by
``asset_pointer`` (``file-service://ID`` or ``sediment://ID``), and are files of the zip whose names begin with the ID.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from assistant.chat_files.foreign.nodes import ForeignChat, Node, Role, mapping, moment, objects, said
from assistant.chat_files.foreign.pictures import Pictures
from assistant.messages import ImagePart

PRODUCT = "ChatGPT"
_TEXTS = {"text", "multimodal_text"}


def is_one(value: dict[str, Any]) -> bool:
    """Whether a chat in a file is one of ChatGPT."""
    return isinstance(value.get("mapping"), dict) and "current_node" in value


def read(value: dict[str, Any], pictures: Pictures, left_out: Counter[str]) -> ForeignChat:
    """A chat with all its branches."""
    chat = ForeignChat(
        id=said(value.get("conversation_id")) or said(value.get("id")) or said(value.get("current_node")),
        title=said(value.get("title")),
        current=said(value.get("current_node")),
        at=moment(value.get("create_time")),
    )
    for key, raw in mapping(value.get("mapping")).items():
        node = mapping(raw)
        chat.nodes.append(_node(str(key), said(node.get("parent")) or None, mapping(node.get("message")), pictures))
    return chat


def _node(id: str, parent: str | None, message: dict[str, Any], pictures: Pictures) -> Node:
    author, metadata, content = (mapping(message.get(name)) for name in ("author", "metadata", "content"))
    role = said(author.get("role"))
    # What an assistant says to a tool is no answer, nor are its thoughts, nor what is hidden on its own page.
    spoken = content.get("content_type") in _TEXTS and said(message.get("recipient") or "all") == "all"
    shown = spoken and not metadata.get("is_visually_hidden_from_conversation")
    kind: Role = "user" if role == "user" and shown else "assistant" if role == "assistant" and shown else "other"
    parts = content.get("parts")
    words = [said(each) for each in parts if isinstance(each, str)] if isinstance(parts, list) else []
    images: tuple[ImagePart, ...] = ()
    if kind == "user":
        for each in objects(parts):
            if each.get("content_type") == "image_asset_pointer":
                pointer = said(each.get("asset_pointer")).rpartition("//")[2]
                images += pictures.of_file(pointer)
    return Node(
        id=id,
        parent=parent,
        role=kind,
        text="\n".join(words) or said(content.get("text")),
        images=images,
        at=moment(message.get("create_time")),
        model=said(metadata.get("model_slug")),
    )
