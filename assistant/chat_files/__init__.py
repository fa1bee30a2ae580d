"""Chats as files: JSON and zip to be imported again, Markdown and one HTML page to be read."""

from __future__ import annotations

from assistant.chat_files.chat import Chat, read_chat
from assistant.chat_files.exporting import FORMATS, Format, export_chats, file_name
from assistant.chat_files.importing import Imported, import_chats

__all__ = ["FORMATS", "Chat", "Format", "Imported", "export_chats", "file_name", "import_chats", "read_chat"]
