"""What the program and a plugin's child process say to each other: one JSON object in a line."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from assistant.evaluators import Cost
from assistant.marks import OnFailure, Phase
from assistant.verdicts import Frozen

LONGEST_LINE = 8_000_000
"""Bytes; a child that answers with more is ended."""
LOUDEST = 1_000_000
"""Bytes; a child that prints more than that in its life is ended."""


class Limits(Frozen):
    """What a child may use: bytes of address space and of one file, open files, processor seconds for one call."""

    memory: int = 1 << 30
    file_size: int = 50_000_000
    open_files: int = 64
    cpu_seconds: int = 60
    network: bool = False


class Load(Frozen):
    """The first message: import a plugin. ``reads`` and ``writes`` are the folders that it may use."""

    kind: Literal["load"] = "load"
    name: str
    value: str
    folder: str
    own: str
    limits: Limits


class Invoke(Frozen):
    """Call a hook, or one of the plugin's evaluators."""

    kind: Literal["invoke"] = "invoke"
    hook: str
    evaluator: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)
    pictures: dict[str, str] = Field(default_factory=dict)
    chosen: dict[str, Any] = Field(default_factory=dict)
    """The settings that hold for this call, as the person and the operator chose them."""


class HookMark(Frozen):
    """What an implementation declares, and which arguments it names."""

    hook: str
    arguments: tuple[str, ...]
    phase: Phase
    on_failure: OnFailure | None
    time_limit: float | None = Field(gt=0)


class EvaluatorMark(Frozen):
    """An evaluator of the plugin."""

    name: str = Field(min_length=1, max_length=100)
    cost: Cost


class Ready(Frozen):
    """The plugin is imported. ``confined`` says in words what the system keeps it from."""

    kind: Literal["ready"] = "ready"
    hooks: tuple[HookMark, ...]
    evaluators: tuple[EvaluatorMark, ...] = ()
    confined: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None
    """The JSON schema of its settings, where it has some."""


class Returned(Frozen):
    """A call came back."""

    kind: Literal["returned"] = "returned"
    value: Any = None


class Failed(Frozen):
    """A call raised, or returned something that is not allowed (``wrong_type``)."""

    kind: Literal["failed"] = "failed"
    wrong_type: bool = False
    error: str = Field(max_length=2000)


Order = Annotated[Load | Invoke, Field(discriminator="kind")]
Reply = Annotated[Ready | Returned | Failed, Field(discriminator="kind")]
ORDER: TypeAdapter[Load | Invoke] = TypeAdapter(Order)
REPLY: TypeAdapter[Ready | Returned | Failed] = TypeAdapter(Reply)
