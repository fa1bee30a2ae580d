"""The models that Glassbox can answer with."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import Backend, hookimpl
from assistant_backends.built_in import BuiltInBackend

__all__ = ["BuiltInBackend", "register_backends"]


@hookimpl
def register_backends() -> Sequence[Backend]:
    """Our own small model; it loads its weights when it is first used."""
    return [BuiltInBackend()]
