"""The gate in front of every route: with accounts, only who signed in comes through."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.accounts import Accounts, Person
from assistant.accounts.keys import Caller, Keys
from assistant.accounts.pace import Pace
from assistant.accounts.person import local_person
from assistant.api.login.callers import check_key, set_person
from assistant.api.login.cookies import SESSION_COOKIE, cookie_in
from assistant.api.login.open_pages import OpenPages
from assistant.api.login.scopes import scope_for
from assistant.api.problems import Problem, as_response
from assistant.api.running import in_thread
from assistant.errors import StoreError

OPEN = re.compile(
    r"/(login|login/sso|login/sso/back|logout|language|health|ready|robots\.txt|favicon\.ico|assets/.*|static/.*)"
)
"""What everybody may see: the page to sign in, its language, whether the server is up, and Gradio's own files."""

_FILES = ("/assets/", "/static/")

FOR_PROGRAMS = re.compile(r"/(v1/.*|metrics)")
"""Where a key opens the way."""

PAGE_FACTOR = 10
"""A page sends so many more requests than a program: every press is one, and so is every look for news."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Who came, and where the tokens are counted."""

    person: Person | None
    count_tokens: Callable[[int], None] | None = None
    caller: Caller | None = None


class Gate:
    """Says of each request who sends it, or turns it away.

    Args:
        app: what is behind.
        accounts: the accounts of the house.
        keys: their keys.
        pages: whose the open pages are.
        a_minute: requests that one person, and one key, may send to the API.
        must_sign_in: nobody comes in without an account, even while there is none: the server can be reached from
            elsewhere.
        known_as: the server's own name behind a proxy, as browsers write it in ``Origin``.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        keys: Keys,
        pages: OpenPages,
        *,
        a_minute: int,
        must_sign_in: bool,
        known_as: str = "",
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._keys = keys
        self._pages = pages
        self._pace, self._page_pace = Pace(a_minute), Pace(a_minute * PAGE_FACTOR)
        self._must_sign_in = must_sign_in
        self._known_as = known_as

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        # For files that are the same for everybody, nobody has to be looked up.
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(_FILES):
            await self._app(scope, receive, send)
            return
        is_open = OPEN.fullmatch(scope["path"]) is not None
        headers = Headers(scope=scope)
        try:
            entry = await in_thread(partial(self._entry, scope, headers))
        except Problem as problem:
            await _turn_away(problem, scope, receive, send)
            return
        except StoreError as error:
            if not is_open:
                await _turn_away(Problem(503, str(error), code="unavailable"), scope, receive, send)
                return
            entry = _Entry(None)
        set_person(scope, entry.person, entry.count_tokens, entry.caller)
        if is_open:
            await self._app(scope, receive, send)
        elif entry.person is None:
            await _turn_away_unknown(scope, headers, receive, send)
        else:
            await self._pages.pass_on(self._app, entry.person, scope, receive, send)

    def _entry(self, scope: Scope, headers: Headers) -> _Entry:
        """Who comes in.

        Raises:
            Problem: the request is turned away.
        """
        path = scope["path"]
        kind, _, key = headers.get("authorization", "").partition(" ")
        with_key = kind.lower() == "bearer" and FOR_PROGRAMS.fullmatch(path) is not None
        caller = self._keys.caller(key.strip()) if with_key else None
        if caller is not None:
            return self._by_key(path, caller)
        cookie = "" if with_key else cookie_in(scope, SESSION_COOKIE)
        person = self._accounts.person(cookie) if cookie else None
        if person is not None:
            if not OPEN.fullmatch(path):
                self._check_signed_in(person, scope, headers)
            return _Entry(person)
        if not self._must_sign_in and not self._accounts.in_use:
            client = scope.get("client")
            return _Entry(local_person(client[0] if client else "", headers))
        if with_key:
            message = "This key is wrong or revoked, or its account is disabled."
            raise Problem(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        return _Entry(None)

    def _by_key(self, path: str, caller: Caller) -> _Entry:
        needed = scope_for(path)
        if needed is not None:
            check_key(caller, needed, path)
        self._keep_pace(self._pace, caller.person.id, caller.key.id)
        self._count_request(caller)
        return _Entry(caller.person, partial(self._keys.add_tokens, caller.key), caller)

    def _check_signed_in(self, person: Person, scope: Scope, headers: Headers) -> None:
        looks = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        if not looks and from_another_site(headers, self._known_as):
            raise Problem(403, "This came from a page of another site. Open Glassbox itself and try again.")
        if FOR_PROGRAMS.fullmatch(scope["path"]):
            self._keep_pace(self._pace, person.id)
        elif not looks:
            self._keep_pace(self._page_pace, person.id)

    def _keep_pace(self, pace: Pace, *who: str) -> None:
        wait = max(pace.wait(each) for each in who)
        if wait:
            message = f"Too many requests in the last minute. Try again in {wait} second{'s' if wait > 1 else ''}."
            raise Problem(429, message, code="rate_limit_exceeded", headers={"Retry-After": str(wait)})

    def _count_request(self, caller: Caller) -> None:
        used_up = self._keys.take_request(caller.key)
        if used_up is not None:
            message = (
                f"This key has used its {used_up.most:,} {used_up.what} of today. The next day begins at midnight in "
                "UTC; an operator can make a key with more: assistant keys add"
            )
            raise Problem(429, message, code="insufficient_quota", headers={"Retry-After": str(used_up.wait)})


def from_another_site(headers: Headers, known_as: str = "") -> bool:
    """Whether a browser says that a page of another site made it send this.

    Browsers say so themselves where the connection can be trusted (TLS, or this computer), and elsewhere by ``Origin``.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc not in (headers.get("host", ""), known_as or headers.get("host", ""))


async def _turn_away(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    response: Response = as_response(problem)
    await response(scope, receive, send)


async def _turn_away_unknown(scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
    """A program is told that it needs a key, a person is led to the page to sign in."""
    path = scope["path"]
    if FOR_PROGRAMS.fullmatch(path):
        message = (
            "A key is missing. Send it as Authorization: Bearer KEY; an operator makes one: assistant keys add ACCOUNT"
        )
        wanted = {"WWW-Authenticate": "Bearer"}
        await _turn_away(Problem(401, message, code="invalid_api_key", headers=wanted), scope, receive, send)
    elif scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        asked = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        response = RedirectResponse(f"/login?next={quote(asked, safe='/')}", 303, {"Cache-Control": "no-store"})
        await response(scope, receive, send)
    else:
        problem = Problem(401, "Nobody is signed in here. Open the page and sign in.", code="not_signed_in")
        await _turn_away(problem, scope, receive, send)
