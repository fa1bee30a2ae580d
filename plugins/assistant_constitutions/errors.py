"""What can be wrong with packs.

PluginLoadError
└── PackError          the file of a pack cannot be used
InputError
└── UnknownPack        a question names a pack that is not there
"""

from __future__ import annotations

from assistant.errors import InputError, PluginLoadError


class PackError(PluginLoadError):
    """The file of a pack cannot be used; the message says which, the line, the field, what was expected, what came."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, plugin="constitutions", hint=hint)


class UnknownPack(InputError):
    """A question names a pack that is not there; the message names those that are."""
