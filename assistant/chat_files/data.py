"""Chats as JSON: everything that is needed to import them again."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from assistant.chat_files.chat import Chat
from assistant.messages import ImagePart

FORMAT: Final = "glassbox-chats"
VERSION: Final = 1


def as_json(chats: Sequence[Chat], *, with_pictures: bool = True) -> str:
    """The chats as a JSON document; in a zip the pictures are files beside it."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "chats": [_chat(chat) for chat in chats],
    }
    if with_pictures:
        document["pictures"] = {
            sha256: base64.b64encode(part.data).decode("ascii") for sha256, part in pictures_of(chats).items()
        }
    return json.dumps(document, ensure_ascii=False, indent=1)


def pictures_of(chats: Sequence[Chat]) -> dict[str, ImagePart]:
    """Every picture of the chats once, by its hash."""
    messages = (
        message
        for chat in chats
        for record in chat.turns
        for message in (record.turn.question, *(each.question for each in record.turn.history))
    )
    return {part.sha256: part for message in messages for part in message.images}


def _chat(chat: Chat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "title": chat.title,
        "tags": list(chat.tags),
        "created_at": chat.created_at.isoformat(),
        "leaf": chat.leaf,
        "turns": [record.model_dump(mode="json") for record in chat.turns],
    }
