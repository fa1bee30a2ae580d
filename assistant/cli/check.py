"""``assistant check``: what the rules say about texts, as a filter for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import typer

from assistant.cli import common
from assistant.cli.common import PacksOption, tell
from assistant.errors import GlassboxError, describe

MAX_LINE = 16_000_000
"""Bytes. A longer line is not kept in memory; it gives an error line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input, read."""

    id: str | int
    text: str
    image: Path | None


class BadLine(Exception):
    """A line that cannot be checked; ``id`` where that much could be read."""

    def __init__(self, message: str, id: str | int | None = None) -> None:
        super().__init__(message)
        self.id = id


def check(
    pack: PacksOption = None,
    role: Annotated[
        Literal["user", "assistant"], typer.Option(help="Who said the texts: they are questions, or answers.")
    ] = "user",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="Which model rules may ask for a second look, named as for ask; left out, the setting critic_model.",
        ),
    ] = None,
) -> None:
    """Check texts against the rules, without asking a model.

    Reads JSON lines {"id", "text", "image"?} (image is a path) and answers each at once, in order, with {"id",
    "blocked", "action", "rule", "pack", "score", "ms"}. A line that cannot be read gives {"id", "line", "error"}; blank
    lines are passed over. Exit code: 2 where a line could not be read, else 1 where something was blocked, else 0.
    """
    from assistant.check_summary import summary
    from assistant.messages import TurnSettings
    from assistant.settings import load_settings

    settings = load_settings(critic_model=model)
    source = common.data_input()
    blocked = bad = False
    with common.data_output() as out:
        runtime = common.open_runtime(settings)
        try:
            turn_settings = TurnSettings(packs=tuple(pack or ()))
            common.try_packs(runtime, turn_settings.packs)
            if model is not None:
                common.fetch_model(runtime, model)
            if source.isatty():
                tell("Reading JSON lines from the keyboard; Ctrl-D ends.")
            for number, raw in read_lines(source):
                line_id: str | int | None = None
                try:
                    line = parse(raw)
                    line_id = line.id
                    result = runtime.check(
                        line.text,
                        role="question" if role == "user" else "answer",
                        images=[line.image] if line.image else (),
                        settings=turn_settings,
                    )
                except BadLine as error:
                    answer: dict[str, Any] = {"id": error.id, "line": number, "error": str(error)}
                except GlassboxError as error:
                    answer = {"id": line_id, "line": number, "error": str(error)}
                except Exception as error:  # whatever one line holds, the next ones get their answer
                    answer = {"id": line_id, "line": number, "error": f"It cannot be checked ({describe(error)})."}
                else:
                    answer = {"id": line_id, **summary(result)}
                blocked = blocked or answer.get("blocked", False)
                bad = bad or "error" in answer
                common.write_json(out, answer)
        finally:
            runtime.close()
    if bad or blocked:
        raise typer.Exit(common.NOT_DONE if bad else common.FOUND)


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines that are not blank; ``None`` in place of one that is longer than `MAX_LINE`."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif raw.strip():
            yield number, raw


def parse(raw: bytes | None) -> Line:
    """Read one line.

    Raises:
        BadLine: it is not what was expected; the message says what came instead.
    """
    if raw is None:
        raise BadLine(f"The line is longer than {MAX_LINE:,} bytes.")
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadLine(f"The line is not UTF-8 text: byte {error.start} is 0x{raw[error.start]:02x}.") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"The line is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadLine(f'Expected an object with "id" and "text", got {type(value).__name__}.')
    line_id, text, image = value.get("id"), value.get("text"), value.get("image")
    if isinstance(line_id, bool) or not isinstance(line_id, str | int):
        raise BadLine(f'"id" must be a string or a whole number, got {_shown(value, "id")}.')
    if not isinstance(text, str):
        raise BadLine(f'"text" must be a string, got {_shown(value, "text")}.', line_id)
    if image is not None and not isinstance(image, str):
        raise BadLine(f'"image" must be a path, got {_shown(value, "image")}.', line_id)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadLine(f'"text" is not valid Unicode: half a character at {error.start}.', line_id) from error
    if image is not None and "\0" in image:
        raise BadLine('"image" holds a zero byte.', line_id)
    return Line(line_id, text, Path(image) if image else None)


def _shown(value: dict[str, Any], key: str) -> str:
    return json.dumps(value[key])[:40] if key in value else "nothing"
