"""``GET /v1/models``: who can answer."""

from __future__ import annotations

from time import time
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.api.problems import RESPONSES
from assistant.generation import ModelState
from assistant.runtime import Runtime


class ModelCard(BaseModel):
    """What a person should know before choosing a model."""

    title: str
    licence: str
    size: str = Field(description="How large it is; empty before it is loaded.")
    notice: str
    can_trace: bool = Field(description="Whether it can say where the words of its answers come from.")
    state: ModelState
    default: bool = Field(description="Whether it answers where a request names none.")


class Model(BaseModel):
    """One model."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When the server was started, in seconds since 1970.")
    owned_by: str = "glassbox"
    glassbox: ModelCard


class ModelList(BaseModel):
    """All of them, the default one first."""

    object: Literal["list"] = "list"
    data: list[Model]


def router(runtime: Runtime) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    created = int(time())

    def model(name: str | None) -> Model:
        generator = runtime.generator(name)
        backend = generator.backend
        card = ModelCard(
            title=backend.title,
            licence=backend.licence,
            size=backend.size,
            notice=backend.notice,
            can_trace=backend.can_trace,
            state=generator.state,
            default=backend.name == runtime.settings.model,
        )
        return Model(id=backend.name, created=created, glassbox=card)

    @routes.get("/models", response_model=ModelList, summary="The models that can answer")
    async def models() -> ModelList:
        found = [model(backend.name) for backend in runtime.backends]
        return ModelList(data=sorted(found, key=lambda each: (not each.glassbox.default, each.id)))

    @routes.get("/models/{name:path}", response_model=Model, responses={404: RESPONSES[404]}, summary="One model")
    async def one_model(name: str) -> Model:
        return model(name)

    return routes
