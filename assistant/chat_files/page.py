"""A chat as one HTML file that shows itself everywhere: pictures inside, no script, nothing fetched."""

from __future__ import annotations

import base64
from typing import Final

from assistant.chat_files.chat import Chat
from assistant.chat_files.words import answered_by
from assistant.messages import ImagePart, TurnRecord
from assistant.ui.views.markup import Html, join, tag, text

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 0.9rem; margin: 0 0 0.3rem; }
section { border: 1px solid #8888; border-radius: 0.7rem; padding: 0.7rem 1rem; margin: 0.8rem 0; }
section.question { margin-left: 12%; }
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3rem 0; }
img { max-width: 100%; max-height: 24rem; border-radius: 0.5rem; display: block; margin: 0.3rem 0; }
footer, .note { font-size: 0.85rem; }
"""

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Even a mistake of ours could load and run nothing."""


def as_page(chat: Chat) -> str:
    """The branch that is open, as a whole HTML document."""
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="referrer" content="no-referrer">'),
            tag("title", chat.title),
            tag("style", Html(STYLE)),
        ]
    )
    body = tag(
        "main",
        tag("h1", chat.title),
        *(_turn(record) for record in chat.shown),
        tag("footer", f"A chat of {chat.created_at:%d %B %Y}, saved from Glassbox."),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _turn(record: TurnRecord) -> Html:
    question = record.turn.question
    return join(
        [
            tag(
                "section",
                tag("h2", "Question"),
                *(_picture(part, number) for number, part in enumerate(question.images, 1)),
                tag("p", question.text) if question.text else None,
                class_="question",
            ),
            tag(
                "section",
                tag("h2", answered_by(record)),
                tag("p", record.shown),
                *(tag("p", note, class_="note") for note in record.trace.notes),
            ),
        ]
    )


def _picture(part: ImagePart, number: int) -> Html:
    data = base64.b64encode(part.data).decode("ascii")
    alt = part.alt or ": ".join(each for each in (f"Picture {number}", part.name) if each)
    return tag("img", src=f"data:{part.media_type};base64,{data}", alt=alt)
