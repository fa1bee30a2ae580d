"""``assistant.toml``: what a plugin wants, for a person to read before installing it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from pydantic import Field, ValidationError

from assistant.errors import InputError
from assistant.verdicts import Frozen

FILE = "assistant.toml"


class Declaration(Frozen):
    """What a plugin declares. It is data: reading it executes nothing.

    ``hooks`` are those that it implements; one with others is left out. ``network`` are hosts, ``files`` are words for
    a person. ``pictures``: its hooks get the bytes of the pictures. ``packs`` are constitution packs, files beside
    this one.
    """

    hooks: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    model: bool = False
    pictures: bool = False
    packs: tuple[str, ...] = Field(default=(), max_length=20)

    def lines(self) -> Iterator[str]:
        """It in words, a line for each thing."""
        yield f"hooks: {', '.join(self.hooks) or 'none'}"
        yield f"network: {', '.join(self.network) or 'none'}"
        yield f"files: {'; '.join(self.files) or 'its own folder only'}"
        yield f"asks a model of the house: {'yes' if self.model else 'no'}"
        yield f"gets the pictures themselves: {'yes' if self.pictures else 'no'}"
        if self.packs:
            yield f"packs of rules: {', '.join(self.packs)}"


def read_declaration(text: str, where: str) -> Declaration:
    """A declaration out of its file.

    Args:
        text: of the file.
        where: what to call it in an error.

    Raises:
        InputError: it is no TOML, has an unknown field, or a field of another type.
    """
    try:
        return Declaration.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        raise InputError(
            f"{where}: {field}: {first['msg']}; came {first['input']!r}.",
            hint=f"The fields are: {', '.join(Declaration.model_fields)}.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is no TOML file: {error}.") from error
