"""The lines of a reply, as OpenAI's chunks: server-sent events, or one whole JSON value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

DONE = "[DONE]"
MOST_WHOLE = 16_000_000
"""Bytes in a reply that is not streamed."""


def chunks(lines: Iterable[bytes]) -> Iterator[dict[str, Any] | None]:
    """The events of a stream; ``None`` for the one that says that it is over.

    Raises:
        ValueError: an event is no JSON object.
    """
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield _event("\n".join(data))
            data = []
    if data:
        yield _event("\n".join(data))


def whole(lines: Iterable[bytes]) -> dict[str, Any]:
    """A reply that is one JSON object.

    Raises:
        ValueError: it is something else, or too large.
    """
    body = bytearray()
    for line in lines:
        body += line
        if len(body) > MOST_WHOLE:
            raise ValueError("it is too large")
    return _object(body.decode("utf-8", "replace"))


def as_chunk(completion: dict[str, Any]) -> dict[str, Any]:
    """A whole completion in the form of one chunk, from a server that does not stream."""
    choices = [{**each, "delta": each.get("message") or {}} for each in _choices(completion)]
    return {**completion, "choices": choices}


def owners(models: dict[str, Any]) -> set[str]:
    """Who the server says its models are of; servers name their own software there."""
    data = models.get("data")
    listed = cast("list[Any]", data) if isinstance(data, list) else []
    return {str(cast("dict[str, Any]", each).get("owned_by")) for each in listed if isinstance(each, dict)}


def first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a chunk; empty where it has none."""
    found = _choices(chunk)
    return found[0] if found else {}


def text_of(choice: dict[str, Any]) -> str:
    """What a chunk adds to the answer: its text, or the model's own refusal."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return ""
    fields = cast("dict[str, Any]", delta)
    return "".join(fields[name] for name in ("content", "refusal") if isinstance(fields.get(name), str))


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    choices = value.get("choices")
    if not isinstance(choices, list):
        return []
    return [cast("dict[str, Any]", each) for each in cast("list[Any]", choices) if isinstance(each, dict)]


def _event(data: str) -> dict[str, Any] | None:
    return None if data.strip() == DONE else _object(data)


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"expected JSON, came {text[:80]!r}") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, came {text[:80]!r}")
    return cast("dict[str, Any]", value)
