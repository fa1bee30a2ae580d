"""Whose an open page is, and whose a picture is that was uploaded and not yet asked about.

Gradio knows a page by a number that the browser makes up, and a file by its path. Both are hard to guess; here they are
also of no use to anybody but the person who brought them.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from os.path import normpath
from typing import Any, cast
from urllib.parse import parse_qs, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.accounts.person import Person
from assistant.api.problems import Problem, as_response

MOST = 20_000
"""Pages and files that are remembered; the oldest are forgotten first."""

_IN_PATH = re.compile(r"/gradio_api/(?:heartbeat|stream)/([^/]+)")
_FILE = re.compile(r"/gradio_api/file[=/](.*)")
_UPLOAD = "/gradio_api/upload"
_LONGEST_PATH = 4096


class OpenPages:
    """Which page and which uploaded file belongs to whom. Used from the server's own thread."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, str] = OrderedDict()
        self._files: OrderedDict[str, set[str]] = OrderedDict()

    def may_use_page(self, page: str, person: str) -> bool:
        """Whether a page is theirs; one that nobody has used yet becomes so."""
        owner = self._pages.setdefault(page, person)
        self._pages.move_to_end(page)
        _shorten(self._pages)
        return owner == person

    def may_see_file(self, path: str, person: str) -> bool:
        """Whether a file is theirs, or at least nobody else's."""
        owners = self._files.get(normpath(path))
        return owners is None or person in owners

    def uploaded(self, path: str, person: str) -> None:
        """Note who uploaded a file."""
        self._files.setdefault(normpath(path), set()).add(person)
        _shorten(self._files)

    async def pass_on(self, app: ASGIApp, person: Person, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the application, unless it is about somebody else's page or file."""
        path = scope["path"]
        if scope["type"] != "http" or not path.startswith("/gradio_api/"):
            await app(scope, receive, send)
            return
        file = _FILE.fullmatch(path)
        if file and not self.may_see_file(unquote(file[1]), person.id):
            await as_response(Problem(404, "There is no such file."))(scope, receive, send)
            return
        body = b""
        if scope["method"] == "POST" and _header(scope, b"content-type").startswith("application/json"):
            body, receive = await _read(receive)
        sent = _parsed(body)
        if not all(self.may_use_page(page, person.id) for page in _pages(scope, sent)):
            message = "This page was opened by somebody else. Load it again."
            await as_response(Problem(404, message))(scope, receive, send)
            return
        if not all(self.may_see_file(each, person.id) for each in _texts(sent) if "/" in each):
            await as_response(Problem(404, "There is no such file."))(scope, receive, send)
            return
        await app(scope, receive, self._noting(person, send) if path.rstrip("/") == _UPLOAD else send)

    def _noting(self, person: Person, send: Send) -> Send:
        """Reads from the answer to an upload where the files lie."""
        parts: list[bytes] = []

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    found = _parsed(b"".join(parts))
                    for each in cast("list[Any]", found) if isinstance(found, list) else []:
                        self.uploaded(str(each), person.id)
            await send(message)

        return noting


def _pages(scope: Scope, sent: Any) -> Iterator[str]:
    """The pages that a request names."""
    if found := _IN_PATH.match(scope["path"]):
        yield found[1]
    yield from parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])
    if header := _header(scope, b"session_hash"):
        yield header
    if isinstance(sent, dict) and isinstance(page := cast("dict[str, Any]", sent).get("session_hash"), str):
        yield page


def _texts(sent: Any) -> Iterator[str]:
    """The texts in a request, however deep they lie in it: any of them may name a file."""
    waiting: list[Any] = [sent]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if len(each) <= _LONGEST_PATH:
                yield each
        elif isinstance(each, dict):
            waiting += cast("dict[str, Any]", each).values()
        elif isinstance(each, list):
            waiting += cast("list[Any]", each)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body of a request, and what gives it once more. Gradio reads it whole as well."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    left = list(messages)

    async def again() -> Message:
        return left.pop(0) if left else await receive()

    return b"".join(message.get("body", b"") for message in messages), again


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _shorten(remembered: OrderedDict[str, Any]) -> None:
    while len(remembered) > MOST:
        remembered.popitem(last=False)
