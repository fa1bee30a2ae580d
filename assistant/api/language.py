"""``POST /language``: choose the language of the page; the browser keeps it."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.api.login.cookies import set_cookie
from assistant.api.login.routes import safe_target
from assistant.ui.languages import COOKIE, LANGUAGES

YEAR = 365 * 24 * 60 * 60
_MOST_BYTES = 4000


def router() -> APIRouter:
    """The route. It changes nothing but the browser's own cookie, so that it needs no account."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/language")
    async def choose(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return Response("Too long.", 413)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        after = fields.get("next", ["/"])[0]
        # The page to sign in is the one address of its own that may follow.
        response = RedirectResponse(after if after == "/login" else safe_target(after), 303)
        language = fields.get("language", [""])[0]
        if language in LANGUAGES:
            set_cookie(response, request.scope, COOKIE, language, YEAR)
        return response

    return routes
