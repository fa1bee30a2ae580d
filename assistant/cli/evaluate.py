"""``assistant evaluate``: how good a model is, on files that others can check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, ModelOption, PacksOption, tell, write

if TYPE_CHECKING:
    from assistant.evaluation.safety_judging import Outcome

app = typer.Typer(name="evaluate", help="Measure how good a model is, and the rules.", no_args_is_help=True)


@app.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]
    """Measure how good a model is, and the rules."""


@app.command()
def vision(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.parquet", help="Labelled pictures; docs/evaluation.md says what is in one.")
    ],
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Use at most N rows, spread evenly over the file; always the same ones."),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Use only the rows of this split.")] = None,
    model: ModelOption = None,
    json: JsonOption = False,
) -> None:
    """Ask about the pictures of a Parquet file, and score the answers against floors measured in the same run.

    Statements, classes, names, questions and captions, as the file has them. Nothing is stored, and no rule is applied:
    it is the model that is measured. Exit code 1 where rows could not be used; they are named.
    """
    from assistant.evaluation.report import as_text, problem_lines
    from assistant.evaluation.vision import evaluate
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out:
        with common.scratch_runtime(settings) as runtime, common.progress() as on_step:
            backend = runtime.generator(model).backend
            report = evaluate(file, backend, settings, limit=limit, split=split, on_step=on_step)
        if json:
            common.write_json(out, report.to_json())
        else:
            write(out, as_text(report))
        for line in problem_lines(report.problems):
            tell(line)
    if report.problems:
        raise typer.Exit(common.FOUND)


@app.command()
def safety(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Labelled requests; docs/evaluation.md says what is in one.")
    ],
    pack: PacksOption = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Use at most N rows, spread evenly over all; always the same ones."),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write what came of each row, one JSON line a row.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put the requests of a folder to the rules, and count what is blocked of the harmful and refused of the safe.

    By source, with intervals; with the safety figure of each pack. No model is asked and nothing is stored. Exit code 1
    where rows could not be used; they are named.
    """
    from assistant.evaluation.safety import evaluate
    from assistant.evaluation.safety_report import as_text, problem_lines

    packs = tuple(pack or ())
    with common.opened() as (runtime, out):
        common.try_packs(runtime, packs)
        with common.progress() as on_step:
            report, outcomes = evaluate(folder, runtime, packs=packs, limit=limit, on_step=on_step)
        if rows is not None:
            _write_rows(rows, outcomes)
        if json:
            common.write_json(out, report.to_json())
        else:
            write(out, as_text(report))
        for line in problem_lines(report):
            tell(line)
    if report.problems:
        raise typer.Exit(common.FOUND)


def _write_rows(path: Path, outcomes: Sequence[Outcome]) -> None:
    import json

    from assistant.errors import InputError

    try:
        with path.open("w", encoding="utf-8") as file:
            for outcome in outcomes:
                file.write(json.dumps(outcome.to_json()) + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.", hint="Name another file.") from error
