"""What ``POST /v1/chat/completions`` answers: OpenAI's shapes, and in ``glassbox`` how the answer came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from assistant.messages import ModelInfo, Status, TurnRecord, VerdictRecord
from assistant.verdicts import Refusal

FinishReason = Literal["stop", "length", "content_filter"]


class GlassboxTurn(BaseModel):
    """How one answer came about."""

    index: int = Field(description="Which of the choices it is.")
    turn_id: str = Field(description="For `/v1/feedback` and `/v1/explain`.")
    conversation_id: str
    status: Status
    refusal: Refusal | None = Field(default=None, description="The rule, the words it marks, what is possible.")
    verdicts: list[VerdictRecord] = Field(description="What the rules said.")
    notes: list[str] = Field(description="What a person should know: about pictures, earlier messages, changes.")
    confidence: float | None = Field(default=None, description="The calibrated probability that the answer is right.")
    model: ModelInfo | None = None
    packs: dict[str, str] = Field(description="The constitution packs in force, with their versions.")
    timings: dict[str, float] = Field(description="Milliseconds by step.")
    withdrawn: bool = Field(
        default=False, description="Text that was streamed before a rule refused the answer no longer stands."
    )


class GlassboxReply(BaseModel):
    """One entry for each choice."""

    turns: list[GlassboxTurn]


class AnswerMessage(BaseModel):
    """An answer. A refusal stands in `content` too, so that a person sees it wherever it is shown."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None


class Choice(BaseModel):
    """One of the answers. A refused one has the `finish_reason` content_filter."""

    index: int
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class Usage(BaseModel):
    """In the model's own tokens; pictures count for none. All choices together."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """The whole reply."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = Field(default=None, description="Missing where the model does not count.")
    glassbox: GlassboxReply


class Delta(BaseModel):
    """What comes next of one answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None


class ChunkChoice(BaseModel):
    """What comes next of one of the answers; the last piece has a `finish_reason`."""

    index: int
    delta: Delta
    finish_reason: FinishReason | None = None
    logprobs: None = None


class ChatChunk(BaseModel):
    """One server-sent event of a streamed reply. The last one of each choice has `glassbox`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    glassbox: GlassboxReply | None = None


def finish_reason(record: TurnRecord) -> FinishReason:
    """Why an answer ended."""
    if record.refusal is not None:
        return "content_filter"
    return "length" if record.trace.tokens is not None and record.trace.tokens.cut_off else "stop"


def usage_of(records: Sequence[TurnRecord]) -> Usage | None:
    """The tokens of all answers together, the question counted once; ``None`` where a model did not count."""
    asked = [each for each in records if each.trace.model is not None]  # a refused question was never read by it
    counts = [each.trace.tokens for each in asked if each.trace.tokens is not None]
    if len(counts) < len(asked):
        return None
    read = max((count.read for count in counts), default=0)
    written = sum(count.written for count in counts)
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def turn_of(index: int, record: TurnRecord, notes: Sequence[str], *, withdrawn: bool = False) -> GlassboxTurn:
    """How an answer came about. ``notes`` are those of the request, before the turn's own."""
    return GlassboxTurn(
        index=index,
        turn_id=record.id,
        conversation_id=record.turn.conversation_id,
        status=record.status,
        refusal=record.refusal,
        verdicts=list(record.trace.verdicts),
        notes=[*notes, *record.trace.notes],
        confidence=record.confidence,
        model=record.trace.model,
        packs=record.trace.packs,
        timings=record.trace.timings,
        withdrawn=withdrawn,
    )


def new_text(record: TurnRecord) -> str:
    """What a reply holds of an answer: all that is shown, but for the beginning that came with the request. Where
    something else stands there now, all of it."""
    return record.shown if record.refusal is not None else record.shown.removeprefix(record.turn.begun)


def choice_of(index: int, record: TurnRecord) -> Choice:
    """An answer as a choice."""
    refusal = record.shown if record.refusal is not None else None
    return Choice(
        index=index,
        message=AnswerMessage(content=new_text(record), refusal=refusal),
        finish_reason=finish_reason(record),
    )
