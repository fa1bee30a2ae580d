"""The gate in front of every route: with accounts, only who signed in comes through."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.accounts import Accounts, Person
from assistant.accounts.person import local_person
from assistant.api.login.callers import set_person
from assistant.api.login.cookies import SESSION_COOKIE, cookie_in
from assistant.api.login.open_pages import OpenPages
from assistant.api.problems import Problem, as_response
from assistant.api.running import in_thread
from assistant.errors import StoreError

OPEN = re.compile(r"/(login|login/sso|login/sso/back|logout|health|ready|robots\.txt|favicon\.ico|assets/.*|static/.*)")
"""What everybody may see: the page to sign in, whether the server is up, and Gradio's own scripts and styles."""

FOR_PROGRAMS = re.compile(r"/(v1/.*|metrics)")
"""Where a key opens the way."""


class Gate:
    """Says of each request who sends it, or turns it away.

    Args:
        app: what is behind.
        accounts: the accounts of the house.
        must_sign_in: nobody comes in without an account, even while there is none: the server can be reached from
            elsewhere.
        known_as: the server's own names, as browsers write them in ``Origin``, besides the one in ``Host``.
    """

    def __init__(
        self, app: ASGIApp, accounts: Accounts, pages: OpenPages, *, must_sign_in: bool, known_as: str = ""
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._pages = pages
        self._must_sign_in = must_sign_in
        self._known_as = known_as

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            person = await in_thread(partial(self._person, scope, headers))
        except StoreError as error:
            if not OPEN.fullmatch(scope["path"]):
                await self._turn_away(Problem(503, str(error), code="unavailable"), scope, receive, send)
                return
            person = None
        set_person(scope, person)
        if OPEN.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
        elif person is None:
            await self._unknown(scope, headers, receive, send)
        elif person.has_account and self._from_another_site(scope, headers):
            problem = Problem(403, "This came from a page of another site. Open Glassbox itself and try again.")
            await self._turn_away(problem, scope, receive, send)
        else:
            await self._pages.pass_on(self._app, person, scope, receive, send)

    def _person(self, scope: Scope, headers: Headers) -> Person | None:
        if not self._must_sign_in and not self._accounts.in_use:
            client = scope.get("client")
            return local_person(client[0] if client else "", headers)
        cookie = cookie_in(scope, SESSION_COOKIE)
        return self._accounts.person(cookie) if cookie else None

    async def _unknown(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if FOR_PROGRAMS.fullmatch(path):
            message = (
                "A key is missing. Send it as Authorization: Bearer KEY; an operator makes one: assistant keys add NAME"
            )
            wanted = {"WWW-Authenticate": "Bearer"}
            await self._turn_away(Problem(401, message, code="invalid_api_key", headers=wanted), scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            asked = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            response = RedirectResponse(f"/login?next={quote(asked, safe='/')}", 303, {"Cache-Control": "no-store"})
            await response(scope, receive, send)
        else:
            problem = Problem(401, "Nobody is signed in here. Open the page and sign in.", code="not_signed_in")
            await self._turn_away(problem, scope, receive, send)

    def _from_another_site(self, scope: Scope, headers: Headers) -> bool:
        """Whether a page of another site sends a request that changes something, in the name of who signed in here."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return False
        return from_another_site(headers, self._known_as)

    async def _turn_away(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        response: Response = as_response(problem)
        await response(scope, receive, send)


def from_another_site(headers: Headers, known_as: str = "") -> bool:
    """Whether a browser says that a page of another site made it send this."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc not in (headers.get("host", ""), known_as or headers.get("host", ""))
