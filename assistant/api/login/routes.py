"""Signing in and out: ``/login`` and ``/logout``."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assistant.accounts import Accounts
from assistant.accounts.accounts import SignInFailed
from assistant.api.login.callers import known_person
from assistant.api.login.cookies import SESSION_COOKIE, cookie_in, drop_cookie, set_cookie, set_session
from assistant.api.login.gate import from_another_site
from assistant.api.login.page import message_page, sign_in_page
from assistant.api.running import in_thread
from assistant.errors import StoreError
from assistant.messages import new_id
from assistant.ui.languages import chosen_language, speaking, tr

FORM_COOKIE = "glassbox_form"
"""Its value stands signed in the form: a page of another site can neither read nor set it."""

FORM_SECONDS = 60 * 60
_MOST_BYTES = 20_000


def router(accounts: Accounts, *, known_as: str = "", sso: str = "") -> APIRouter:
    """The routes.

    Args:
        accounts: of the house.
        known_as: the server's name behind a proxy.
        sso: what the button for single sign-on says; empty: there is none.
    """
    routes = APIRouter(include_in_schema=False)

    def form(request: Request, after: str, *, name: str = "", problem: str = "", status: int = 200) -> Response:
        mark = cookie_in(request.scope, FORM_COOKIE) or new_id()
        token = accounts.signer_for("form").pack({"mark": mark}, FORM_SECONDS)
        with speaking(language_of(request)):
            page = sign_in_page(token=token, after=after, name=name, problem=problem, sso=sso)
        response = HTMLResponse(page, status, headers={"Cache-Control": "no-store"})
        set_cookie(response, request.scope, FORM_COOKIE, mark, FORM_SECONDS)
        return response

    @routes.get("/login")
    async def login(request: Request) -> Response:
        after = safe_target(request.query_params.get("next", "/"))
        if known_person(request) is not None:
            return RedirectResponse(after, 303)
        return form(request, after)

    @routes.post("/login")
    async def sign_in(request: Request) -> Response:
        fields = await _fields(request)
        after, name = safe_target(fields.get("next", "/")), fields.get("name", "").strip()
        values = accounts.signer_for("form").unpack(fields.get("token", ""))
        mark = cookie_in(request.scope, FORM_COOKIE)
        if from_another_site(Headers(scope=request.scope), known_as):
            return form(request, "/", problem="This came from a page of another site. Sign in here.", status=403)
        if values is None or not mark or values.get("mark") != mark:
            return form(request, after, name=name, problem="This page was open for too long. Try again.", status=403)
        address = request.client.host if request.client else ""
        try:
            cookie = await in_thread(partial(accounts.sign_in, name, fields.get("password", ""), address))
        except SignInFailed as error:
            failed = form(request, after, name=name, problem=str(error), status=429 if error.wait else 401)
            if error.wait:
                failed.headers["Retry-After"] = str(error.wait)
            return failed
        except StoreError as error:
            return form(request, after, name=name, problem=str(error), status=503)
        response = RedirectResponse(after, 303, {"Cache-Control": "no-store"})
        drop_cookie(response, FORM_COOKIE)
        set_session(response, request.scope, cookie)
        return response

    @routes.post("/logout")
    async def sign_out(request: Request) -> Response:
        response = RedirectResponse("/login", 303, {"Cache-Control": "no-store"})
        if from_another_site(Headers(scope=request.scope), known_as):
            return response
        if cookie := cookie_in(request.scope, SESSION_COOKIE):
            await in_thread(partial(accounts.sign_out, cookie))
        drop_cookie(response, SESSION_COOKIE)
        return response

    @routes.get("/logout")
    async def how_to_sign_out(request: Request) -> Response:
        with speaking(language_of(request)):
            page = message_page(tr("Sign out"), tr("Sign out with the button “Sign out” in the panel “Account”."))
        return HTMLResponse(page, 405)

    return routes


def language_of(request: Request) -> str:
    """The language in which a page is shown to whoever sends a request."""
    return chosen_language(request.cookies, request.headers.get("accept-language", ""))


def safe_target(address: str) -> str:
    """An address of this server to go on to; the page itself where it leads anywhere else."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\", "/login", "/logout"))
    if not inside or any(ord(letter) < 33 for letter in address):
        return "/"
    return quote(address, safe="/?&=%#+,:;@!$'()*~.-_")


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form; empty where it is far too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return {}
    found: dict[str, Any] = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in found.items()}
