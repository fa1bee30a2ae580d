"""The cookie that says who somebody is."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.responses import Response

from assistant.accounts.accounts import SESSION

SESSION_COOKIE = "glassbox_session"


def cookie_in(scope: Mapping[str, Any], name: str) -> str:
    """A cookie of a request; empty where there is none."""
    for header, value in scope["headers"]:
        if header == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(name)
            except CookieError:
                continue
            if found is not None:
                return found.value
    return ""


def set_session(response: Response, scope: Mapping[str, Any], cookie: str) -> None:
    """Have the browser keep the session: out of reach of scripts, and not sent along by pages of other sites."""
    set_cookie(response, scope, SESSION_COOKIE, cookie, int(SESSION.total_seconds()))


def set_cookie(response: Response, scope: Mapping[str, Any], name: str, value: str, seconds: int) -> None:
    """Set a cookie for this server alone; with TLS, for TLS alone."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=scope["scheme"] == "https"
    )


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax")
