"""``assistant``: the command line as a whole. Every command lives in a file of its own."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from assistant.cli import (
    accounts,
    appeals,
    ask,
    audit,
    check,
    doctor,
    evaluate,
    feedback,
    history,
    keys,
    packs,
    plugins,
    serve,
    train,
)
from assistant.cli.brought import RootCommands

app = typer.Typer(
    name="assistant",
    cls=RootCommands,
    help="Chat with images under rules you can read, with answers you can take apart. Without a command: serve.",
    epilog="Exit codes: 0 fine; 1 something was found (a refusal, a failed turn, a broken chain); "
    "2 it could not be done. Data goes to standard output, everything else to standard error.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    add_completion=False,
)
app.command()(serve.serve)
app.command()(ask.ask)
app.command()(check.check)
app.add_typer(packs.app)
app.add_typer(plugins.app)
app.add_typer(feedback.app)
app.add_typer(history.app)
app.add_typer(appeals.app)
app.add_typer(accounts.app)
app.add_typer(keys.app)
app.add_typer(audit.app)
app.add_typer(evaluate.app)
app.command()(train.train)
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"glassbox {version('glassbox')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(  # pyright: ignore[reportUnusedFunction]
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        serve.serve()


def run() -> None:
    """Run the command line and end the program with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 must not end the program
    app(prog_name="assistant")


if __name__ == "__main__":
    run()
