"""What may be asked of ``POST /v1/chat/completions``."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.api.problems import Problem
from assistant.intake import MOST_REGIONS
from assistant.messages import TurnSettings

MOST_TOKENS = 4096
"""A larger ``max_tokens`` counts as this."""

MOST_MESSAGES = 2000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Lenient(BaseModel):
    """Messages come back with whatever fields the reply had; those are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(_Lenient):
    """A piece of text."""

    type: Literal["text"]
    text: str


class RefusalPart(_Lenient):
    """A refusal that stands in an earlier answer."""

    type: Literal["refusal"]
    refusal: str


class ImageUrl(_Lenient):
    """Where a picture is."""

    url: str = Field(description="`data:image/png;base64,...`, or an http(s) address of the open internet.")
    detail: str | None = Field(default=None, description="Without effect: pictures are always looked at whole.")


class ImageUrlPart(_Lenient):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl
    places: list[Annotated[list[float], Field(min_length=4, max_length=4)]] = Field(
        default_factory=list[list[float]],
        max_length=MOST_REGIONS,
        description="The question is about these places: left, top, right and bottom, in percent of the picture.",
    )


Part = Annotated[TextPart | ImageUrlPart | RefusalPart, Field(discriminator="type")]


class ChatMessage(_Lenient):
    """One message of the chat so far."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None
    refusal: str | None = Field(default=None, description="Set in an answer that was refused: it leaves no exchange.")


class StreamOptions(_Strict):
    """How the reply is streamed."""

    include_usage: bool | None = Field(default=None, description="Send a last chunk with the counted tokens.")
    include_obfuscation: bool | None = Field(default=None, description="Without effect.")


class GlassboxOptions(_Strict):
    """What only Glassbox knows (`extra_body={"glassbox": {...}}` in OpenAI's client)."""

    packs: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=20, description="Constitution packs to apply besides the enabled ones."
    )


_NO_EFFECT = "Taken, and without effect."
_NEUTRAL_ONLY = "Not supported: any value but the neutral one is refused."


class ChatRequest(_Strict):
    """A chat whose next message is wanted. The names are those of OpenAI's API; an unknown field is refused."""

    messages: list[ChatMessage] = Field(
        min_length=1, max_length=MOST_MESSAGES, description="Oldest first; the last one is the person's question."
    )
    model: str | None = Field(default=None, description="A name from `GET /v1/models`; left out, the default model.")
    stream: bool | None = Field(default=None, description="Send the answer in pieces, as server-sent events.")
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=8)] | None = Field(default=None, description="How many answers.")
    stop: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=4)]
        | None
    ) = Field(default=None, description="The answer ends before the first of these texts.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(default=None, description="0, the default: greedy.")
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = Field(
        default=None, description="The same seed gives the same answer; left out, chance decides where temperature > 0."
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description=f"Longest answer in the model's own tokens; more than {MOST_TOKENS} counts as that."
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="The older name of the same.")
    continue_final_message: bool | None = Field(
        default=None,
        description="Carry on the last message, which is then the beginning of the answer (role: assistant). The reply "
        "holds what comes after it.",
    )
    add_generation_prompt: bool | None = Field(
        default=None, description="False goes with continue_final_message: true, and true without it."
    )
    glassbox: GlassboxOptions | None = None

    user: str | None = Field(default=None, description=_NO_EFFECT)
    metadata: dict[str, Any] | None = Field(default=None, description=_NO_EFFECT)
    safety_identifier: str | None = Field(default=None, description=_NO_EFFECT)
    prompt_cache_key: str | None = Field(default=None, description=_NO_EFFECT)
    service_tier: str | None = Field(default=None, description=_NO_EFFECT)
    store: bool | None = Field(default=None, description="Without effect: every turn is stored, as in the page.")
    parallel_tool_calls: bool | None = Field(default=None, description=_NO_EFFECT)

    logprobs: bool | None = Field(default=None, description=_NEUTRAL_ONLY)
    top_logprobs: int | None = Field(default=None, description=_NEUTRAL_ONLY)
    presence_penalty: float | None = Field(default=None, description=_NEUTRAL_ONLY)
    frequency_penalty: float | None = Field(default=None, description=_NEUTRAL_ONLY)
    logit_bias: dict[str, float] | None = Field(default=None, description=_NEUTRAL_ONLY)
    response_format: dict[str, Any] | None = Field(default=None, description=_NEUTRAL_ONLY)
    modalities: list[str] | None = Field(default=None, description=_NEUTRAL_ONLY)
    tools: list[Any] | None = Field(default=None, description=_NEUTRAL_ONLY)
    tool_choice: Any = Field(default=None, description=_NEUTRAL_ONLY)


_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
}
"""What is not supported, with the values that ask for nothing. ``None`` always does."""


def check_supported(asked: ChatRequest) -> None:
    """Turn away what cannot be done, instead of leaving it out in silence.

    Raises:
        Problem: the request asks for something that is not supported.
    """
    for name, neutral in _NEUTRAL.items():
        value = getattr(asked, name)
        if value is not None and value not in neutral:
            message = f"Glassbox does not support {name}. Leave it out."
            if name == "logprobs":
                message += " Where a word of the answer comes from: POST /v1/explain."
            raise Problem(400, message, param=name, code="unsupported_parameter")
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        message = "max_tokens and max_completion_tokens mean the same: send one of them."
        raise Problem(400, message, param="max_tokens", code="invalid_value")
    if asked.add_generation_prompt is not None and asked.add_generation_prompt == bool(asked.continue_final_message):
        message = "add_generation_prompt must be false with continue_final_message: true, and true or missing without."
        raise Problem(400, message, param="add_generation_prompt", code="invalid_value")
    if asked.stream_options is not None and not asked.stream:
        message = "stream_options goes with stream: true only."
        raise Problem(400, message, param="stream_options", code="invalid_value")


def turn_settings(asked: ChatRequest) -> list[TurnSettings]:
    """The settings of each of the answers that are asked for; the second one's seed is the next, and so on."""
    temperature = asked.temperature or 0.0
    seed = asked.seed if asked.seed is not None else secrets.randbits(32) if temperature else 0
    most = asked.max_completion_tokens or asked.max_tokens
    return [
        TurnSettings(
            model=asked.model,
            packs=tuple(asked.glassbox.packs) if asked.glassbox else (),
            temperature=temperature,
            top_p=asked.top_p or 1.0,
            max_tokens=None if most is None else min(most, MOST_TOKENS),
            seed=(seed + number) % 2**32,
            stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        )
        for number in range(asked.n or 1)
    ]
