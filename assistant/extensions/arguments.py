"""What a hook call hands to a plugin, and that the plugin leaves it alone and returns what it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, cast

from assistant.errors import PluginResultError
from assistant.extensions.implementations import Implementation
from assistant.plugin_settings import Chosen, use_chosen
from assistant.verdicts import Frozen


class Arguments:
    """The arguments of one hook call. Plugins share a copy; where one of them changes it, the next gets a fresh one."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._originals = arguments
        self._values = {name: _copy(value) for name, value in arguments.items()}
        self._prints = {name: _fingerprint(value) for name, value in arguments.items()}

    def named(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self._values[name] for name in names}

    def restore(self) -> list[str]:
        """Put back what was changed, and name it."""
        changed = [name for name, kept in self._prints.items() if kept != _fingerprint(self._values[name])]
        for name in changed:
            self._values[name] = _copy(self._originals[name])
        return changed


def _copy(value: Any) -> Any:
    """A copy of one of our frozen values, with everything in it that could be changed by force: other frozen values,
    tuples of them, JSON data. Much faster than `copy.deepcopy`, and it runs before every hook of every turn."""
    if isinstance(value, Frozen):
        fresh = copy(value)
        inside = vars(fresh)
        for name, each in inside.items():
            if isinstance(each, Frozen | tuple | dict | list):
                inside[name] = _copy(each)
        return fresh
    if isinstance(value, tuple):
        return tuple(_copy(each) for each in cast(tuple[Any, ...], value))
    if isinstance(value, list):
        return [_copy(each) for each in cast(list[Any], value)]
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in cast(dict[Any, Any], value).items()}
    return value


def bound(
    each: Implementation, shared: Arguments, accept: Callable[[Any], Any], chosen: Chosen | None
) -> Callable[[], Any]:
    """The call of one implementation, with a check that it left its arguments alone and returned what it may."""

    def run() -> Any:
        try:
            if chosen is None:
                value = each.function(**shared.named(each.arguments))
            else:
                with use_chosen(chosen):
                    value = each.function(**shared.named(each.arguments))
        finally:
            changed = shared.restore()
        if changed:
            raise TypeError(f"it changed its argument {changed[0]!r}, which nobody may change")
        try:
            return accept(value)
        except (TypeError, ValueError) as error:
            raise PluginResultError(
                f"The plugin {each.plugin!r} returned something from {each.hook} that is not allowed: {error}.",
                plugin=each.plugin,
            ) from error

    return run


def _fingerprint(value: object) -> int:
    """A number that changes with the value; 0 for what is not one of our frozen values."""
    if not isinstance(value, Frozen):
        return 0
    try:
        return hash(value)
    except TypeError:  # a dict is in it
        return hash(value.model_dump_json())
