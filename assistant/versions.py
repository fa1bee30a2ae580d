"""Other versions of a turn: an answer that a person changed, one that goes on, and a chat that branches off.

A stored turn is never replaced. Each of these adds turns beside it, and the page switches between them.
"""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.backends import check_goes_on
from assistant.errors import InputError, NotFound, TextTooLong
from assistant.messages import Door, Trace, TurnRecord, new_id, now
from assistant.runtime import Question, Runtime

MORE_TOKENS = 256
"""At least so many tokens may be written where an answer that was cut off goes on."""

LONGEST_WORD = 40
"""Characters. The last word of an answer that was cut off may be a part of one, and is written again; in a script
without spaces it stays."""


def edit_answer(runtime: Runtime, turn_id: str, text: str) -> TurnRecord:
    """Store an answer that a person wrote in place of a model's, as another version of that turn.

    The rules judge it as they judge a model's answer, and it counts as the answer in what follows.

    Raises:
        NotFound: there is no such turn.
        InputError: the text is empty, too long, unchanged, or a rule refuses it; or the turn was refused.
        StoreError: it cannot be stored.
    """
    before = runtime.store.turn(turn_id)
    text = text.replace("\0", "").strip()
    if before.refusal is not None:
        raise InputError("A refused question has no answer that could be changed.", hint="Change the question.")
    if not text or text == before.answer:
        raise InputError("The answer was not changed.", hint="Write another one, or leave it as it is.")
    if len(text) > runtime.settings.max_text:
        raise TextTooLong(
            f"The text has {len(text):,} characters; at most {runtime.settings.max_text:,} can be kept.",
            hint="Shorten it.",
        )
    checked = runtime.check(text, role="answer", settings=before.turn.settings)
    if checked.refusal is not None:
        raise InputError(
            f"Not kept: the rule “{checked.refusal.rule.title}” refuses this answer.", hint=checked.refusal.rule.text
        )
    turn = before.turn.model_copy(update={"id": new_id(), "created_at": now()})
    record = TurnRecord(
        turn=turn,
        status="answered",
        answer=text,
        edited_from=turn_id,
        trace=Trace(hooks=checked.hooks, verdicts=checked.verdicts, packs=dict(before.trace.packs)),
    )
    runtime.store.save_turn(record)
    return record


def can_go_on(record: TurnRecord) -> bool:
    """Whether an answer was stopped or cut off."""
    return bool(record.answer) and (record.status == "stopped" or _cut_off(record))


def go_on(runtime: Runtime, turn_id: str, door: Door = "api") -> Question:
    """The question of an answer that was stopped or cut off, to be answered whole, as another version of that turn.

    The model gets what there is of the answer and writes what comes after it.

    Raises:
        NotFound: there is no such turn, or its answer is whole.
        UnknownModel: the model that wrote it is not here.
        GenerationError: that model cannot go on with an answer.
    """
    record = runtime.store.turn(turn_id)
    if not can_go_on(record):
        raise NotFound("This answer is whole: there is nothing to go on with.", hint="Try again gives another one.")
    settings = record.turn.settings
    check_goes_on(runtime.generator(settings.model).backend)
    if _cut_off(record) and settings.max_tokens is not None:
        settings = settings.model_copy(update={"max_tokens": max(settings.max_tokens, MORE_TOKENS)})
    return replace(runtime.retry(turn_id, settings=settings, door=door), begun=_begun(record))


def _cut_off(record: TurnRecord) -> bool:
    return record.status == "answered" and record.trace.tokens is not None and record.trace.tokens.cut_off


def _begun(record: TurnRecord) -> str:
    """What the model itself wrote of an answer, up to its last whole word."""
    text = record.answer
    verdicts = [each.verdict for each in record.trace.verdicts]
    duties = [each.message for each in verdicts if each.action == "disclaim" and each.message]
    for duty in duties:  # they stand before or after the answer, and are put there again
        text = text.removeprefix(f"{duty}\n\n")
    for duty in reversed(duties):
        text = text.removesuffix(f"\n\n{duty}")
    if _cut_off(record):
        last = re.search(rf"(?<=\S)\s+\S{{0,{LONGEST_WORD}}}$", text)
        text = text[: last.start()] if last else text
    return text.rstrip()


def fork(runtime: Runtime, turn_id: str) -> str:
    """Start a new conversation with a copy of everything up to a turn; returns its id.

    Raises:
        NotFound: there is no such turn.
        StoreError: it cannot be stored; then what was copied is gone again.
    """
    store = runtime.store
    conversation = new_id()
    parent: str | None = None
    path = store.branch(store.turn(turn_id).turn.conversation_id, turn_id)
    try:
        for record in path:
            turn = record.turn.model_copy(update={"id": new_id(), "conversation_id": conversation, "parent_id": parent})
            store.save_turn(record.model_copy(update={"turn": turn, "finished_at": now()}))
            parent = turn.id
    except Exception:
        if parent is not None:
            store.delete_conversation(conversation)
        raise
    return conversation


def edit_question(runtime: Runtime, turn_id: str, question: Question) -> Question:
    """A changed question in the place of an earlier one, as another version of that turn.

    Raises:
        NotFound: there is no such turn.
    """
    turn = runtime.store.turn(turn_id).turn
    return replace(question, conversation_id=turn.conversation_id, parent_id=turn.parent_id, settings=turn.settings)
