"""``GET /downloads``: how far the weights are that are being fetched, for the page of an operator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from assistant.api.login.callers import person_in
from assistant.api.problems import Problem
from assistant.runtime import Runtime


def router(runtime: Runtime) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.get("/downloads", include_in_schema=False)
    def downloads(request: Request) -> dict[str, Any]:
        if not person_in(request.scope).viewer.operator:
            raise Problem(403, "Only an operator fetches models.", code="forbidden")
        return {name: asdict(each) for name, each in runtime.downloads.all().items()}

    return routes
