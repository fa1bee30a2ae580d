"""Find out whose file it is, and read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.chat_files.foreign import chatgpt, librechat, open_webui
from assistant.chat_files.foreign.nodes import as_document, mapping, objects
from assistant.chat_files.foreign.pictures import Pictures
from assistant.settings import Settings

PRODUCTS = (chatgpt, open_webui, librechat)


@dataclass(frozen=True, slots=True)
class Foreign:
    """Chats of another product as they would stand in a file of Glassbox, with the bytes of their pictures by hash;
    ``left_out`` counts what has no place here, by what it is."""

    product: str
    chats: list[dict[str, Any]]
    pictures: dict[str, bytes]
    left_out: Counter[str]


def read_foreign(document: Any, files: Mapping[str, bytes], settings: Settings) -> Foreign | None:
    """The chats of a file of ChatGPT, Open WebUI or LibreChat.

    Args:
        document: the JSON value.
        files: what lies beside it in a zip, by its path.
        settings: the limits for pictures.

    Returns:
        The chats; ``None`` where it is no such file.
    """
    listed = objects(document) if isinstance(document, list) else [mapping(document)]
    for product in PRODUCTS:
        found = [each for each in listed if product.is_one(each)]
        if not found:
            continue
        left_out: Counter[str] = Counter()
        if len(found) < len(listed):
            left_out["entries that are no chats"] += len(listed) - len(found)
        pictures = Pictures(settings, files, left_out)
        read = [product.read(each, pictures, left_out) for each in found]
        chats = [as_document(product.PRODUCT, chat, left_out) for chat in read]
        return Foreign(product.PRODUCT, chats, pictures.read, left_out)
    return None
