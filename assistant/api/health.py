"""``GET /health``: is the server up? ``GET /ready``: can it answer?"""

from __future__ import annotations

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from assistant.api.login.callers import known_person
from assistant.api.running import in_thread
from assistant.errors import StoreError
from assistant.runtime import Runtime


class DefaultModel(BaseModel):
    """The model that answers where a question names none, and how far it is."""

    name: str
    state: Literal["not_loaded", "loading", "ready", "failed", "missing"]


class Health(BaseModel):
    """The server is up."""

    status: Literal["ok"] = "ok"
    model: DefaultModel
    plugins: dict[str, str] = Field(
        description="Every plugin, and whether it works; empty for whoever has not signed in."
    )


class Readiness(BaseModel):
    """Whether questions can be answered."""

    ready: bool
    waiting_for: list[str] = Field(
        description="What is missing, in words; empty where it is ready, and for whoever has not signed in."
    )


def router(runtime: Runtime) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/health", response_model=Health, summary="Is the server up?")
    async def health(request: Request) -> Health:
        model = DefaultModel(name=runtime.settings.model, state=runtime.model_state())
        known = known_person(request) is not None
        return Health(model=model, plugins={each.name: each.state for each in runtime.plugins()} if known else {})

    @routes.get(
        "/ready",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not yet, or no longer."}},
        summary="Can it answer?",
    )
    async def ready(request: Request, response: Response) -> Readiness:
        waiting = await in_thread(partial(_waiting_for, runtime))
        response.status_code = 503 if waiting else 200
        return Readiness(ready=not waiting, waiting_for=waiting if known_person(request) else [])

    return routes


def _waiting_for(runtime: Runtime) -> list[str]:
    waiting: list[str] = []
    if (state := runtime.model_state()) != "ready":
        waiting.append(f"the model {runtime.settings.model}: {state.replace('_', ' ')}")
    required = runtime.settings.required_plugins
    waiting += [
        f"the plugin {each.name}: it is not installed or broken" for each in runtime.extensions.missing_required()
    ]
    for each in runtime.plugins():
        if each.name in required and each.state == "switched_off":
            waiting.append(f"the plugin {each.name}: switched off after failures")
    try:
        runtime.store.conversations(limit=1)
    except StoreError as error:
        waiting.append(str(error))
    return waiting
