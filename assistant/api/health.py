"""``GET /health``: is the server up, and is the model ready?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from assistant.runtime import Runtime


def router(runtime: Runtime) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.get("/health")
    def health() -> dict[str, Any]:
        plugins = {status.name: status.state for status in runtime.plugins()}
        return {
            "status": "ok",
            "model": {"name": runtime.settings.model, "state": runtime.model_state()},
            "plugins": plugins,
        }

    return routes
