"""Errors as OpenAI's clients expect them, for everything that goes wrong at the API."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from assistant.errors import (
    BackendError,
    FetchError,
    GlassboxError,
    ImageError,
    InputError,
    NotFound,
    TextTooLong,
    UnknownModel,
)

log = logging.getLogger("glassbox.api")

_FIELD = re.compile(r"(?!str$)[A-Za-z_][A-Za-z0-9_-]*")
_TYPES = {404: "not_found_error", 429: "rate_limit_error"}


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str = Field(description="What was expected, what came, and what to do; fit for a person to read.")
    type: str = Field(description="invalid_request_error, not_found_error, rate_limit_error or server_error.")
    param: str | None = Field(default=None, description="The field of the request that it is about.")
    code: str | None = Field(default=None, description="A short word for programs.")


class ErrorReply(BaseModel):
    """The body of every reply that is not a success."""

    error: ErrorDetail


class Problem(Exception):
    """A request that ends as an error: its status, its words, and what stands in the reply besides."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
        detail = ErrorDetail(message=message, type=kind, param=param, code=code)
        self.body = {"error": detail.model_dump(), **(more or {})}


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorReply, "description": "The request cannot be used; the message says why."},
    404: {"model": ErrorReply, "description": "There is no such model, turn or word."},
    413: {"model": ErrorReply, "description": "The request is too long."},
    415: {"model": ErrorReply, "description": "The request is not JSON."},
    429: {"model": ErrorReply, "description": "Too many requests are running; try again later."},
    500: {"model": ErrorReply, "description": "The model failed, or something went wrong inside."},
    503: {"model": ErrorReply, "description": "Something that is needed is not working: the store, a plugin."},
}
"""What a route may answer besides a success, for its documentation."""


def as_response(problem: Problem) -> Response:
    """The reply. In ASCII, because a field of a request may hold half a character."""
    body = json.dumps(problem.body).encode("ascii")
    return Response(body, problem.status, headers=dict(problem.headers or {}), media_type="application/json")


def problem_of(error: GlassboxError, param: str | None = None) -> Problem:
    """The reply to an error of ours."""
    if isinstance(error, NotFound):
        return Problem(404, str(error), param=param, code="not_found")
    if isinstance(error, UnknownModel):
        return Problem(404, str(error), param="model", code="model_not_found")
    if isinstance(error, TextTooLong):
        return Problem(400, str(error), param=param, code="string_above_max_length")
    if isinstance(error, ImageError | FetchError):
        return Problem(400, str(error), param=param, code="invalid_image")
    if isinstance(error, InputError):
        return Problem(400, str(error), param=param)
    if isinstance(error, BackendError):
        return Problem(500, str(error), code="model_failed")
    return Problem(503, str(error), code="unavailable")


def handle_problems(app: FastAPI) -> None:
    """Have every error of the application answered in this form."""

    async def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return as_response(error)

    async def of_glassbox(_: Request, error: Exception) -> Response:
        assert isinstance(error, GlassboxError)
        return as_response(problem_of(error))

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return as_response(_invalid(error.errors()))

    async def of_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return as_response(Problem(error.status_code, str(error.detail), headers=error.headers))

    async def of_any(_: Request, error: Exception) -> Response:
        log.error("A request failed in a way that nobody planned for", exc_info=error)
        return as_response(Problem(500, "Something went wrong inside Glassbox. Its log says what.", code="internal"))

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(GlassboxError, of_glassbox)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_any)


def _invalid(found: Sequence[Any]) -> Problem:
    lines: list[str] = []
    for each in found[:5]:
        place = _place(each["loc"])
        if each["type"] == "extra_forbidden":
            lines.append(f"Unrecognized request argument supplied: {place}.")
        elif each["type"] == "json_invalid":
            lines.append("The body is not JSON.")
        else:
            lines.append(f"{place}: {each['msg']}." if place else f"{each['msg']}.")
    first = found[0] if found else None
    param = _place(first["loc"]) if first and first["type"] != "json_invalid" else ""
    code = "unknown_parameter" if first and first["type"] == "extra_forbidden" else "invalid_value"
    return Problem(400, " ".join(lines), param=param or None, code=code)


def _place(steps: Sequence[int | str]) -> str:
    """A field as a person writes it; the names of alternatives that pydantic puts in between are left out."""
    words = [str(step) for step in steps[1:] if not isinstance(step, str) or _FIELD.fullmatch(step)]
    return ".".join(words)[:200]
