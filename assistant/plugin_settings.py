"""Settings of plugins: a pydantic model for each plugin, values from the operator and from each person, fixed per call.

A plugin offers its model with the hook ``register_settings`` and reads it with `settings_of`. A field belongs to the
person unless its ``json_schema_extra`` says ``{"tier": "operator"}``.

Example:
    >>> class Loudness(PluginSettings):
    ...     threshold: float = Field(default=0.6, ge=0, le=1)
    >>> settings_of(Loudness).threshold
    0.6
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class PluginSettings(BaseModel):
    """The base of a plugin's settings: nobody can change a value, and there are no unknown fields. Every field needs a
    default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Chosen = Mapping[str, Mapping[str, Any]]
"""By the name of the plugin and of the field, what was chosen; JSON data."""
S = TypeVar("S", bound=PluginSettings)
_NOTHING: Chosen = MappingProxyType({})
_chosen: ContextVar[Chosen] = ContextVar("glassbox_plugin_settings", default=_NOTHING)
_plugin_of: dict[type[PluginSettings], str] = {}


def settings_of(model: type[S]) -> S:
    """The settings as they hold for the present call of a hook: those of the person whose turn it is.

    Outside of a call, and where nothing was chosen, these are the defaults.
    """
    values = _chosen.get().get(_plugin_of.get(model, ""))
    return model.model_validate(dict(values)) if values else model()


def belongs_to(model: type[PluginSettings], plugin: str) -> None:
    """Say which plugin offers a model."""
    _plugin_of[model] = plugin


@contextmanager
def use_chosen(chosen: Chosen) -> Generator[None]:
    """Let these settings hold inside the block, in this thread."""
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen() -> Chosen:
    """All settings that hold for the present call."""
    return _chosen.get()


def accept_settings(value: Any) -> type[PluginSettings] | None:
    """What the hook ``register_settings`` may return.

    Raises:
        TypeError: it is no model of settings, or a field has no default.
    """
    if value is None:
        return None
    if not (isinstance(value, type) and issubclass(value, PluginSettings)):
        raise TypeError(f"expected a subclass of PluginSettings, got {value!r}")
    needed = [name for name, field in value.model_fields.items() if field.is_required()]
    if needed:
        raise TypeError(f"every setting needs a default; {needed[0]!r} has none")
    try:
        value.model_json_schema()
    except Exception as error:  # whatever a plugin's own types do
        raise TypeError(f"no form can be made of {value.__name__}: {type(error).__name__}") from error
    return value


def problems_with(model: type[PluginSettings], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with values, by field; nothing where all is well. No value is quoted: it may be secret."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        found: dict[str, str] = {}
        for each in error.errors(include_input=False, include_url=False):
            found.setdefault(str(each["loc"][0]) if each["loc"] else "", each["msg"])
        return found
    return {}
