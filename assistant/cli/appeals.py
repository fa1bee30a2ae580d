"""``assistant appeals``: what people said against refusals, and what a reviewer decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write
from assistant.person import user_name

if TYPE_CHECKING:
    from assistant.appeals import Case

app = typer.Typer(name="appeals", help="Review what people said against refusals.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="APPEAL", help="Its id, or the first characters of it.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, in a sentence; the person who appealed reads it.")
]


@app.command(name="list")
def show_list(
    every: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False, json: JsonOption = False
) -> None:
    """List the appeals that wait for a decision. Exit code 1 where there is one."""
    from assistant.appeals import cases

    with common.opened() as (runtime, out):
        found = cases(runtime, None if every else "open")
        if json:
            common.write_json(out, [as_json(each) for each in found])
        else:
            write(out, "".join(f"{_line(each)}\n" for each in found))
            waiting = sum(each.appeal.status == "open" for each in found)
            tell(f"{waiting} open. To read one, type: assistant appeals show APPEAL" if waiting else "None is open.")
    if any(each.appeal.status == "open" for each in found):
        raise typer.Exit(common.FOUND)


def _line(case: Case) -> str:
    appeal = case.appeal
    question = " ".join(case.record.turn.question.text.split()) or "(a picture)"
    short = question if len(question) <= 80 else question[:79] + "…"
    return f"{appeal.id[:8]}  {appeal.status:10}  {appeal.created_at:%Y-%m-%d}  {appeal.pack}:{appeal.rule}  {short}"


@app.command()
def show(appeal: IdArgument, json: JsonOption = False) -> None:
    """Show an appeal: the question with the marked words, the rule, and what the person says."""
    from assistant.appeals import case

    with common.opened() as (runtime, out):
        found = case(runtime, appeal)
        if json:
            common.write_json(out, as_json(found))
        else:
            write(out, "\n".join(_described(found)) + "\n")


def as_json(case: Case) -> dict[str, Any]:
    """An appeal with what a reviewer needs."""
    record, refusal = case.record, case.refusal
    return {
        **case.appeal.model_dump(mode="json"),
        "question": record.turn.question.text,
        "pictures": len(record.turn.question.images),
        "refusal": refusal.model_dump(mode="json"),
    }


def _described(case: Case) -> Iterator[str]:
    appeal, refusal = case.appeal, case.refusal
    yield f"Appeal {appeal.id}, {appeal.status}, of {appeal.created_at:%Y-%m-%d %H:%M} UTC"
    yield f"Question: {case.record.turn.question.text or '(a picture without a question)'}"
    yield ""
    yield refusal.as_text()
    if sha256 := _sha256(case):
        yield f"SHA-256 of the pack: {sha256}"
    yield ""
    yield f"The person says: {appeal.text or '(nothing more)'}"
    if appeal.status != "open":
        by = f" by {appeal.reviewer}" if appeal.reviewer else ""
        yield f"Decided{by}: {appeal.status}. {appeal.reason}"


def _sha256(case: Case) -> str:
    return next((each.sha256 for each in case.record.trace.pack_stamps if each.id == case.appeal.pack), "")


@app.command()
def uphold(
    appeal: IdArgument,
    rule: Annotated[str, typer.Option("--rule", metavar="RULE", help="The rule that holds, by its id.")],
    reason: ReasonOption,
) -> None:
    """Decide that a refusal is right, citing its rule."""
    from assistant.appeals import uphold as decide

    with common.opened() as (runtime, out):
        done = decide(runtime, appeal, rule=rule, reason=reason, who=user_name())
        write(out, f"Upheld: the refusal by {done.rule} of {done.pack} {done.pack_version} stands.\n")


@app.command()
def overturn(appeal: IdArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    """Decide that a refusal is wrong. Its question becomes a test case of the pack, as one to be allowed.

    Where the pack refuses it still, the case stands in a draft, and nothing changes until the rule is mended. Exit code
    1 where that is so.
    """
    from assistant.appeals import overturn as decide

    with common.opened() as (runtime, out):
        done = decide(runtime, appeal, reason=reason, who=user_name())
        if json:
            common.write_json(out, done.model_dump(mode="json"))
        else:
            write(out, f"Overturned: {done.appeal.rule} of {done.appeal.pack} {done.appeal.pack_version} was wrong.\n")
            write(out, f"{done.case.message}\n")
    if done.case.state == "draft":
        raise typer.Exit(common.FOUND)
