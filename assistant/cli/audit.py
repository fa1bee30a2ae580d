"""``assistant audit``: whether the record of what happened is whole."""

from __future__ import annotations

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write

app = typer.Typer(name="audit", help="Check the record of what happened.", no_args_is_help=True)


@app.command()
def verify(json: JsonOption = False) -> None:
    """Check that no entry of the audit log was changed, moved or removed. Exit code 1 where one was."""
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        report = store.verify_audit()
        if json:
            common.write_json(out, {"ok": report.ok, **report.model_dump(mode="json")})
        else:
            state = "whole" if report.ok else "NOT whole"
            write(out, f"The audit log is {state}: {report.leaves} leaves, head {report.head}\n")
            for problem in report.problems:
                tell(problem.message)
    if not report.ok:
        raise typer.Exit(common.FOUND)
