"""The list of past chats."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.store.values import ConversationSummary
from assistant.ui.views.markup import Html, tag


def chat_list(chats: Sequence[ConversationSummary], current: str | None, problem: str = "") -> Html:
    """The chats, the newest first, each with a way to open, rename and delete it."""
    content: Html
    if problem:
        content = tag("p", problem, class_="problem", role="alert")
    elif not chats:
        content = tag("p", "Nothing yet. What you ask is kept here, on this computer.", class_="quiet")
    else:
        content = tag("ul", *(_chat(each, each.id == current) for each in chats))
    return tag("nav", tag("h2", "Past chats"), content, class_="chats", aria_label="Past chats")


def _chat(chat: ConversationSummary, current: bool) -> Html:
    field = f"rename-{chat.id}"
    count = "1 turn" if chat.turns == 1 else f"{chat.turns} turns"
    return tag(
        "li",
        tag(
            "button",
            tag("span", chat.title, class_="title"),
            tag("span", f"{chat.updated_at.astimezone():%d %b, %H:%M} · {count}", class_="quiet"),
            type="button",
            class_="open",
            aria_current="true" if current else None,
            data_event="act",
            data_act="open",
            data_chat=chat.id,
        ),
        tag(
            "details",
            tag("summary", "⋯", aria_label=f"Rename or delete “{chat.title}”"),
            tag(
                "form",
                tag("label", "New name", for_=field),
                tag("input", id=field, name="title", value=chat.title, maxlength="200", required=True),
                tag("button", "Rename", type="submit"),
                data_event="act",
                data_act="rename",
                data_chat=chat.id,
                data_key=f"{field}-{chat.title}",
            ),
            tag(
                "details",
                tag("summary", "Delete this chat"),
                tag("p", "Its questions, pictures, answers and ratings will be gone for good."),
                tag(
                    "button",
                    "Delete for good",
                    type="button",
                    class_="danger",
                    data_event="act",
                    data_act="delete",
                    data_chat=chat.id,
                ),
            ),
            data_key=chat.id,
        ),
        class_="current" if current else "",
    )
