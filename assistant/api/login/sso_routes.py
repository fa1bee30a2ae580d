"""The way to the single sign-on provider, and back: ``/login/sso`` and ``/login/sso/back``."""

from __future__ import annotations

import hmac
import logging
from dataclasses import asdict
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assistant.accounts import Accounts
from assistant.accounts.single_sign_on import Journey, SignOnFailed, SingleSignOn
from assistant.api.login.cookies import cookie_in, drop_cookie, set_cookie, set_session
from assistant.api.login.page import message_page
from assistant.api.login.routes import language_of, safe_target
from assistant.api.running import in_thread
from assistant.errors import StoreError
from assistant.ui.languages import speaking, tr

log = logging.getLogger("glassbox.sign_on")

JOURNEY_COOKIE = "glassbox_sso"
JOURNEY_SECONDS = 10 * 60
BACK = "/login/sso/back"


def router(accounts: Accounts, sign_on: SingleSignOn, *, public_url: str) -> APIRouter:
    """The routes.

    Args:
        accounts: of the house.
        sign_on: the provider.
        public_url: the address that people type, where a proxy stands in front.
    """
    routes = APIRouter(include_in_schema=False)

    def back(request: Request) -> str:
        return (public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}") + BACK

    @routes.get("/login/sso")
    async def leave(request: Request) -> Response:
        journey = Journey.begin()
        if not await in_thread(lambda: accounts.in_use):
            return _failed(
                request, "There are no accounts yet. The first is made on the computer: assistant accounts add NAME"
            )
        try:
            address = await in_thread(partial(sign_on.address, journey, back(request)))
        except SignOnFailed as error:
            log.warning("Single sign-on: %s", error)
            return _failed(request, str(error))
        after = safe_target(request.query_params.get("next", "/"))
        kept = accounts.signer_for("sso").pack({**asdict(journey), "next": after}, JOURNEY_SECONDS)
        response = RedirectResponse(address, 303, {"Cache-Control": "no-store"})
        set_cookie(response, request.scope, JOURNEY_COOKIE, kept, JOURNEY_SECONDS)
        return response

    @routes.get(BACK)
    async def come_back(request: Request) -> Response:
        kept = accounts.signer_for("sso").unpack(cookie_in(request.scope, JOURNEY_COOKIE))
        if kept is None:
            return _failed(request, "The way back took too long, or began in another browser.")
        after = kept.pop("next")
        journey = Journey(**kept)
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        if not hmac.compare_digest(state.encode(), journey.state.encode()):
            return _failed(request, "This is not the answer to what was asked.")
        if not code:
            said = request.query_params.get("error_description") or request.query_params.get("error") or "nothing"
            return _failed(request, f"The provider did not let you in. It says: {said[:300]}")
        try:
            cookie = await in_thread(partial(sign_on.sign_in, code, journey, back(request)))
        except (SignOnFailed, StoreError) as error:
            log.warning("Single sign-on: %s", error)
            return _failed(request, str(error))
        response = RedirectResponse(after, 303, {"Cache-Control": "no-store"})
        drop_cookie(response, JOURNEY_COOKIE)
        set_session(response, request.scope, cookie)
        return response

    return routes


def _failed(request: Request, message: str) -> Response:
    with speaking(language_of(request)):
        page = message_page(tr("Not signed in"), message)
    response = HTMLResponse(page, 403, headers={"Cache-Control": "no-store"})
    drop_cookie(response, JOURNEY_COOKIE)
    return response
