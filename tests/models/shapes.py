"""Check the axes that a function declares with `Annotated[Tensor, "batch tokens dim"]` on a real call."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from torch import Tensor


def checked(function: Callable[..., Any], *args: Any, sizes: Mapping[str, int] | None = None, **named: Any) -> Any:
    """Call `function`, and assert that tensors which come and go have the declared axes.

    An axis written as a number has that size; a name has the same size wherever it occurs, or 1 where it is `batch`
    or stands in a mask; `...` stands for any axes before. `sizes` fixes names beforehand.
    """
    known = dict(sizes or {})
    hints = get_type_hints(function, include_extras=True)
    names = [name for name in hints if name != "return"]
    for name, value in {**dict(zip(names, args, strict=False)), **named}.items():
        _check(f"{function.__qualname__}({name})", hints.get(name), value, known)
    result = function(*args, **named)
    _check(f"{function.__qualname__} returned", hints.get("return"), result, known)
    return result


def _check(what: str, hint: Any, value: Any, known: dict[str, int]) -> None:
    if hint is None or value is None:
        return
    if get_origin(hint) is Annotated:
        kind, axes = get_args(hint)[:2]
        if kind is Tensor and isinstance(axes, str):
            assert isinstance(value, Tensor), f"{what}: expected a tensor, got {type(value).__name__}"
            _check_axes(what, axes.split(), list(value.shape), known)
        return
    if get_origin(hint) is tuple and isinstance(value, tuple):
        for i, (part, one) in enumerate(zip(get_args(hint), value, strict=False)):
            _check(f"{what}[{i}]", part, one, known)
        return
    for option in get_args(hint):  # unions: the one that is annotated
        if get_origin(option) is Annotated and isinstance(value, Tensor):
            _check(what, option, value, known)


def _check_axes(what: str, axes: list[str], shape: list[int], known: dict[str, int]) -> None:
    if axes and axes[0] == "...":
        axes = axes[1:]
        shape = shape[len(shape) - len(axes) :]
    assert len(axes) == len(shape), f"{what}: expected axes {axes}, got shape {shape}"
    for axis, size in zip(axes, shape, strict=True):
        if axis.isdigit():
            assert size == int(axis), f"{what}: expected {axes}, got {shape}"
        elif size != 1:
            assert known.setdefault(axis, size) == size, f"{what}: {axis} was {known[axis]}, got {shape}"
