"""``POST /v1/feedback`` and ``/v1/explain``: about an answer that was given, at whatever door."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from assistant.api.login.callers import runtime_for
from assistant.api.problems import RESPONSES, Problem
from assistant.api.running import RunningRequests, in_thread
from assistant.errors import BackendError, NotFound
from assistant.explanations import Explanation
from assistant.messages import Feedback
from assistant.runtime import Runtime

PREFIX = "chatcmpl-"

TurnId = Annotated[
    str,
    Field(
        pattern=f"^({PREFIX})?[0-9a-f]{{32}}$",
        description="`glassbox.turns[].turn_id` of a reply; the `id` of a reply stands for its first answer.",
    ),
]


class FeedbackRequest(BaseModel):
    """A rating of one answer. A new one takes the place of the old; `none` takes it back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    turn_id: TurnId
    rating: Literal["up", "down", "none"]
    reasons: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=20)
    text: str = Field(default="", max_length=10_000, description="In the person's own words.")
    correction: str = Field(default="", max_length=10_000, description="What the answer should have been.")


class FeedbackReceipt(BaseModel):
    """What became of a rating."""

    id: str = Field(description="The id of this rating.")
    turn_id: str
    stored: bool
    message: str = Field(description="A sentence for the person who gave it.")


class ExplainRequest(BaseModel):
    """A word of an answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    turn_id: TurnId
    word: Annotated[int, Field(ge=0, lt=1_000_000)] = Field(description="Its number in the answer, from 0.")


class ExplainedWord(BaseModel):
    """A word that can be asked about: characters `start` to `end` (exclusive) of the answer."""

    text: str
    start: int
    end: int
    image: int = Field(description="The picture that it is about, from 0.")


class ExplainReply(BaseModel):
    """Where a word came from, as each of the plugins sees it."""

    turn_id: str
    word: int
    words: list[ExplainedWord] = Field(description="All words of the answer.")
    explanations: list[Explanation]


def router(runtime: Runtime, running: RunningRequests) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/feedback", response_model=FeedbackReceipt, responses=RESPONSES, summary="Rate an answer")
    async def feedback(asked: FeedbackRequest, request: Request) -> FeedbackReceipt:
        turn_id = asked.turn_id.removeprefix(PREFIX)
        given = Feedback(
            turn_id=turn_id,
            rating=asked.rating,
            reasons=tuple(asked.reasons),
            text=asked.text,
            correction=asked.correction,
        )
        async with running.one(request):
            receipt = await in_thread(partial(runtime_for(runtime, request).give_feedback, given))
        return FeedbackReceipt(id=given.id, turn_id=turn_id, stored=receipt.stored, message=receipt.message)

    @routes.post("/explain", response_model=ExplainReply, responses=_EXPLAIN, summary="Where a word came from")
    async def explain(asked: ExplainRequest, request: Request) -> ExplainReply:
        async with running.one(request):
            return await in_thread(partial(explain_word, runtime_for(runtime, request), asked))

    return routes


_EXPLAIN = {
    **RESPONSES,
    422: {**RESPONSES[400], "description": "The model cannot say where the words of this answer came from."},
}


def explain_word(runtime: Runtime, asked: ExplainRequest) -> ExplainReply:
    """Where a word came from.

    Raises:
        Problem: there is no such turn or word, or the model cannot say.
    """
    turn_id = asked.turn_id.removeprefix(PREFIX)
    try:
        trace = runtime.trace(turn_id)
        explanations = runtime.explain(turn_id, asked.word)
    except NotFound as error:
        raise Problem(404, str(error), code="not_found") from error
    except BackendError as error:
        raise Problem(422, str(error), param="turn_id", code="cannot_be_explained") from error
    words = [ExplainedWord(text=each.text, start=each.start, end=each.end, image=each.image) for each in trace.words]
    return ExplainReply(turn_id=turn_id, word=asked.word, words=words, explanations=explanations)
