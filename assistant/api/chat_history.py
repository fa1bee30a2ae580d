"""From the messages of a request to a question with what was said before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assistant.api.chat_request import ChatMessage, RefusalPart, TextPart
from assistant.api.pictures_in import picture_from_url
from assistant.api.problems import Problem, problem_of
from assistant.brought_history import Brought
from assistant.errors import InputError
from assistant.intake import read_message, with_regions
from assistant.messages import ImagePart, Message
from assistant.places import place_of
from assistant.settings import Settings
from assistant.verdicts import Region

MOST_EXCHANGES = 20
"""Older ones are left out: the rules look at every one that is brought."""

SYSTEM_NOTE = (
    "The system message had no effect: what an answer must be like is written in constitution packs, and the person's "
    "own words are the question."
)
OPENING_NOTE = "What stood before the person's first message was left out."
EXCHANGES_NOTE = f"Only the latest {MOST_EXCHANGES} questions before this one were looked at."
PICTURES_NOTE = "Pictures of earlier messages were left out: there are more than can be looked at."

_RULE_LINE = re.compile(r"^Rule \S+, pack \S+ \S+\.$", re.MULTILINE)


def is_refusal_card(text: str) -> bool:
    """Whether a text is a refusal as it is shown (`Refusal.as_text`), perhaps under what was let out before it.

    A client that keeps only the text of an answer sends it back as if it were one.
    """
    for heading in ("Refused: ", "One question first: "):
        at = 0 if text.startswith(heading) else text.rfind(f"\n\n{heading}")
        if at >= 0 and _RULE_LINE.search(text, at):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Chat:
    """A question, what was said before it, what the person should know of how it was read, and how the answer
    begins."""

    question: Message
    brought: tuple[Brought, ...]
    notes: tuple[str, ...]
    begun: str = ""


@dataclass(slots=True)
class _Said:
    """The messages that one side sent one after the other, as one."""

    role: str
    texts: list[str] = field(default_factory=list[str])
    urls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    places: list[Region] = field(default_factory=list[Region])
    refused: bool = False

    @property
    def text(self) -> str:
        return "\n".join(text for text in self.texts if text)


def read_chat(messages: Sequence[ChatMessage], settings: Settings, *, go_on: bool = False) -> Chat:
    """Read the messages of a request. With ``go_on``, the last one is the beginning of the answer.

    A system message has no effect, because no model gets instructions besides the packs; several messages of one side
    in a row count as one; an answer that was refused leaves no exchange.

    Raises:
        Problem: the last message is not the person's, or text or pictures cannot be used.
    """
    if go_on:
        begun = _begun(messages, settings)
        return replace(read_chat(messages[:-1], settings), begun=begun)
    notes: list[str] = []
    if any(each.role in ("system", "developer") for each in messages):
        notes.append(SYSTEM_NOTE)
    said = _by_side(messages)
    if said and said[0].role == "assistant":
        notes.append(OPENING_NOTE)
        said = said[1:]
    if not said or said[-1].role != "user":
        message = "The last message must be the person's question (role: user)."
        raise Problem(400, message, param=f"messages.{len(messages) - 1}.role", code="invalid_value")
    earlier = list(zip(said[:-1:2], said[1::2], strict=True))
    if len(earlier) > MOST_EXCHANGES:
        notes.append(EXCHANGES_NOTE)
    question = _message(said[-1], [picture_from_url(url, place, settings) for place, url in said[-1].urls], settings)
    room = settings.max_images
    brought: list[Brought] = []
    for asked, answered in reversed(earlier[-MOST_EXCHANGES:]):
        kept = asked.urls if len(asked.urls) <= room else []
        room -= len(kept)
        if len(kept) < len(asked.urls):
            notes.append(PICTURES_NOTE)
        pictures = [picture_from_url(url, place, settings) for place, url in kept]
        answer = None if answered.refused or is_refusal_card(answered.text) else answered.text
        if len(answered.text) > settings.max_text:
            message = f"An earlier answer is longer than {settings.max_text:,} characters."
            raise Problem(400, message, param="messages", code="string_above_max_length")
        brought.append(Brought(_message(asked, pictures, settings, may_be_empty=True), answer))
    return Chat(question, tuple(reversed(brought)), tuple(dict.fromkeys(notes)))


def _begun(messages: Sequence[ChatMessage], settings: Settings) -> str:
    """The last message, as the beginning of an answer."""
    said = _by_side([messages[-1]])
    place = f"messages.{len(messages) - 1}"
    if not said or said[0].role != "assistant" or said[0].refused or not said[0].text.strip():
        message = "With continue_final_message, the last message must be the beginning of an answer (role: assistant)."
        raise Problem(400, message, param=f"{place}.role", code="invalid_value")
    if len(said[0].text) > settings.max_text:
        message = f"The beginning of the answer is longer than {settings.max_text:,} characters."
        raise Problem(400, message, param=place, code="string_above_max_length")
    return said[0].text


def _by_side(messages: Sequence[ChatMessage]) -> list[_Said]:
    """What the two sides said in turn."""
    said: list[_Said] = []
    for number, message in enumerate(messages):
        if message.role in ("system", "developer"):
            continue
        if not said or said[-1].role != message.role:
            said.append(_Said(message.role))
        _add(said[-1], message, number)
    return said


def _add(said: _Said, message: ChatMessage, number: int) -> None:
    said.refused = said.refused or bool(message.refusal)
    if message.content is None:
        return
    if isinstance(message.content, str):
        said.texts.append(message.content)
        return
    for at, part in enumerate(message.content):
        place = f"messages.{number}.content.{at}"
        if isinstance(part, TextPart):
            said.texts.append(part.text)
        elif isinstance(part, RefusalPart):
            said.refused = True
        elif message.role == "assistant":
            raise Problem(400, f"{place}: an answer holds no pictures.", param=place, code="invalid_value")
        else:
            try:
                said.places += [place_of(each, len(said.urls)) for each in part.places]
            except InputError as error:
                raise problem_of(error, f"{place}.places") from error
            said.urls.append((f"{place}.image_url", part.image_url.url))


def _message(said: _Said, pictures: Sequence[ImagePart], settings: Settings, *, may_be_empty: bool = False) -> Message:
    if may_be_empty and not said.text.strip() and not pictures:
        return Message(text="")
    try:
        message = read_message(said.text, pictures, settings)
        return with_regions(message, said.places) if pictures else message
    except InputError as error:
        raise problem_of(error, "messages") from error
