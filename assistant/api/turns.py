"""``POST /v1/turns``: ask one question, get the whole record."""

from __future__ import annotations

import asyncio
import base64
import binascii
import threading
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from assistant.errors import GlassboxError, NotFound
from assistant.messages import TurnSettings
from assistant.runtime import Question, Runtime, finish
from assistant.settings import Settings


class TurnRequest(BaseModel):
    """What to ask. ``images`` are base64 or data URLs; ``conversation_id`` goes on where a chat ended."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    images: list[str] = Field(default_factory=list)
    conversation_id: str | None = None
    model: str | None = None
    packs: list[str] = Field(default_factory=list)


class RequestProblem(Exception):
    """A request that cannot become a question: the status code, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def router(runtime: Runtime) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/turns", openapi_extra={"requestBody": {"content": {"application/json": {"schema": _schema()}}}})
    async def ask(request: Request) -> JSONResponse:
        try:
            asked = parse(await read_body(request, body_limit(runtime.settings)))
            question = await run_in_threadpool(to_question, runtime, asked)
        except RequestProblem as problem:
            return _error(problem.status, str(problem))
        stop = threading.Event()
        answering = asyncio.create_task(run_in_threadpool(finish, runtime.run_turn(question, stop)))
        while not answering.done():
            await asyncio.wait({answering}, timeout=0.5)
            if await request.is_disconnected():
                stop.set()
        return JSONResponse(answering.result().model_dump(mode="json"))

    return routes


def body_limit(settings: Settings) -> int:
    """Bytes that a request may have: every picture at its limit in base64, the text at its limit, and some room."""
    return settings.max_images * _base64_limit(settings) + settings.max_text * 12 + 100_000


def _base64_limit(settings: Settings) -> int:
    return settings.max_image_bytes * 4 // 3 + 200


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never more than the limit.

    Raises:
        RequestProblem: it is not JSON by its header, or is longer.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RequestProblem(415, "Send the question as JSON, with the header Content-Type: application/json.")
    too_long = RequestProblem(413, f"The request is longer than {limit:,} bytes. Send fewer or smaller pictures.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_long
    return bytes(body)


def parse(body: bytes) -> TurnRequest:
    """The request in the body.

    Raises:
        RequestProblem: a field is missing, unknown or of the wrong type; the message names it.
    """
    try:
        return TurnRequest.model_validate_json(body)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(step) for step in each['loc']) or 'body'}: {each['msg']}" for each in error.errors()
        )
        raise RequestProblem(
            422, f'Expected {{"text": "...", "images": ["base64", ...]}}; came something else: {problems}.'
        ) from error


def to_question(runtime: Runtime, asked: TurnRequest) -> Question:
    """A question at the end of its conversation.

    Raises:
        RequestProblem: a picture is not base64 or too large, or the conversation does not exist.
    """
    question = Question(
        asked.text,
        [decode(image, number, runtime.settings) for number, image in enumerate(asked.images)],
        settings=TurnSettings(model=asked.model, packs=tuple(asked.packs)),
        door="api",
    )
    try:
        return runtime.follow(asked.conversation_id, question)
    except NotFound as error:
        raise RequestProblem(404, str(error)) from error
    except GlassboxError as error:
        raise RequestProblem(503, str(error)) from error


def decode(image: str, number: int, settings: Settings) -> bytes:
    """The bytes of one picture.

    Raises:
        RequestProblem: it is too large, or not base64.
    """
    encoded = image
    if image.startswith("data:"):
        header, comma, encoded = image.partition(",")
        if not comma or not header.endswith(";base64"):
            raise RequestProblem(422, f"images.{number}: expected data:image/...;base64,... as a data URL.")
    if len(encoded) > _base64_limit(settings):
        limit = f"{settings.max_image_bytes / 1e6:.0f} MB"
        raise RequestProblem(413, f"images.{number}: a picture may have at most {limit}. Save it smaller.")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestProblem(422, f"images.{number}: this is neither base64 nor a data URL ({error}).") from error


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message}}, status_code=status)


def _schema() -> dict[str, Any]:
    return TurnRequest.model_json_schema()
