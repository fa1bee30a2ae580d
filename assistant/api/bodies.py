"""What may come in: JSON, and no more of it than a question with all its pictures can be."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.problems import Problem, as_response
from assistant.settings import Settings


def base64_limit(settings: Settings) -> int:
    """Characters of one picture at its limit, as base64."""
    return settings.max_image_bytes * 4 // 3 + 200


def body_limit(settings: Settings) -> int:
    """Bytes that a request may have: every picture at its limit in base64, the text at its limit, and some room."""
    return settings.max_images * base64_limit(settings) + settings.max_text * 12 + 100_000


class Bodies:
    """Turns requests to ``/v1`` away that are not JSON, or longer than the limit, before they are read.

    That a page of another site cannot send JSON without asking first also keeps such pages out.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get(b"content-type", "").split(";")[0].strip().lower() != "application/json":
            problem = Problem(415, "Send JSON, with the header Content-Type: application/json.")
            await as_response(problem)(scope, receive, send)
            return
        too_long = f"The request is longer than {self._limit:,} bytes. Send fewer or smaller pictures."
        declared = headers.get(b"content-length", "")
        if declared.isdigit() and int(declared) > self._limit:
            await as_response(Problem(413, too_long))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise HTTPException(413, too_long)
            return message

        await self._app(scope, counted, send)
