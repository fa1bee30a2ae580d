"""``assistant history``: the chats that are kept, found, shown, saved as files, imported, and deleted."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write
from assistant.errors import InputError

if TYPE_CHECKING:
    from assistant.chat_files import Chat
    from assistant.messages import TurnRecord
    from assistant.store import ConversationSummary, Store

app = typer.Typer(name="history", help="Find, save, import and delete past chats.", no_args_is_help=True)

ChatArgument = Annotated[str, typer.Argument(metavar="CHAT", help="Its id, or the first characters of it.")]
TagsOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only chats with this tag. May be given several times.")
]

MOST = 100_000
"""Chats that are looked through for the first characters of an id."""


@contextmanager
def _store() -> Generator[tuple[Store, TextIO]]:
    """The chats of the person at this computer."""
    from assistant.settings import load_settings
    from assistant.store.schema import LOCAL

    with common.data_output() as out, common.open_store(load_settings()) as store:
        yield store.for_person(LOCAL), out


@app.command(name="list")
def show_list(
    tag: TagsOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="So many at most.")] = 100,
    json: JsonOption = False,
) -> None:
    """List the chats, the one with the newest turn first."""
    with _store() as (store, out):
        if tag:
            chats = [each.conversation for each in store.search("", tags=tag, limit=limit)]
        else:
            chats = store.conversations(limit)
        if json:
            common.write_json(out, [each.model_dump(mode="json") for each in chats])
            return
        write(out, "".join(f"{_line(each)}\n" for each in chats))
        if not chats:
            tell("There is none.")


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Words, or the beginnings of words.")],
    tag: TagsOption = None,
    json: JsonOption = False,
) -> None:
    """Find chats by words of questions, answers, titles, and names and descriptions of pictures. Exit code 1 where none
    is found."""
    with _store() as (store, out):
        found = store.search(" ".join(words), tags=tag or ())
        if json:
            common.write_json(out, [each.model_dump(mode="json") for each in found])
        else:
            for each in found:
                write(out, _line(each.conversation) + "\n" + (f"          {each.excerpt}\n" if each.excerpt else ""))
            if not found:
                tell("Nothing found.")
    if not found:
        raise typer.Exit(common.FOUND)


@app.command()
def show(chat: ChatArgument, json: JsonOption = False) -> None:
    """Show a chat as it was last open."""
    from assistant.chat_files import read_chat

    with _store() as (store, out):
        found = read_chat(store, _whole_id(store, chat))
        if json:
            common.write_json(out, _as_json(found))
            return
        write(out, f"{found.title}\n" + "".join(_turn(record) for record in found.shown))


@app.command()
def export(
    chat: Annotated[
        list[str] | None, typer.Argument(metavar="CHAT...", help="Their ids; left out, all chats.", show_default=False)
    ] = None,
    out_file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Left out, standard output.")] = None,
    as_format: Annotated[
        str | None,
        typer.Option("--format", metavar="F", help="json, zip, md or html; left out, what FILE ends in, or json."),
    ] = None,
) -> None:
    """Save chats as a file: JSON or zip to be imported again; Markdown, or one HTML page to share, of a single chat."""
    from assistant.chat_files import FORMATS, Format, export_chats, read_chat

    named = as_format or (out_file.suffix.removeprefix(".").lower() if out_file else "") or "json"
    chosen: Format | None = next((each for each in FORMATS if each == named), None)
    if chosen is None:
        raise InputError(f"Expected one of the formats {', '.join(FORMATS)}; came {named!r}.", hint="Give --format.")
    with _store() as (store, out):
        ids = [_whole_id(store, each) for each in chat] if chat else [each.id for each in store.conversations(MOST)]
        data = export_chats([read_chat(store, each) for each in ids], chosen)
        if out_file is None:
            out.flush()
            out.buffer.write(data)
            out.buffer.flush()
            return
        try:
            out_file.write_bytes(data)
        except OSError as error:
            raise InputError(f"{out_file} cannot be written: {error.strerror or error}.") from error
        tell(f"{len(ids)} saved in {out_file}.")


@app.command(name="import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .json or .zip: Glassbox, ChatGPT, Open WebUI, LibreChat.")
    ],
    json: JsonOption = False,
) -> None:
    """Take in the chats of a file. What is here already is not doubled. Exit code 1 where something was left out."""
    from assistant.chat_files import import_chats
    from assistant.store.schema import LOCAL

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.", hint="Check the path.") from error
    with common.opened() as (runtime, out):
        done = import_chats(runtime.for_person(LOCAL), data)
        if json:
            named = {"chats": done.chats, "new_turns": done.new_turns, "known_turns": done.known_turns}
            common.write_json(out, {**named, "problems": done.problems})
        else:
            write(out, done.message + "\n")
    if done.problems:
        raise typer.Exit(common.FOUND)


@app.command()
def delete(
    chat: Annotated[list[str], typer.Argument(metavar="CHAT...", help="Their ids.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete chats for good, with their pictures, answers and ratings."""
    with _store() as (store, out):
        found = [store.summary(_whole_id(store, each)) for each in chat]
        if not yes:
            for each in found:
                tell(_line(each))
            typer.confirm("Delete for good?", abort=True, err=True)
        for each in found:
            store.delete_conversation(each.id)
        write(out, f"Deleted: {len(found)}\n")


def _whole_id(store: Store, start: str) -> str:
    """The id that begins so.

    Raises:
        InputError: none does, or several.
    """
    found = [each.id for each in store.conversations(MOST) if each.id.startswith(start)] if start else []
    if start in found:
        return start
    if len(found) != 1:
        many = f"{len(found)} chats have ids that begin with" if found else "No chat has an id that begins with"
        raise InputError(f"{many} {start!r}.", hint="Type: assistant history list")
    return found[0]


def _line(chat: ConversationSummary) -> str:
    turns = "1 turn" if chat.turns == 1 else f"{chat.turns} turns"
    tags = "".join(f" #{name}" for name in chat.tags)
    return f"{chat.id[:8]}  {chat.updated_at.astimezone():%Y-%m-%d %H:%M}  {turns:9} {chat.title}{tags}"


def _turn(record: TurnRecord) -> str:
    from assistant.chat_files.words import answered_by

    question = record.turn.question
    pictures = [part.alt or part.name or "without a name" for part in question.images]
    lines: Iterator[str] = iter(
        ["", "Question", *(f"[picture: {name}]" for name in pictures), question.text, "", answered_by(record)]
    )
    return "\n".join([*lines, record.shown]) + "\n"


def _as_json(chat: Chat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "title": chat.title,
        "tags": list(chat.tags),
        "turns": [record.model_dump(mode="json") for record in chat.shown],
    }
