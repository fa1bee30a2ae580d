"""The tools of ``/v1/mcp``: what the routes for programs do, with texts that a model reads."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import api
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from assistant.api.after import ExplainRequest, explain_word
from assistant.api.chat_reply import GlassboxTurn, turn_of
from assistant.api.check import CheckRequest, check_texts
from assistant.api.login.callers import check_scope, runtime_for
from assistant.api.metrics import Metrics
from assistant.api.pictures_in import picture_from_url
from assistant.api.problems import Problem, problem_of
from assistant.api.running import RunningRequests, finished, in_thread
from assistant.errors import GlassboxError, NotFound
from assistant.runtime import Question, Runtime
from assistant.store.account_values import Scope

log = logging.getLogger("glassbox.mcp")


class Asked(GlassboxTurn):
    """One answer with how it came about."""

    answer: str = Field(description="What a person would see: the answer, or the card of a refusal.")


def tools_of(runtime: Runtime, running: RunningRequests, metrics: Metrics) -> gr.Blocks:
    """The tools, as functions of an application without a page. Each returns a JSON document as its text."""

    async def ask(
        question: str, request: gr.Request, pictures: list[str] | None = None, conversation_id: str = ""
    ) -> str:
        """Ask Glassbox about pictures. The answer is checked by the rules in force.

        Where a rule refuses, `status` is `refused`, and `refusal` names the rule and says what is possible instead:
        tell the person so, and do not word the question differently.

        Args:
            question: the question, in the person's words.
            pictures: data URLs, or http(s) addresses of the open internet, in order.
            conversation_id: the `conversation_id` of an answer before, to go on with that chat; empty: a new chat.
        """

        async def work(sent: Request) -> Asked:
            async with running.one(sent) as stop:
                theirs = runtime_for(runtime, sent)
                asked = await in_thread(partial(_question, theirs, question, pictures or [], conversation_id))
                record = await finished(partial(theirs.run_turn, asked, stop))
            if record.status == "failed":
                raise Problem(500, record.error, code="model_failed")
            return Asked(answer=record.shown, **turn_of(0, record, ()).model_dump())

        return await _reply(request, "chat", work)

    async def check(text: str, request: gr.Request, role: str = "user") -> str:
        """What the rules say about a text. No model is asked, and nothing is stored.

        `blocked` says whether the text would be refused, `refusal` by which rule.

        Args:
            text: the text.
            role: `user` for a question, `assistant` for an answer.
        """

        async def work(sent: Request) -> BaseModel:
            asked = CheckRequest.model_validate({"input": text, "role": role})
            async with running.one(sent) as stop:
                reply = await in_thread(partial(check_texts, runtime, metrics, asked, stop))
            return reply.results[0]

        return await _reply(request, "check", work)

    async def explain(turn_id: str, word: int, request: gr.Request) -> str:
        """Where in the pictures the model looked when it wrote one word of an answer.

        Args:
            turn_id: the `turn_id` of an answer.
            word: the number of the word in the answer, from 0.
        """

        async def work(sent: Request) -> BaseModel:
            asked = ExplainRequest.model_validate({"turn_id": turn_id, "word": word})
            async with running.one(sent):
                return await in_thread(partial(explain_word, runtime_for(runtime, sent), asked))

        return await _reply(request, "explain", work)

    with gr.Blocks(title="Glassbox", analytics_enabled=False) as blocks:
        for tool in (ask, check, explain):
            # Without Gradio's queue a tool is called right here, with the request that brought it. With it, Gradio
            # would send itself a second one.
            api(tool, api_name=tool.__name__, queue=False)
    return blocks


def _question(runtime: Runtime, text: str, pictures: list[str], conversation_id: str) -> Question:
    images = [picture_from_url(each, f"pictures.{number}", runtime.settings) for number, each in enumerate(pictures)]
    try:
        return runtime.follow(conversation_id or None, Question(text, images, door="api"))
    except NotFound as error:
        raise Problem(404, str(error), param="conversation_id", code="not_found") from error


async def _reply(request: Any, scope: Scope, work: Callable[[Request], Awaitable[BaseModel]]) -> str:
    """A tool's text.

    Raises:
        Problem: the client reads its message, with `isError`.
    """
    sent: Request = request  # Gradio hands the request on as it came
    try:
        check_scope(sent.scope, scope, "this tool")
        return (await work(sent)).model_dump_json()
    except Problem:
        raise
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}." for each in error.errors()]
        raise Problem(400, " ".join(lines)) from error
    except GlassboxError as error:
        raise problem_of(error) from error
    except Exception as error:
        log.error("A tool failed in a way that nobody planned for", exc_info=error)
        raise Problem(500, "Something went wrong inside Glassbox. Its log says what.", code="internal") from error
