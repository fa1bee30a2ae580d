"""``assistant models``: which models there are, and fetching one ahead of its first question."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, write

app = typer.Typer(name="models", help="See the models that can answer, and fetch one.", no_args_is_help=True)


@app.command("list")
def list_models(json: JsonOption = False) -> None:
    """Show every model: name, title, size, licence, where it runs; the one that answers by itself has a star."""
    from assistant.backends import Backend, where_it_runs

    def row(backend: Backend) -> dict[str, Any]:
        return {
            "name": backend.name,
            "title": backend.title,
            "size": backend.size,
            "licence": backend.licence,
            "where": where_it_runs(backend),
            "default": backend.name == runtime.settings.model,
            "notice": backend.notice,
        }

    with common.opened() as (runtime, out):
        rows = [row(backend) for backend in runtime.backends]
    if json:
        common.write_json(out, rows)
        return
    for each in rows:
        facts = ", ".join(fact for fact in (each["size"], each["licence"], each["where"]) if fact)
        write(out, f"{'*' if each['default'] else ' '} {each['name']}  {each['title']} ({facts})\n")
        write(out, f"    {each['notice']}\n")


@app.command("get")
def get_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="As for --model: hf:OWNER/NAME.")],
) -> None:
    """Fetch the weights of a model, after saying how large they are and under which licence."""
    from assistant.settings import load_settings

    settings = load_settings(model=name)
    with common.scratch_runtime(settings) as runtime:
        common.fetch_model(runtime)
