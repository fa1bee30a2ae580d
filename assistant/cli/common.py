"""What the commands share: how errors end a command, where output goes, and how the house is opened."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TextIO

import typer
from typer.core import TyperGroup

from assistant.errors import GlassboxError, InputError

if TYPE_CHECKING:
    from assistant.runtime import Runtime
    from assistant.settings import Settings
    from assistant.store import Store
    from assistant.store.values import PluginChange

FOUND = 1
"""The command did its work and found something: a refusal, a failed turn, a broken chain."""
NOT_DONE = 2
"""The command could not do its work: misuse, or something that it needs is missing."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="M",
        help="Which model answers: bundled, openai:NAME@URL for one at a server, hf:ID-or-folder for one of Hugging "
        "Face; left out, the one in the settings.",
    ),
]
PacksOption = Annotated[
    list[str] | None,
    typer.Option("--pack", metavar="ID", help="A pack to apply besides the enabled ones. May be given several times."),
]


class Commands(TyperGroup):
    """A group of commands that ends every error of ours as one message on standard error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            typer.Exit: an error of ours came up, or the person pressed Ctrl-C; the message is printed.
        """
        try:
            return super().invoke(ctx)
        except GlassboxError as error:
            tell(f"Error: {error}")
            raise typer.Exit(NOT_DONE) from error
        except KeyboardInterrupt as error:
            tell("Stopped.")
            raise typer.Exit(INTERRUPTED) from error


def tell(text: str) -> None:
    """Say something to the person, on standard error."""
    typer.echo(text, err=True)


@contextmanager
def data_output() -> Generator[TextIO]:
    """Standard output for the command's data alone: whatever a plugin prints meanwhile goes to standard error.

    Raises:
        InputError: it was closed before the command started.
    """
    out: TextIO | None = sys.stdout
    if out is None:
        raise InputError("Standard output is closed.", hint="Send it to /dev/null where it is not wanted.")
    with redirect_stdout(sys.stderr):
        yield out


def data_input() -> BinaryIO:
    """Standard input as bytes.

    Raises:
        InputError: it was closed before the command started.
    """
    source: TextIO | None = sys.stdin
    if source is None:
        raise InputError("Standard input is closed.", hint="Send the text through a pipe or from a file.")
    return source.buffer


def write(out: TextIO, text: str) -> None:
    """Write text at once."""
    out.write(text)
    out.flush()


def write_json(out: TextIO, value: Any) -> None:
    """Write one JSON value on one line, in ASCII so that every terminal and pipe can carry it."""
    write(out, json.dumps(value, allow_nan=False) + "\n")


@contextmanager
def progress() -> Generator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, one for each stage; it stays away where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    stages: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def on_step(stage: str, done: int, steps: int) -> None:
            if stage not in stages:
                stages[stage] = progress.add_task(stage, total=steps)
            progress.update(stages[stage], completed=done, total=steps)

        yield on_step


def open_runtime(settings: Settings) -> Runtime:
    """The assistant that the commands use. Tests put their own in its place.

    Raises:
        SettingsError: a setting cannot work.
        StoreError: the database cannot be opened.
    """
    from assistant.runtime import Runtime

    return Runtime(settings)


@contextmanager
def opened() -> Generator[tuple[Runtime, TextIO]]:
    """The assistant of the settings, and the output for the command's data; closed in the end.

    Raises:
        InputError: standard output was closed before the command started.
        SettingsError: a setting cannot work.
        StoreError: the database cannot be opened.
    """
    from assistant.settings import load_settings

    settings = load_settings()
    with data_output() as out:
        runtime = open_runtime(settings)
        try:
            yield runtime, out
        finally:
            runtime.close()


@contextmanager
def scratch_runtime(settings: Settings) -> Generator[Runtime]:
    """An assistant with an empty database that is thrown away: to try the plugins and the model whatever state the real
    one is in.

    Raises:
        SettingsError: a setting cannot work.
        StoreError: not even an empty database can be made.
    """
    with TemporaryDirectory(prefix="glassbox-", ignore_cleanup_errors=True) as folder:
        runtime = open_runtime(settings.model_copy(update={"database_url": f"sqlite:///{folder}/scratch.sqlite3"}))
        try:
            yield runtime
        finally:
            runtime.close()


@contextmanager
def open_store(settings: Settings) -> Generator[Store]:
    """The database alone, without plugins and models.

    Raises:
        StoreError: it cannot be opened.
    """
    from assistant.store import Store

    store = Store(settings.database)
    try:
        yield store
    finally:
        store.close()


def record_plugin_change(settings: Settings, plugin: str, what: PluginChange, **more: str) -> None:
    """Write into the audit log what was done with a plugin. It stays done where that cannot be written: switching a
    plugin off must work where the database is broken."""
    from assistant.errors import StoreError
    from assistant.person import user_name

    try:
        with open_store(settings) as store:
            store.record_plugin_change(plugin, what, user_name(), **more)
    except StoreError as error:
        tell(f"Careful: this is done, and the audit log does not say so. {error}")


def try_packs(runtime: Runtime, packs: Sequence[str]) -> None:
    """Make sure that packs named on the command line can be applied, before anything is judged by them.

    The core does not know which packs there are, so a harmless word is checked under them: where it is refused, and not
    by one of them, they could not be applied.

    Raises:
        InputError: they cannot; the message is that of the plugin that would have to apply them.
    """
    if not packs:
        return
    from assistant.messages import TurnSettings

    log = logging.getLogger("glassbox.plugins")
    before, log.disabled = log.disabled, True  # what it would say stands in the error below
    try:
        refusal = runtime.check("hello", settings=TurnSettings(packs=tuple(packs))).refusal
        if refusal is None or refusal.rule.pack in {*packs, *runtime.host.packs}:
            return
        if runtime.check("hello").refusal is not None:
            return
    finally:
        log.disabled = before
    raise InputError(f"--pack {' --pack '.join(packs)} cannot be applied. {refusal.message or refusal.rule.text}")


def fetch_model(runtime: Runtime, name: str | None = None) -> None:
    """Fetch the weights that a model lacks, after saying how large they are and under which licence.

    Args:
        runtime: has the model.
        name: of the model; the default one where left out.

    Raises:
        UnknownModel: there is none of that name.
        BackendError: it cannot be fetched.
        InputError: the person does not want it.
    """
    from assistant.backends import NeedsDownload

    backend = runtime.generator(name).backend
    need = backend.missing() if isinstance(backend, NeedsDownload) else None
    if need is None or not isinstance(backend, NeedsDownload):
        return
    size = f"{need.size / 1e6:,.0f} MB" if need.size else "of unknown size"
    tell(f"{backend.name} is not here yet: {size}, licence: {need.licence or 'not named'}, from {need.source}.")
    asked = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison]
    if asked and not typer.confirm("Fetch it now?", default=True, err=True):
        raise InputError("Nothing was fetched.", hint="Name another model with --model.")
    with progress() as on_step:
        backend.download(lambda done, total: on_step("Fetching, MB", done // 10**6, total // 10**6), lambda: False)
    tell(f"{backend.name} is here.")
