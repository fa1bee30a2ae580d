"""A chat as Markdown, to be read and to be put into other documents."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.chat_files.chat import Chat
from assistant.chat_files.words import answered_by
from assistant.messages import ImagePart

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)


def as_markdown(chat: Chat, address: Callable[[ImagePart], str] | None = None) -> str:
    """The branch that is open, as Markdown.

    Args:
        chat: the conversation.
        address: where a picture is; left out, pictures are named and not shown.
    """
    blocks = [f"# {escaped(chat.title)}", f"A chat of {chat.created_at:%d %B %Y}, saved from Glassbox."]
    for record in chat.shown:
        question = record.turn.question
        blocks.append("## Question")
        blocks += [_picture(part, number, address) for number, part in enumerate(question.images, 1)]
        if question.text:
            blocks.append(escaped(question.text))
        blocks += [f"## {answered_by(record)}", escaped(record.shown)]
        blocks += [f"*{escaped(note)}*" for note in record.trace.notes]
    return "\n\n".join(blocks) + "\n"


def escaped(words: str) -> str:
    """Text that Markdown shows as it is."""
    words = _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", words.replace("\r", "")))
    return "  \n".join(words.split("\n"))  # two spaces keep a line break


def _picture(part: ImagePart, number: int, address: Callable[[ImagePart], str] | None) -> str:
    words = ": ".join(each for each in (f"Picture {number}", part.alt or part.name) if each)
    return f"![{escaped(words)}]({address(part)})" if address else f"\\[{escaped(words)}\\]"
