"""Everything under ``/v1``: what programs call."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import compile_path

from assistant.api import after, chat, check, models, turns
from assistant.api.metrics import Metrics
from assistant.api.problems import Problem, as_response
from assistant.api.running import RunningRequests
from assistant.runtime import Runtime

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY"]


def router(runtime: Runtime, running: RunningRequests, metrics: Metrics) -> APIRouter:
    """The routes. The gate (`assistant.api.login.gate`) has found out who calls; what they may see, each route asks of
    `runtime_for`."""
    routes = APIRouter(prefix="/v1")
    routes.include_router(chat.router(runtime, running))
    routes.include_router(models.router(runtime))
    routes.include_router(turns.router(runtime, running))
    routes.include_router(after.router(runtime, running))
    routes.include_router(check.router(runtime, running, metrics))

    # Without it, the page at the root would answer for what is not there.
    @routes.api_route("/{path:path}", methods=METHODS, include_in_schema=False)
    async def not_there(path: str, request: Request) -> Response:
        for template, operations in request.app.openapi()["paths"].items():
            if compile_path(template)[0].match(request.url.path):
                allowed = ", ".join(sorted(method.upper() for method in operations))
                message = f"{request.method} is not possible here; {allowed} is."
                return as_response(Problem(405, message, headers={"Allow": allowed}))
        return as_response(Problem(404, f"There is nothing at /v1/{path}. See /v1/openapi.json.", code="not_found"))

    return routes
