"""``assistant ask``: one question about any number of pictures, answered in the shell."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, ModelOption, PacksOption, tell, write
from assistant.errors import InputError

if TYPE_CHECKING:
    from assistant.events import Event
    from assistant.messages import Message, TurnRecord
    from assistant.settings import Settings

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def ask(
    *,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE", help="Picture files.", show_default=False)
    ] = None,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question, last; - reads it from standard input.")
    ],
    place: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EDGES",
            help="Ask about a place: left,top,right,bottom in percent of the picture, as in 10,20,40,50; "
            "2:10,20,40,50 is in the second picture. May be given several times.",
        ),
    ] = None,
    model: ModelOption = None,
    pack: PacksOption = None,
    json: JsonOption = False,
) -> None:
    """Ask one question, with any number of pictures. The turn is stored like one in the browser."""
    from assistant.settings import load_settings

    settings = load_settings(model=model)
    model = settings.model if model is not None else None
    message = read_question(images or [], question, settings, place or [])
    from assistant.messages import TurnSettings
    from assistant.runtime import Question

    with common.data_output() as out:
        runtime = common.open_runtime(settings)
        try:
            packs = tuple(pack or ())
            if model is not None:
                common.fetch_model(runtime, model)  # a model that is not there is misuse, not a failed turn
            common.try_packs(runtime, packs)
            asked = Question(
                text=message.text,
                images=message.images,
                regions=message.regions,
                settings=TurnSettings(model=model, packs=packs),
                door="cli",
            )
            with _stopped_by_ctrl_c() as stop:
                events = runtime.run_turn(runtime.follow(None, asked), stop)
                try:
                    record = _print_json(events, out) if json else _print_text(events, out)
                finally:
                    if isinstance(events, Generator):
                        events.close()  # where the reader of our output went away, the turn is stored as stopped
        finally:
            runtime.close()
    if stop.is_set():
        raise typer.Exit(common.INTERRUPTED)
    if record.refusal is not None or record.status == "failed":
        raise typer.Exit(common.FOUND)


def read_question(paths: Sequence[str], text: str, settings: Settings, places: Sequence[str] = ()) -> Message:
    """The question with its pictures and places, from the arguments of the command.

    Raises:
        InputError: there is no question, or text, pictures or places cannot be used.
    """
    from assistant.intake import read_message, with_regions
    from assistant.places import read_place

    _refuse_picture_as_question(text)
    if text == "-":
        text = common.data_input().read().decode("utf-8", "replace")
    elif not _is_unicode(text):
        raise InputError("The question is not valid UTF-8.", hint="Set the terminal to UTF-8, or send it through -.")
    message = read_message(text, [Path(path) for path in paths], settings)
    images = tuple(
        image
        if _is_unicode(image.name)
        else image.model_copy(update={"name": os.fsencode(image.name).decode("utf-8", "replace")})
        for image in message.images
    )
    return with_regions(message.model_copy(update={"images": images}), [read_place(each) for each in places])


def _refuse_picture_as_question(text: str) -> None:
    looks_like_one = text.lower().endswith(PICTURE_ENDINGS) and not any(letter.isspace() for letter in text)
    if os.path.isfile(text) and (looks_like_one or _is_picture(Path(text))):
        raise InputError(
            f"The last argument should be the question, and {text} is a picture.",
            hint=f'Type: assistant ask {text} "what is this?"',
        )
    if looks_like_one:
        raise InputError(
            f"The last argument should be the question; {text} looks like a picture, and there is no such file.",
            hint="Check the path, and put the question last.",
        )


def _is_picture(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except Exception:  # Pillow raises many types for what is not a picture
        return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _stopped_by_ctrl_c() -> Generator[threading.Event]:
    """An event that the first Ctrl-C sets, so that the turn ends in order and is stored. The second one ends it all."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupt(_number: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _print_text(events: Iterator[Event], out: TextIO) -> TurnRecord:
    """Stream the answer; what could not be streamed (a refusal, a disclaimer, an error) comes after it."""
    written = ""
    for piece in _segments(events):
        if isinstance(piece, str):
            write(out, piece)
            written += piece
            continue
        if piece.status == "failed":
            write(out, "\n" if written else "")
            tell(f"Error: {piece.error}")
        elif piece.shown.startswith(written):
            write(out, piece.shown.removeprefix(written) + "\n")
        else:
            write(out, "\n")
            tell("What was shown so far is withdrawn.")
            write(out, piece.shown + "\n")
        for note in piece.trace.notes:
            tell(f"Note: {note}")
        if piece.status == "unsure":
            tell("Note: the model is not sure of this answer.")
        return piece
    raise RuntimeError("run_turn ended without a Finished event")


def _print_json(events: Iterator[Event], out: TextIO) -> TurnRecord:
    for piece in _segments(events):
        if not isinstance(piece, str):
            common.write_json(out, piece.model_dump(mode="json"))
            return piece
    raise RuntimeError("run_turn ended without a Finished event")


def _segments(events: Iterator[Event]) -> Iterator[str | TurnRecord]:
    """The pieces of the answer and at the end its record; the steps go to standard error on the way."""
    from assistant.events import Segment, StepStarted

    writing = False
    for event in events:
        if isinstance(event, StepStarted):
            if not writing:  # in a terminal a step would stand in the middle of the answer
                tell(f"{event.text} ...")
        elif isinstance(event, Segment):
            writing = True
            yield event.text
        else:
            yield event.record
