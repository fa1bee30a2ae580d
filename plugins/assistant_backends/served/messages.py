"""A turn as the messages of OpenAI's API."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from assistant import Message, Turn

MOST_STOPS = 4
"""OpenAI's limit; the runtime itself ends an answer at the others."""
ANSWER_TOKENS = 1024
"""How much may be written where a question does not say."""
GO_ON = "Go on with your answer exactly where it ends. Repeat nothing of it, and write nothing before what comes next."
"""How a model is asked where its server cannot carry on an answer."""
DESCRIBE = "What is in this picture?"
"""What is asked where pictures come without a word."""


def messages(turn: Turn, left_out: int = 0) -> list[dict[str, Any]]:
    """The chat and the question, each with its own pictures as data URLs.

    Args:
        turn: the question.
        left_out: how many of the oldest exchanges are not sent.
    """
    said: list[dict[str, Any]] = []
    for exchange in turn.history[left_out:]:
        said.append({"role": "user", "content": _content(exchange.question)})
        said.append({"role": "assistant", "content": exchange.answer})
    return [*said, {"role": "user", "content": _content(turn.question)}]


def request(turn: Turn, model: str, left_out: int = 0, *, carried: bool = False) -> dict[str, Any]:
    """The whole request for a streamed answer. ``carried``: the server itself carries on an answer that was begun."""
    settings = turn.settings
    body: dict[str, Any] = {
        "model": model,
        "messages": [*messages(turn, left_out), *_begun(turn, carried)],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": settings.max_tokens or ANSWER_TOKENS,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }
    if turn.begun and carried:  # as vLLM, SGLang and Glassbox name it; llama.cpp does so for any last answer
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if settings.top_p < 1:
        body["top_p"] = settings.top_p
    if settings.stop:
        body["stop"] = list(settings.stop[:MOST_STOPS])
    return body


def has_pictures(body: dict[str, Any]) -> bool:
    """Whether a request has pictures."""
    return any(not isinstance(message["content"], str) for message in body["messages"])


def _begun(turn: Turn, carried: bool) -> list[dict[str, Any]]:
    if not turn.begun:
        return []
    asked = [] if carried else [{"role": "user", "content": GO_ON}]
    return [{"role": "assistant", "content": turn.begun}, *asked]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.text
    pictures = [
        {
            "type": "image_url",
            "image_url": {"url": f"data:{image.media_type};base64,{b64encode(image.data).decode('ascii')}"},
        }
        for image in message.images
    ]
    return [{"type": "text", "text": message.text or DESCRIBE}, *pictures]
