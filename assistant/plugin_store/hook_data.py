"""The hooks that can run in a child process: those that take data and return data. How it is written as JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter

from assistant.evaluators import Finding, Subject
from assistant.explanations import Explanation
from assistant.judgement import accept_nothing, accept_verdicts
from assistant.messages import Feedback, ImagePart, Reading, Receipt, Turn, TurnRecord
from assistant.verdicts import Frozen, Verdict

if TYPE_CHECKING:
    from assistant.backends import ModelTrace

MODELS: dict[str, type[Frozen]] = {
    "turn": Turn,
    "record": TurnRecord,
    "image": ImagePart,
    "feedback": Feedback,
}
"""The arguments of hooks that are models; all others are texts, numbers and the like."""

IN_A_CHILD = frozenset(
    {
        "before_turn",
        "check_segment",
        "after_turn",
        "turn_finished",
        "read_picture",
        "record_feedback",
        "feedback_reasons",
        "explain_word",
        "register_evaluators",
        "register_settings",
    }
)

RESULTS: dict[str, TypeAdapter[Any]] = {
    "before_turn": TypeAdapter(tuple[Verdict, ...]),
    "check_segment": TypeAdapter(tuple[Verdict, ...]),
    "after_turn": TypeAdapter(tuple[Verdict, ...]),
    "turn_finished": TypeAdapter(None),
    "read_picture": TypeAdapter(Reading | None),
    "record_feedback": TypeAdapter(Receipt | None),
    "feedback_reasons": TypeAdapter(list[str]),
    "explain_word": TypeAdapter(Explanation | None),
    "evaluate": TypeAdapter(Finding | None),
    "check_options": TypeAdapter(str),
    "check_settings": TypeAdapter(dict[str, str]),
}
"""What comes back. ``check_options`` says in words what is wrong with options, and nothing where all is well;
``check_settings`` says the same for each field of settings."""


def write_arguments(arguments: Mapping[str, Any], pictures: dict[str, str] | None) -> dict[str, Any]:
    """Arguments of a hook as JSON data.

    Args:
        arguments: by name.
        pictures: gets the bytes of every picture, by hash, in base64; ``None`` leaves them out.
    """
    return {name: _write(value, pictures) for name, value in arguments.items()}


def _write(value: Any, pictures: dict[str, str] | None) -> Any:
    if isinstance(value, Frozen):
        data = value.model_dump(mode="json")
        if isinstance(value, Turn):  # left out of dumps, and rules need it
            data["earlier"] = [each.model_dump(mode="json") for each in value.earlier]
        if pictures is not None:
            for image in _images(value):
                pictures[image.sha256] = base64.b64encode(image.data).decode()
        return data
    if isinstance(value, Subject):
        fields = {name: getattr(value, name) for name in Subject.__dataclass_fields__}
        return write_arguments(fields, pictures)
    if hasattr(value, "cross_attention"):
        return _write_trace(cast("ModelTrace", value))
    return value


def _images(value: Frozen) -> tuple[ImagePart, ...]:
    if isinstance(value, ImagePart):
        return (value,)
    turn = value.turn if isinstance(value, TurnRecord) else value
    if isinstance(turn, Turn):
        return (*turn.question.images, *(image for each in turn.history for image in each.question.images))
    return ()


def read_arguments(data: Mapping[str, Any], pictures: Mapping[str, str]) -> dict[str, Any]:
    """The arguments again, out of JSON data.

    Raises:
        ValidationError: it is not what `write_arguments` wrote.
    """
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name in MODELS:
            _put_pictures(value, pictures)
            found[name] = MODELS[name].model_validate(value)
        else:
            found[name] = _read_trace(value) if name == "trace" else value
    return found


def _put_pictures(value: Any, pictures: Mapping[str, str]) -> None:
    if isinstance(value, dict):
        node = cast("dict[str, Any]", value)
        if node.get("sha256") in pictures and "media_type" in node:
            node["data"] = base64.b64decode(pictures[node["sha256"]])
        for each in node.values():
            _put_pictures(each, pictures)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            _put_pictures(each, pictures)


def _write_trace(trace: ModelTrace) -> dict[str, Any]:
    maps = [
        {"shape": list(each.shape), "data": base64.b64encode(each.astype("<f4").tobytes()).decode()}
        for each in trace.cross_attention
    ]
    words = [
        asdict(each) | {"copied_from": each.copied_from.model_dump(mode="json") if each.copied_from else None}
        for each in trace.words
    ]
    return {"words": words, "cross_attention": maps, "token_logprobs": list(trace.token_logprobs)}


def _read_trace(data: Mapping[str, Any]) -> ModelTrace:
    import numpy as np

    from assistant.backends import ModelTrace, Word

    maps = tuple(
        np.frombuffer(base64.b64decode(each["data"]), dtype="<f4").reshape(each["shape"])
        for each in data["cross_attention"]
    )
    words = TypeAdapter(tuple[Word, ...]).validate_python(data["words"])
    return ModelTrace(words=words, cross_attention=maps, token_logprobs=tuple(data["token_logprobs"]))


def accept_of(hook: str) -> Callable[[Any], Any]:
    """What a hook may return, before it is written as JSON: a wrong type is found where it arises."""
    if hook in ("before_turn", "check_segment", "after_turn"):
        return accept_verdicts
    if hook == "turn_finished":
        return accept_nothing
    return RESULTS[hook].validate_python


def write_result(hook: str, value: Any) -> Any:
    """A result as JSON data.

    Raises:
        TypeError, ValueError: the hook may not return it.
    """
    if hook == "feedback_reasons":
        value = [] if value is None else list(value) if not isinstance(value, str) else value
    return RESULTS[hook].dump_python(accept_of(hook)(value), mode="json")
