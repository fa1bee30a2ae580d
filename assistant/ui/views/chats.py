"""The list of past chats, the field to search them, and what a search found."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from assistant.store.values import ConversationSummary, Found
from assistant.ui.languages import moment, number, told, tr, trn
from assistant.ui.views.markup import Html, dots, join, tag, text

PAGE = 50
"""Chats that the list shows at once."""


def search_form() -> Html:
    """The field over the list."""
    return tag(
        "form",
        tag("label", tr("Search chats"), for_="find-words"),
        tag(
            "div",
            tag(
                "input", id="find-words", type="search", name="words", maxlength="200", placeholder=tr("words or #tag")
            ),
            tag("button", tr("Search"), type="submit"),
            class_="find-row",
        ),
        class_="find",
        role="search",
        data_event="act",
        data_act="search",
    )


def files_form() -> Html:
    """Below the list: all chats into a file, and chats from a file."""
    return tag(
        "details",
        tag("summary", tr("Save or import chats")),
        tag("p", tag("a", tr("Save all chats as a zip"), href="chats/all/file?format=zip", download=True)),
        tag("p", tr("Chats that are here already are not doubled."), class_="quiet"),
        tag("p", tr("Files of ChatGPT, Open WebUI and LibreChat can be imported too."), class_="quiet"),
        tag("button", tr("Import chats"), type="button", id="import-chats"),
        tag("input", id="import-file", type="file", accept=".json,.zip", hidden=True, aria_label=tr("Chats to import")),
        class_="files",
    )


def chat_list(
    chats: Sequence[ConversationSummary],
    current: str | None,
    problem: str = "",
    *,
    tags: Sequence[tuple[str, int]] = (),
    older: bool = False,
) -> Html:
    """The chats, the newest first, each with a way to open, rename, tag, and delete it.

    Args:
        chats: the newest ones.
        current: the id of the open one.
        problem: why there are none to show.
        tags: every tag with its number of chats.
        older: whether there are more than these.
    """
    content: Html
    if problem:
        content = tag("p", told(problem), class_="problem", role="alert")
    elif not chats:
        content = tag("p", tr("Nothing yet. What you ask is kept here, on this computer."), class_="quiet")
    else:
        content = tag("ul", *(_chat(each, each.id == current) for each in chats))
    return tag(
        "nav",
        tag("h2", tr("Past chats")),
        _tags(tags) if tags else None,
        content,
        _older(PAGE) if older else None,
        class_="chats",
        aria_label=tr("Past chats"),
    )


def found_list(found: Sequence[Found], words: str) -> Html:
    """What a search found, each with a way to open it where the words stand."""
    hint = tag("p", tr("Search for other words, or for the beginning of one."), class_="quiet") if not found else None
    title = (
        trn("{count} chat found for “{words}”", "{count} chats found for “{words}”", len(found), words=words)
        if found
        else tr("Nothing found for “{words}”", words=words)
    )
    return _instead(title, hint, *map(_found, found))


def older_list(chats: Sequence[ConversationSummary], offset: int, more: bool) -> Html:
    """A further page of chats."""
    return _instead(
        tr("Older chats"),
        None,
        *(_found(Found(conversation=each)) for each in chats),
        after=_older(offset + PAGE) if more else None,
    )


def _instead(title: str, hint: Html | None, *lines: Html, after: Html | None = None) -> Html:
    """A list that takes the place of the newest chats."""
    back = tag("button", tr("All chats"), type="button", data_event="act", data_act="search", data_words="")
    return tag(
        "nav",
        tag("div", tag("h2", title), role="status"),
        back,
        hint,
        tag("ul", *lines) if lines else None,
        after,
        class_="chats found-list",
        aria_label=tr("Chats that were found"),
    )


def _found(found: Found) -> Html:
    chat = found.conversation
    return tag(
        "li",
        tag(
            "button",
            tag("span", chat.title, class_="title", dir="auto"),
            tag("span", _marked(found), class_="excerpt", dir="auto") if found.excerpt else None,
            tag("span", _when(chat), class_="quiet"),
            type="button",
            class_="open",
            data_event="act",
            data_act="open",
            data_chat=chat.id,
            data_turn=found.turn_id,
        ),
    )


def _marked(found: Found) -> Html:
    pieces: list[Html] = []
    done = 0
    for start, end in found.marks:
        pieces += [text(found.excerpt[done:start]), tag("mark", found.excerpt[start:end])]
        done = end
    return join([*pieces, text(found.excerpt[done:])])


def _older(offset: int) -> Html:
    return tag("button", tr("Older chats"), type="button", data_event="act", data_act="older", data_offset=offset)


def _tags(tags: Sequence[tuple[str, int]]) -> Html:
    return tag(
        "div",
        *(
            tag(
                "button",
                f"#{name} ",
                tag("span", number(count), class_="quiet"),
                type="button",
                aria_label=tr("Show the chats tagged {name}: {count}", name=name, count=count),
                data_event="act",
                data_act="search",
                data_words=f"#{name}",
            )
            for name, count in tags
        ),
        class_="tags",
        role="group",
        aria_label=tr("Tags"),
    )


def _when(chat: ConversationSummary) -> Html:
    count = trn("{count} turn", "{count} turns", chat.turns)
    tags = "".join(f" #{name}" for name in chat.tags)
    return dots((moment(chat.updated_at), count + tags))


def _chat(chat: ConversationSummary, current: bool) -> Html:
    return tag(
        "li",
        tag(
            "button",
            tag("span", chat.title, class_="title", dir="auto"),
            tag("span", _when(chat), class_="quiet"),
            type="button",
            class_="open",
            aria_current="true" if current else None,
            data_event="act",
            data_act="open",
            data_chat=chat.id,
        ),
        tag(
            "details",
            tag("summary", "⋯", aria_label=tr("Rename, tag, save or delete “{title}”", title=chat.title)),
            _field(chat, "rename", tr("New name"), "title", chat.title, tr("Rename"), required=True),
            _field(chat, "tag", tr("Tags, with a space between"), "tags", " ".join(chat.tags), tr("Set tags")),
            _save(chat),
            tag(
                "details",
                tag("summary", tr("Delete this chat")),
                tag("p", tr("Its questions, pictures, answers and ratings will be gone for good.")),
                tag(
                    "button",
                    tr("Delete for good"),
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


def _save(chat: ConversationSummary) -> Html:
    kinds = (
        ("html", tr("A page to share")),
        ("md", tr("Markdown")),
        ("zip", tr("Zip with pictures, to import again")),
        ("json", tr("JSON, to import again")),
    )
    return tag(
        "details",
        tag("summary", tr("Save this chat as a file")),
        tag(
            "ul",
            *(
                tag("li", tag("a", label, href=f"chats/{quote(chat.id, safe='')}/file?format={kind}", download=True))
                for kind, label in kinds
            ),
            class_="files",
        ),
    )


def _field(
    chat: ConversationSummary, act: str, label: str, name: str, value: str, button: str, *, required: bool = False
) -> Html:
    field = f"{act}-{chat.id}"
    return tag(
        "form",
        tag("label", label, for_=field),
        tag("input", dir="auto", id=field, name=name, value=value, maxlength="200", required=required),
        tag("button", button, type="submit"),
        data_event="act",
        data_act=act,
        data_chat=chat.id,
        data_key=f"{field}-{value}",
    )
