"""``POST /v1/turns``: ask one question in a chat that is kept here, get the whole record."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from assistant.api.login.callers import runtime_for
from assistant.api.pictures_in import decode
from assistant.api.problems import RESPONSES, Problem
from assistant.api.running import RunningRequests, finished, in_thread
from assistant.errors import NotFound
from assistant.messages import TurnRecord, TurnSettings
from assistant.runtime import Question, Runtime


class TurnRequest(BaseModel):
    """What to ask."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = ""
    images: list[str] = Field(default_factory=list, max_length=1000, description="Base64, or data URLs.")
    conversation_id: str | None = Field(default=None, description="Go on where this chat ended.")
    model: str | None = Field(default=None, description="A name from `GET /v1/models`; left out, the default model.")
    packs: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=20, description="Constitution packs to apply besides the enabled ones."
    )


_RESPONSES: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    200: {"model": TurnRecord, "description": "The finished turn, however it ended: answered, refused, failed."},
}


def router(runtime: Runtime, running: RunningRequests) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.post("/turns", responses=_RESPONSES, summary="One question in a chat that is kept here")
    async def turns(asked: TurnRequest, request: Request) -> Response:
        async with running.one(request) as stop:
            theirs = runtime_for(runtime, request)
            question = await in_thread(partial(to_question, theirs, asked))
            record = await finished(partial(theirs.run_turn, question, stop))
        return JSONResponse(record.model_dump(mode="json"), headers={"X-Glassbox-Turn": record.id})

    return routes


def to_question(runtime: Runtime, asked: TurnRequest) -> Question:
    """A question at the end of its conversation.

    Raises:
        Problem: a picture is not base64 or too large, or the conversation does not exist.
        StoreError: the conversation cannot be read.
    """
    images = [decode(image, f"images.{number}", runtime.settings) for number, image in enumerate(asked.images)]
    settings = TurnSettings(model=asked.model, packs=tuple(asked.packs))
    try:
        return runtime.follow(asked.conversation_id, Question(asked.text, images, settings=settings, door="api"))
    except NotFound as error:
        raise Problem(404, str(error), param="conversation_id", code="not_found") from error
