"""``POST /v1/check``: what the rules say about texts, without a model being asked; nothing is stored."""

from __future__ import annotations

import threading
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from assistant.api.metrics import Metrics
from assistant.api.pictures_in import picture_from_url
from assistant.api.problems import RESPONSES, Problem, problem_of
from assistant.api.running import RunningRequests, in_thread
from assistant.check_summary import summary
from assistant.errors import InputError
from assistant.messages import TurnSettings, VerdictRecord
from assistant.runtime import Runtime
from assistant.verdicts import Action, Refusal

MOST_TEXTS = 256


class CheckRequest(BaseModel):
    """Texts to judge."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: str | Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)] = Field(
        description="One text, or several that are judged each by itself."
    )
    role: Literal["user", "assistant"] = Field(default="user", description="Who said them: questions, or answers.")
    packs: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=20, description="Constitution packs to apply besides the enabled ones."
    )
    image: str | None = Field(
        default=None, description="A picture that comes with each of the questions: a data URL or an http(s) address."
    )


class CheckedText(BaseModel):
    """What the rules say about one text, as `assistant check` prints it, with everything behind it."""

    index: int
    blocked: bool
    action: Action = Field(description="The strongest one: allow, warn, disclaim, revise, ask or refuse.")
    rule: str | None
    pack: str | None
    score: float | None
    ms: float = Field(description="How long it took, in milliseconds.")
    refusal: Refusal | None
    verdicts: list[VerdictRecord]


class CheckReply(BaseModel):
    """One result for each text, in order."""

    results: list[CheckedText]


def router(runtime: Runtime, running: RunningRequests, metrics: Metrics) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.post("/check", response_model=CheckReply, responses=RESPONSES, summary="What the rules say about texts")
    async def check(asked: CheckRequest, request: Request) -> CheckReply:
        async with running.one(request) as stop:
            return await in_thread(partial(check_texts, runtime, metrics, asked, stop))

    return routes


def check_texts(runtime: Runtime, metrics: Metrics, asked: CheckRequest, stop: threading.Event) -> CheckReply:
    """One result for each text, in order; fewer where ``stop`` was set meanwhile.

    Raises:
        Problem: a text or the picture cannot be used.
    """
    images = [picture_from_url(asked.image, "image", runtime.settings)] if asked.image is not None else []
    if images and asked.role == "assistant":
        raise Problem(400, "A picture comes with questions only: leave image out, or role.", param="image")
    settings = TurnSettings(packs=tuple(asked.packs))
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    results: list[CheckedText] = []
    for index, text in enumerate(texts):
        if stop.is_set():  # nobody waits for the rest
            break
        try:
            role = "question" if asked.role == "user" else "answer"
            found = runtime.check(text, role=role, images=images, settings=settings)
        except InputError as error:
            raise problem_of(error, "input" if isinstance(asked.input, str) else f"input.{index}") from error
        metrics.checked(found)
        results.append(CheckedText(index=index, refusal=found.refusal, verdicts=list(found.verdicts), **summary(found)))
    return CheckReply(results=results)
