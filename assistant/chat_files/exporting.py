"""Chats out: as JSON, zip, Markdown, or one HTML page."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from typing import Literal, get_args

from assistant.chat_files.chat import Chat
from assistant.chat_files.data import as_json, pictures_of
from assistant.chat_files.markdown import as_markdown
from assistant.chat_files.page import as_page
from assistant.errors import InputError
from assistant.messages import ImagePart

Format = Literal["json", "zip", "md", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "zip": "application/zip",
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def export_chats(chats: Sequence[Chat], format: Format) -> bytes:
    """The chats as one file. Of a refused turn, no file has an answer: none was ever stored.

    Raises:
        InputError: several chats were to become one page, or one Markdown text.
    """
    if format in ("md", "html") and len(chats) != 1:
        raise InputError(
            f"As {format}, one chat becomes one file; {len(chats)} came.", hint="Choose json or zip for several."
        )
    match format:
        case "json":
            return as_json(chats).encode()
        case "md":
            return as_markdown(chats[0]).encode()
        case "html":
            return as_page(chats[0]).encode()
        case "zip":
            return _zip(chats)


def file_name(chats: Sequence[Chat], format: Format) -> str:
    """A name for the file: ASCII letters and digits of the title."""
    title = chats[0].title if len(chats) == 1 else f"{len(chats)} chats"
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50].strip("-")
    return f"{words or 'chat'}.{format}"


def path_of(part: ImagePart) -> str:
    """Where a picture lies in a zip."""
    return f"pictures/{part.sha256}.{'png' if part.media_type == 'image/png' else 'jpg'}"


def _zip(chats: Sequence[Chat]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chats.json", as_json(chats, with_pictures=False))
        for number, chat in enumerate(chats, 1):
            archive.writestr(f"{number:03}-{file_name([chat], 'md')}", as_markdown(chat, path_of))
        for part in pictures_of(chats).values():
            archive.writestr(path_of(part), part.data)
    return out.getvalue()
