"""``POST /v1/chat/completions``: the door for every program that speaks OpenAI's language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from time import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from assistant.api.chat_history import Chat, read_chat
from assistant.api.chat_reply import ChatCompletion, GlassboxReply, choice_of, turn_of, usage_of
from assistant.api.chat_request import ChatRequest, check_supported, turn_settings
from assistant.api.chat_stream import ChatStream
from assistant.api.login.callers import runtime_for
from assistant.api.problems import RESPONSES, Problem
from assistant.api.running import RunningRequests, finished, in_thread
from assistant.backends import check_goes_on
from assistant.errors import GenerationError, UnknownModel
from assistant.messages import TurnRecord, new_id
from assistant.runtime import Question, Runtime

STREAMED: dict[str, Any] = {
    "model": ChatCompletion,
    "description": "The answer; with `stream`, server-sent events with a chunk each, and `[DONE]` at the end.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read: one question for each answer that is wanted."""

    id: str
    created: int
    model: str
    chat: Chat
    questions: tuple[Question, ...]

    @property
    def headers(self) -> dict[str, str]:
        """Which turns the reply holds."""
        return {"X-Glassbox-Turn": ",".join(each.turn_id or "" for each in self.questions)}


def router(runtime: Runtime, running: RunningRequests) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses={**RESPONSES, 200: STREAMED},
        summary="The next message of a chat",
    )
    async def chat_completions(asked: ChatRequest, request: Request) -> Response:
        over = AsyncExitStack()
        try:
            stop = await over.enter_async_context(running.one(request))
            theirs = runtime_for(runtime, request)
            read = await in_thread(partial(to_questions, theirs, asked))
            turns = [partial(theirs.run_turn, question, stop) for question in read.questions]
            if asked.stream:
                usage = bool(asked.stream_options and asked.stream_options.include_usage)
                head = read.id, read.created, read.model, read.chat.notes
                chunks = ChatStream(*head, turns, with_usage=usage, begun=read.chat.begun)
                return _Streamed(await chunks.begin(), chunks, over.pop_all(), read.headers)
            return whole(read, [await finished(turn) for turn in turns])
        finally:
            await over.aclose()

    return routes


class _Streamed(StreamingResponse):
    """A streamed reply. Whatever becomes of it, what is behind it is let go."""

    def __init__(self, first: bytes, chunks: ChatStream, over: AsyncExitStack, headers: dict[str, str]) -> None:
        async def content() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks.rest():
                yield chunk

        super().__init__(content(), media_type="text/event-stream", headers={"Cache-Control": "no-store", **headers})
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._over.aclose())


def to_questions(runtime: Runtime, asked: ChatRequest) -> Asked:
    """Read a request.

    Raises:
        Problem: it asks for something that cannot be done, or text or pictures cannot be used.
    """
    check_supported(asked)
    go_on = bool(asked.continue_final_message)
    try:
        backend = runtime.generator(asked.model).backend
        if go_on:
            check_goes_on(backend)
    except UnknownModel as error:
        raise Problem(404, str(error), param="model", code="model_not_found") from error
    except GenerationError as error:
        raise Problem(400, str(error), param="continue_final_message", code="unsupported_parameter") from error
    chat = read_chat(asked.messages, runtime.settings, go_on=go_on)
    ids = [new_id() for _ in range(asked.n or 1)]
    conversation = new_id()
    questions = tuple(
        Question(
            chat.question.text,
            chat.question.images,
            regions=chat.question.regions,
            conversation_id=conversation,
            settings=settings,
            door="api",
            turn_id=turn_id,
            brought=chat.brought,
            begun=chat.begun,
        )
        for turn_id, settings in zip(ids, turn_settings(asked), strict=True)
    )
    return Asked(f"chatcmpl-{ids[0]}", int(time()), backend.name, chat, questions)


def whole(read: Asked, records: list[TurnRecord]) -> Response:
    """The reply with all answers.

    Raises:
        Problem: one of the turns failed.
    """
    failed = next((record for record in records if record.status == "failed"), None)
    turns = [turn_of(number, record, read.chat.notes) for number, record in enumerate(records)]
    told = GlassboxReply(turns=turns)
    if failed is not None:
        more = {"glassbox": told.model_dump(mode="json")}
        raise Problem(500, failed.error, code="model_failed", headers=read.headers, more=more)
    reply = ChatCompletion(
        id=read.id,
        created=read.created,
        model=read.model,
        choices=[choice_of(number, record) for number, record in enumerate(records)],
        usage=usage_of(records),
        glassbox=told,
    )
    status = ",".join(record.status for record in records)
    return JSONResponse(reply.model_dump(mode="json"), headers={**read.headers, "X-Glassbox-Status": status})
