"""What a server's refusal or silence means for the person who asked, in a sentence that says what to do."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, cast

from assistant.errors import GenerationError
from assistant_backends.served.address import ServerAddress
from assistant_backends.served.connection import Broken, Head

OPTIONAL = ("stream_options", "seed", "top_p", "temperature", "stop", "max_tokens", "max_completion_tokens")
"""What a request can go without, where a server does not know it."""

_TOO_LONG = re.compile(
    r"context.{0,20}(?:length|window|size)|exceeds? the (?:available )?context|maximum context"
    r"|(?:prompt|input|request) is too long|too many tokens|larger than the maximum",
    re.IGNORECASE,
)
_NO_PICTURES = re.compile(r"image|vision|multimodal|mmproj", re.IGNORECASE)

Cure = Literal["none", "again", "shorter", "without"]


class ServerProblem(GenerationError):
    """A request that came to nothing.

    ``cure`` is what may help: the same ``again`` in a while, a ``shorter`` chat, or the same ``without`` its
    ``parameter``; ``after`` is the wait that the server asks for, in seconds. ``status`` is that of the reply, 0 where
    none came.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        cure: Cure = "none",
        parameter: str = "",
        after: float | None = None,
        status: int = 200,
    ) -> None:
        super().__init__(message, hint=hint)
        self.cure: Cure = cure
        self.parameter = parameter
        self.after = after
        self.status = status


def broken(at: ServerAddress, what: Broken, *, writing: bool) -> ServerProblem:
    """The connection failed; ``writing``: in the middle of an answer."""
    if what.stage == "connect":
        return ServerProblem(
            f"The model server at {at.base} cannot be reached: {what.reason}.",
            hint="Start the server, or check the address in --model.",
            cure="again",
            status=0,
        )
    if what.stage == "silent":
        when = "in the middle of the answer" if writing else "before it began to answer"
        return ServerProblem(
            f"The model server at {at.base} fell silent {when}: {what.reason}.",
            hint="Ask again; if it goes on, look at the server's own log.",
            status=0,
        )
    if writing:
        return cut(at)
    return ServerProblem(
        f"The model server at {at.base} hung up without an answer: {what.reason}.",
        hint="Look at the server's own log.",
        cure="again",
        status=0,
    )


def cut(at: ServerAddress) -> ServerProblem:
    """The stream ended before the answer did."""
    return ServerProblem(
        f"The model server at {at.base} broke off in the middle of the answer.",
        hint="What had come is kept. Ask again; if it goes on, look at the server's own log.",
    )


def not_understood(at: ServerAddress, what: str) -> ServerProblem:
    """The reply is not in OpenAI's form."""
    return ServerProblem(
        f"What came from {at.base} is no reply in OpenAI's form: {what}.",
        hint="Check the address in --model; it usually ends with /v1.",
    )


def refused(at: ServerAddress, head: Head, body: bytes, key: str, *, pictures: bool) -> ServerProblem:
    """A reply with another status than 200.

    Args:
        at: the server.
        head: how the reply began.
        body: the reply.
        key: blacked out wherever the server repeats it.
        pictures: whether the request had some.
    """
    said, parameter, code = _read(body)
    said = _safe(said, key)
    saying = f" It says: “{said}”." if said else ""
    status = head.status
    if status in (401, 403):
        what = "does not accept the key" if key else "wants a key"
        return ServerProblem(
            f"The model server at {at.base} {what}.{saying}",
            hint=f'Put it into GLASSBOX_MODEL_KEYS, as {{"{at.server}": "the key"}}, and start again.',
            status=status,
        )
    if code == "context_length_exceeded" or (status in (400, 413, 422, 500) and _TOO_LONG.search(said)):
        return ServerProblem(
            f"This is longer than what the model {at.model} at {at.base} can read.{saying}",
            hint="Ask in fewer words or with fewer pictures.",
            cure="shorter",
        )
    if status in (400, 422):
        unknown = (
            parameter
            if parameter in OPTIONAL
            else next((each for each in OPTIONAL if re.search(rf"\b{each}\b", said)), "")
        )
        if unknown:
            message = f"The model server at {at.base} does not take {unknown}.{saying}"
            return ServerProblem(message, cure="without", parameter=unknown)
        if pictures and _NO_PICTURES.search(said):
            return ServerProblem(
                f"The model {at.model} at {at.base} did not take the picture.{saying}",
                hint="Choose a model that reads pictures, or ask without one.",
            )
    if status == 404:
        return ServerProblem(
            f"There is no model {at.model!r} at {at.base}, or no chat at this address.{saying}",
            hint="Check name and address in --model; the address usually ends with /v1.",
        )
    if status == 413:
        return ServerProblem(
            f"The request is larger than {at.base} takes.{saying}",
            hint="Ask with fewer or smaller pictures.",
            cure="shorter",
        )
    if status == 429:
        return ServerProblem(
            f"The model server at {at.base} is busy, or your share of it is used up.{saying}",
            hint="Ask again in a while.",
            cure="again",
            after=head.retry_after,
        )
    if 300 <= status < 400:
        return ServerProblem(
            f"The model server at {at.base} sends on to another address, which is not followed.",
            hint="Put the address where it ends into --model.",
        )
    again: Cure = "again" if status in (408, 425, 502, 503, 504) else "none"
    return ServerProblem(
        f"The model server at {at.base} could not answer (status {status}).{saying}",
        hint="Ask again; if it goes on, look at the server's own log.",
        cure=again,
        after=head.retry_after,
        status=status,
    )


def said_in_stream(at: ServerAddress, error: Any, key: str) -> ServerProblem:
    """An error that came as a piece of a stream."""
    said, _, code = _read(json.dumps({"error": error}).encode())
    said = _safe(said, key)
    if code == "context_length_exceeded" or _TOO_LONG.search(said):
        return refused(at, Head(400, "", None), json.dumps({"error": error}).encode(), key, pictures=False)
    return ServerProblem(
        f"The model server at {at.base} failed while answering. It says: “{said or 'nothing'}”.",
        hint="Ask again; if it goes on, look at the server's own log.",
    )


def _read(body: bytes) -> tuple[str, str, str]:
    """What an error says, the parameter that it names, and its code; servers write it in several forms."""
    text = body.decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except ValueError:
        return ("" if text.lstrip().startswith("<") else text), "", ""  # a page of HTML says nothing
    error: Any = cast("dict[str, Any]", value).get("error", cast(Any, value)) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return str(error), "", ""
    fields = cast("dict[str, Any]", error)
    said = next((fields[name] for name in ("message", "detail", "error") if fields.get(name)), "")
    return str(said), str(fields.get("param") or ""), str(fields.get("code") or fields.get("type") or "")


def _safe(said: str, key: str) -> str:
    said = " ".join((said.replace(key, "[key]") if key else said).split()).strip(" .")
    return said if len(said) <= 300 else said[:299] + "…"
