"""Every error that Glassbox raises on purpose.

    GlassboxError
    ├── InputError                what a person sent cannot be used
    │   ├── EmptyQuestion
    │   ├── TextTooLong
    │   ├── TooManyImages
    │   ├── ImageError            not an image, truncated, too large, empty, a wrong path
    │   └── FetchError            an address that may not or cannot be fetched
    ├── SettingsError             a setting or an option has a value that cannot work
    ├── PluginError
    │   ├── PluginLoadError       the package could not be imported or registered
    │   ├── PluginCrash           a hook raised, exited, or changed its input
    │   ├── PluginTimeout         a hook ran over its time limit
    │   └── PluginResultError     a hook returned something of the wrong type
    ├── BackendError
    │   ├── UnknownModel          no backend has that name
    │   ├── ModelLoadError        weights missing, truncated or of another shape
    │   └── GenerationError       the model raised or fell silent while answering
    ├── StoreError
    │   ├── StoreFull             the disk has no room
    │   ├── StoreUnavailable      the database cannot be opened, read or written
    │   └── NotFound              no conversation, turn or image has that id
    └── ServerError
        └── PortInUse

A message says what was expected, what came, and what to do next. ``str(error)`` is fit for a person to read.
"""

from __future__ import annotations


class GlassboxError(Exception):
    """The root. ``message`` says what happened, ``hint`` what to do about it (may be empty)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(GlassboxError):
    """What a person sent cannot be used."""


class EmptyQuestion(InputError):
    """Neither text nor an image was sent."""


class TextTooLong(InputError):
    """The text has more characters than the limit in the settings."""


class TooManyImages(InputError):
    """More images came with one question than the limit in the settings."""


class ImageError(InputError):
    """A file is not an image that can be read within the limits."""


class FetchError(InputError):
    """An address that may not or cannot be fetched."""


class SettingsError(GlassboxError):
    """A setting or an option has a value that cannot work."""


class PluginError(GlassboxError):
    """Something about one plugin; ``plugin`` is its name."""

    def __init__(self, message: str, *, plugin: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin


class PluginLoadError(PluginError):
    """The package of a plugin could not be imported or registered."""


class PluginCrash(PluginError):
    """A hook raised, tried to exit, or changed its input."""


class PluginTimeout(PluginError):
    """A hook ran over its time limit."""


class PluginResultError(PluginError):
    """A hook returned something that its specification does not allow."""


class BackendError(GlassboxError):
    """Something about the model that answers."""


class UnknownModel(BackendError):
    """No registered backend has that name."""


class ModelLoadError(BackendError):
    """The weights could not be loaded."""


class GenerationError(BackendError):
    """The model raised, or fell silent, while it was answering."""


class StoreError(GlassboxError):
    """Something about the database."""


class StoreFull(StoreError):
    """The disk has no room left."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, read or written."""


class NotFound(StoreError):
    """No conversation, turn or image has that id."""


class ServerError(GlassboxError):
    """The web server cannot start."""


class PortInUse(ServerError):
    """Another program listens on the port."""


def describe(error: BaseException | None) -> str:
    """An exception in one line: its message if it is ours, else its type and the beginning of its message."""
    if isinstance(error, GlassboxError):
        return str(error)
    text = " ".join(str(error).split())
    if len(text) > 300:
        text = text[:299] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
