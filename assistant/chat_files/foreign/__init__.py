"""Chats of other products, brought into the form in which Glassbox writes its own files."""

from __future__ import annotations

from assistant.chat_files.foreign.reading import Foreign, read_foreign

__all__ = ["Foreign", "read_foreign"]
