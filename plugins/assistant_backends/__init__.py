"""The models that Glassbox can answer with, and what they can tell the rules about a picture.

Nothing is imported before it is asked for: the list of commands waits for this package, because `assistant models` is
in it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant_backends.built_in import BuiltInBackend
    from assistant_backends.hooks import Backends
    from assistant_backends.seeing import SeenInPicture

__all__ = ["Backends", "BuiltInBackend", "SeenInPicture"]

_PLACES = {"Backends": "hooks", "BuiltInBackend": "built_in", "SeenInPicture": "seeing"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"assistant_backends.{_PLACES[name]}"), name)
    return value
