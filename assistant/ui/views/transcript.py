"""The conversation: questions with their pictures, answers with their footers, refusal cards, and the running turn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.messages import Appeal, Feedback, TurnRecord
from assistant.ui.languages import percent, told, tr
from assistant.ui.views.markup import Html, join, tag, thumb
from assistant.ui.views.picture import Picture, picture_of
from assistant.ui.views.pointed import pointed_picture
from assistant.ui.views.refusal import refusal_card
from assistant.verdicts import Region
from assistant.versions import can_go_on

LONG = 1500
"""From this many characters on, a question is shown in a box that scrolls."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One turn with everything that hangs on it. ``versions`` are the ids of the turn and its retries, oldest first."""

    record: TurnRecord
    feedback: Feedback | None = None
    appeals: Sequence[Appeal] = ()
    versions: Sequence[str] = ()
    traceable: bool = True


def transcript(
    turns: Sequence[ShownTurn], *, conversation_id: str | None, receipt: tuple[str, str] = ("", ""), goto: str = ""
) -> Html:
    """The finished turns of a conversation.

    Args:
        turns: from the first on.
        conversation_id: for the page's address.
        receipt: a turn's id and the sentence that came back for the last rating or appeal.
        goto: the id of the turn that the page scrolls to.
    """
    shown = [turn_view(turn, receipt=receipt[1] if receipt[0] == turn.record.id else "") for turn in turns]
    return tag(
        "div",
        tag("h2", tr("Conversation"), class_="hidden"),
        *shown,
        class_="transcript",
        data_chat=conversation_id or "",
        data_goto=goto,
    )


def turn_view(turn: ShownTurn, *, receipt: str = "") -> Html:
    """One question and what came of it."""
    record = turn.record
    question = record.turn.question
    pictures = [picture_of(part, number) for number, part in enumerate(question.images)]
    refusal = record.refusal
    return tag(
        "article",
        question_view(question.text, pictures, record.id, question.regions),
        tag(
            "div",
            tag("h3", tr("Answer"), class_="hidden"),
            _answer(turn) if refusal is None else refusal_card(record, refusal, turn.appeals, receipt),
            _notes(record),
            _footer(turn, receipt if refusal is None else ""),
            class_="answer",
            id=f"turn-{record.id}",
        ),
        class_=f"turn {record.status}",
        aria_label=tr("Question and answer"),
    )


def question_view(
    question: str, pictures: Sequence[Picture], turn_id: str = "", regions: Sequence[Region] = ()
) -> Html:
    """What the person asked, with the pictures and the places in them; with the id of its turn, it can be changed."""
    return tag(
        "div",
        tag("h3", tr("You asked"), class_="hidden"),
        _pictures(pictures, regions) if pictures else None,
        _question_text(question) if question else None,
        tag(
            "button",
            tr("Change"),
            type="button",
            aria_label=tr("Change this question"),
            class_="small",
            data_event="draft",
            data_act="edit",
            data_turn=turn_id,
        )
        if turn_id
        else None,
        class_="question",
    )


def _pictures(pictures: Sequence[Picture], regions: Sequence[Region]) -> Html:
    shown: list[Html] = []
    first = 1
    for number, picture in enumerate(pictures):
        places = [region for region in regions if region.image == number]
        if places:
            shown.append(pointed_picture(picture, places, first))
        else:
            shown.append(tag("img", src=picture.address, alt=picture.alt, loading="lazy"))
        first += len(places)
    return tag("div", *shown, class_="pictures")


def _question_text(question: str) -> Html:
    """The text of a question; a long one scrolls by itself, by keyboard too."""
    if len(question) <= LONG:
        return tag("p", question, class_="text", dir="auto")
    return tag("p", question, class_="text long", dir="auto", tabindex=0, role="group", aria_label=tr("Your question"))


def running_turn(question: str, pictures: Sequence[Picture], answer: str) -> Html:
    """The turn that is being answered; what stands there may still give way to a refusal."""
    return tag(
        "article",
        question_view(question, pictures),
        tag("div", tag("p", answer or "…", class_="text", dir="auto"), class_="answer writing"),
        class_="turn running",
        aria_label=tr("The running turn"),
    )


def _answer(turn: ShownTurn) -> Html:
    record = turn.record
    if record.status == "failed":
        kept = tag("p", record.answer, class_="text", dir="auto") if record.answer else None
        return join([kept, tag("p", told(record.error), class_="problem")])
    if not record.answer:
        return tag("p", told(record.shown), class_="text quiet", dir="auto")
    if not turn.traceable or record.status == "stopped" or record.edited_from:
        return tag("p", record.answer, class_="text", dir="auto")
    return tag("p", *_clickable_words(record), class_="text", dir="auto")


def _clickable_words(record: TurnRecord) -> list[Html | str]:
    """The answer with a place to click at each word. The panel's buttons do the same for the keyboard."""
    pieces: list[Html | str] = []
    done = 0
    for word in _WORD.finditer(record.answer):
        pieces.append(record.answer[done : word.start()])
        pieces.append(
            tag(
                "span",
                word.group(),
                class_="word",
                data_event="explain",
                data_act="word",
                data_turn=record.id,
                data_at=word.start(),
            )
        )
        done = word.end()
    return [*pieces, record.answer[done:]]


def status_words(record: TurnRecord) -> str:
    """How the turn ended, and how sure the model is, in a few words."""
    if record.edited_from:
        return tr("written by you")
    match record.status:
        case "answered" if record.trace.tokens is not None and record.trace.tokens.cut_off:
            return tr("cut off: it became too long")
        case "answered":
            return "" if record.confidence is None else tr("{share} sure", share=percent(record.confidence))
        case "unsure":
            return tr("not sure")
        case "stopped":
            return tr("stopped by you")
        case "failed":
            return tr("did not work")
        case "asked":
            return tr("a question first")
        case "refused":
            return tr("refused")


def _notes(record: TurnRecord) -> Html | None:
    if not record.trace.notes:
        return None
    return tag("ul", *(tag("li", told(note)) for note in record.trace.notes), class_="notes")


def _footer(turn: ShownTurn, receipt: str) -> Html:
    record = turn.record
    words = status_words(record)
    rated = turn.feedback.rating if turn.feedback else None
    can_rate = record.status in ("answered", "unsure") or (record.status == "stopped" and bool(record.answer))
    can_rate = can_rate and not record.edited_from
    return tag(
        "div",
        tag("span", words, class_=f"status {record.status}") if words else None,
        _thumb(record.id, "up", tr("Good answer"), pressed=rated == "up") if can_rate else None,
        _thumb(record.id, "down", tr("Bad answer"), pressed=rated == "down") if can_rate else None,
        _why(record.id) if rated == "down" and can_rate else None,
        tag("button", tr("Look inside"), type="button", data_event="explain", data_act="look", data_turn=record.id),
        tag("button", tr("Try again"), type="button", data_event="turn", data_act="retry", data_turn=record.id),
        tag("button", tr("Go on"), type="button", data_event="turn", data_act="go-on", data_turn=record.id)
        if can_go_on(record)
        else None,
        _versions(turn),
        _more(record),
        tag("span", told(receipt), class_="receipt", role="status") if receipt else None,
        class_="footer",
    )


def _why(turn_id: str) -> Html:
    """The way to the reasons of a bad rating; the keyboard goes with it."""
    return tag(
        "button",
        tr("Say why"),
        type="button",
        data_event="explain",
        data_act="look",
        data_turn=turn_id,
        data_why=True,
    )


def _more(record: TurnRecord) -> Html:
    """What is needed now and then: a chat that branches off, and an answer of one's own."""
    field = f"correct-{record.id}"
    fork = tag(
        "button", tr("New chat from here"), type="button", data_event="act", data_act="fork", data_turn=record.id
    )
    own = tag(
        "form",
        tag("label", tr("Write the answer yourself"), for_=field),
        tag("textarea", record.answer, dir="auto", id=field, name="text", rows="3", maxlength="20000", required=True),
        tag("p", tr("It is kept as another version, marked as written by you, and the chat goes on with it.")),
        tag("button", tr("Keep this answer"), type="submit"),
        data_event="act",
        data_act="correct",
        data_turn=record.id,
        data_key=field,
    )
    return tag(
        "details",
        tag("summary", tr("More")),
        fork,
        own if record.refusal is None and record.status != "failed" else None,
        class_="more",
        data_key=f"more-{record.id}",
    )


def _thumb(turn_id: str, rating: str, label: str, *, pressed: bool) -> Html:
    return tag(
        "button",
        thumb(rating),
        type="button",
        class_="thumb",
        aria_label=label,
        title=tr("{label}: press again to take it back", label=label) if pressed else label,
        aria_pressed="true" if pressed else "false",
        data_event="act",
        data_act="thumb",
        data_rating=rating,
        data_turn=turn_id,
    )


def _versions(turn: ShownTurn) -> Html | None:
    count = len(turn.versions)
    if count < 2 or turn.record.id not in turn.versions:
        return None
    place = turn.versions.index(turn.record.id)

    def step(label: str, sign: str, to: int) -> Html:
        inside = 0 <= to < count
        return tag(
            "button",
            tag("span", sign, aria_hidden="true"),
            type="button",
            aria_label=label,
            disabled=not inside,
            data_event="act",
            data_act="version",
            data_turn=turn.versions[to] if inside else None,
        )

    return tag(
        "span",
        step(tr("The version before"), "‹", place - 1),
        " ",
        tr("{number} of {count}", number=place + 1, count=count),
        " ",
        step(tr("The next version"), "›", place + 1),
        class_="versions",
    )
