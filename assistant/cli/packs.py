"""``assistant packs``: the constitution packs, as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write
from assistant.errors import InputError
from assistant.person import user_name

if TYPE_CHECKING:
    from assistant.messages import TurnRecord
    from assistant.packs import Decision, PackChange, PackKeeper, PackSummary, Prompt
    from assistant.runtime import Runtime

app = typer.Typer(name="packs", help="See and change the constitution packs.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The pack's id.")]
REF = "An id, ID@VERSION, or the path of a file or folder that was not added."
RefArgument = Annotated[str, typer.Argument(metavar="PACK", help=REF)]
RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="The other pack's principle.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the audit log shows it.")]
SHOWN = 1_000_000
"""Characters in one prompt of `preview`; a longer one is refused."""


@contextmanager
def _keeper() -> Generator[tuple[PackKeeper, TextIO]]:
    with common.opened() as (runtime, out):
        yield runtime.packs, out


@app.command(name="list")
def show_list(json: JsonOption = False) -> None:
    """List the packs with their state and version. Exit code 1 where one cannot be used."""
    with _keeper() as (keeper, out):
        packs, problem = keeper.summaries(), keeper.problem()
        if json:
            common.write_json(out, {"packs": [each.model_dump(mode="json") for each in packs], "problem": problem})
        else:
            write(out, "".join(f"{line}\n" for line in _table(packs)))
            if problem:
                tell(f"Careful: {problem}")
    if problem or any(each.problem for each in packs):
        raise typer.Exit(common.FOUND)


def _table(packs: Sequence[PackSummary]) -> Iterator[str]:
    width = max((len(each.id) for each in packs), default=0)
    for each in packs:
        where = "bundled" if each.bundled else "added"
        what = f"{each.principles:3} rules, {each.tests:3} tests  {each.title}"
        yield f"{each.id:{width}}  {each.version:8}  {each.state:9}  {where:7}  {each.sha256[:12]:12}  {what}".rstrip()
        granted = {grant.rule: grant for grant in each.grants}
        for rule in each.asked_for:
            grant = granted.get(rule)
            how = f"granted by {grant.who}: {grant.reason}" if grant else "not granted"
            yield f"{'':{width}}  asks for an exception to {rule}: {how}"
        if each.problem:
            yield f"{'':{width}}  {each.problem}"


@app.command()
def show(
    pack: RefArgument,
    source: Annotated[bool, typer.Option("--source", help="Print the file as it was written.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what is in a pack."""
    with _keeper() as (keeper, out):
        if source:
            write(out, keeper.source(pack))
            return
        stamp, content = keeper.show(pack)
        if json:
            common.write_json(out, {**content, "sha256": stamp.sha256})
        else:
            write(out, "\n".join(_described(stamp.sha256, content)) + "\n")


def _described(sha256: str, pack: dict[str, Any]) -> Iterator[str]:
    yield f"{pack['title']}: {pack['id']} {pack['version']}"
    yield f"domain {pack['domain']}, precedence {pack['precedence']}, licence {pack['licence']}, SHA-256 {sha256}"
    for each in pack["principles"]:
        yield ""
        places = ", ".join(each["applies_to"])
        yield f"{each['id']} ({each['kind']}, {each['severity']}): {each['action']} in {places}"
        yield f"  {each['title']}. {each['text']}"
        for exception in each["exceptions"]:
            yield f"  Not: {exception['text']}"
        if each["instead"]:
            yield f"  Still possible: {each['instead']}"
        if each["references"]:
            yield f"  See: {'; '.join(each['references'])}"
    for each in pack["overrides"]:
        yield ""
        yield f"Asks for an exception to {each['rule']}: {each['because']}"
    yield ""
    yield f"{len(pack['tests'])} test cases"


@app.command()
def add(
    path: Annotated[str, typer.Argument(metavar="FILE|FOLDER", help="A YAML file, or a folder with a pack.yaml.")],
) -> None:
    """Take a copy of a pack into the data folder. Nothing in it is executed, and it is not enabled yet."""
    with _keeper() as (keeper, out):
        _say(out, keeper.add(path, user_name()), "was added", "was added already")


@app.command()
def remove(pack: IdArgument) -> None:
    """Forget an added pack. Its files are kept under their hashes, so that turns of the past can be replayed."""
    with _keeper() as (keeper, out):
        _say(out, keeper.remove(pack, user_name()), "was removed")


@app.command()
def enable(
    pack: IdArgument,
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", help="Which version; left out, the newest.")
    ] = None,
) -> None:
    """Apply a pack to every further question; running programs notice. Its tests must pass, and it needs to be free of
    the linter's errors."""
    with _keeper() as (keeper, out):
        _say(out, keeper.enable(pack, version, user_name()), "is enabled", "was enabled already")


@app.command()
def disable(pack: IdArgument) -> None:
    """Apply a pack no more; running programs notice."""
    with _keeper() as (keeper, out):
        _say(out, keeper.disable(pack, user_name()), "is disabled", "was disabled already")


@app.command()
def rollback(pack: IdArgument) -> None:
    """Put the version in force that was before the present one."""
    with _keeper() as (keeper, out):
        _say(out, keeper.rollback(pack, user_name()), "is in force again")


@app.command()
def grant(pack: IdArgument, rule: RuleArgument, reason: ReasonOption) -> None:
    """Let a pack add its exception to a rule of another pack. Without this it has no effect."""
    with _keeper() as (keeper, out):
        _say(out, keeper.grant(pack, rule, reason, user_name()), f"may now make its exception to {rule}")


@app.command()
def revoke(pack: IdArgument, rule: RuleArgument, reason: ReasonOption) -> None:
    """Take back what `grant` gave."""
    with _keeper() as (keeper, out):
        _say(out, keeper.revoke(pack, rule, reason, user_name()), f"may make no exception to {rule} any more")


def _say(out: TextIO, change: PackChange, done: str, already: str = "") -> None:
    if change.leaf is None:
        write(out, f"{change.pack} {change.version} {already}.\n")
        return
    before = f" (before: {change.before})" if change.before and change.before != change.version else ""
    write(out, f"{change.pack} {change.version} {done}{before}. SHA-256 {change.sha256}\n")
    tell(f"Audit log, leaf {change.leaf}: {change.leaf_hash}")


@app.command()
def history(
    pack: Annotated[
        str | None, typer.Argument(metavar="ID", help="One pack; left out, all.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """List who changed what and when, from the audit log (`assistant audit verify` says whether that is whole)."""
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        for leaf in store.pack_changes():
            said = leaf.data
            if pack is not None and said["pack"] != pack:
                continue
            if json:
                common.write_json(out, {**said, "hash": leaf.hash})
                continue
            rule = f" for {said['rule']}" if "rule" in said else ""
            versions = f"{said['before']} -> {said['version']}" if said["before"] else said["version"]
            reason = f"  {said['reason']}" if said.get("reason") else ""
            what = f"{said['change']} {said['pack']}{rule}  {versions}  {said['sha256'][:12]}{reason}"
            write(out, f"{leaf.index:5}  {said['at'][:19]}  {said['who']}  {what}\n")


@app.command(name="test")
def run_tests(pack: RefArgument, json: JsonOption = False) -> None:
    """Run a pack's own test cases. Exit code 1 where one does not hold."""
    with _keeper() as (keeper, out):
        report = keeper.test(pack)
        if json:
            common.write_json(out, {**report.model_dump(mode="json"), "passed": report.passed})
        else:
            for failure in report.failures:
                write(out, failure + "\n")
            held = report.cases - len(report.failures)
            write(out, f"{report.pack} {report.version}: {held} of {report.cases} test cases hold\n")
    if not report.passed:
        raise typer.Exit(common.FOUND)


@app.command()
def lint(
    packs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PACK", help=f"{REF} A folder of packs: all in it. Left out: those in force.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look for what is wrong in packs, and between them and those in force. Exit code 1 where something is; notes, such
    as that a pack tightens the core, are no mistakes."""
    with _keeper() as (keeper, out):
        problems = keeper.lint(packs or [])
        if json:
            common.write_json(out, [each.model_dump(mode="json") for each in problems])
        else:
            write(out, "".join(f"{each.level} ({each.code}): {each.message}\n" for each in problems))
            errors, warnings, notes = (
                sum(each.level == level for each in problems) for level in ("error", "warning", "note")
            )
            tell(f"{errors} errors, {warnings} warnings, {notes} notes")
    if any(each.level != "note" for each in problems):
        raise typer.Exit(common.FOUND)


@app.command()
def diff(before: RefArgument, after: RefArgument, json: JsonOption = False) -> None:
    """Compare two packs, by principle and field. Exit code 1 where they differ."""
    with _keeper() as (keeper, out):
        differences = keeper.diff(before, after)
        if json:
            common.write_json(out, [each.model_dump(mode="json") for each in differences])
        else:
            for each in differences:
                field = f", {each.field}" if each.field else ""
                write(out, f"{each.kind}: {each.place}{field}\n")
                write(out, f"  - {_short(each.before)}\n" if each.kind != "added" else "")
                write(out, f"  + {_short(each.after)}\n" if each.kind != "removed" else "")
    if differences:
        raise typer.Exit(common.FOUND)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("text") or value.get("because") or value
    text = " ".join(str(value).split())
    return text if len(text) <= 300 else text[:299] + "…"


@app.command()
def preview(
    pack: Annotated[
        str | None, typer.Option("--pack", metavar="PACK", help=f"{REF} Left out: the packs in force, and core alone.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="PROMPTS", help="One question in each line; left out, the texts of the tests."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Judge the same prompts without a pack and with it, side by side. Nobody else sees it, and nothing is stored.
    Exit code 1 where the pack makes a difference."""
    with _keeper() as (keeper, out):
        rows = keeper.preview(pack, read_prompts(file) if file else [])
        if json:
            common.write_json(out, [{**each.model_dump(mode="json"), "changed": each.changed} for each in rows])
        else:
            for each in rows:
                mark = "*" if each.changed else " "
                sides = f"{_decision(each.without):40}  {_decision(each.with_pack):40}"
                write(out, f"{mark} {sides}  {_short(each.text)}\n")
            tell(f"{sum(each.changed for each in rows)} of {len(rows)} prompts are decided differently (*)")
    if any(each.changed for each in rows):
        raise typer.Exit(common.FOUND)


def read_prompts(file: Path) -> list[Prompt]:
    """The lines of a file that are not blank.

    Raises:
        InputError: it cannot be read, or has no line or too long a one.
    """
    from assistant.packs import Prompt

    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text: byte {error.start} is none.") from error
    prompts = [Prompt(text=line.strip()) for line in lines if line.strip()]
    if not prompts:
        raise InputError(f"{file} has no prompt.", hint="Write one question in each line.")
    for number, line in enumerate(lines, 1):
        if len(line) > SHOWN:
            raise InputError(f"{file}, line {number}: expected at most {SHOWN:,} characters; came {len(line):,}.")
    return prompts


def _decision(decision: Decision) -> str:
    return f"{decision.action} {decision.pack}:{decision.rule}" if decision.rule else decision.action


@app.command()
def replay(
    turn: Annotated[str, typer.Argument(metavar="TURN", help="The id of a stored turn.")], json: JsonOption = False
) -> None:
    """Judge a stored turn again by the very packs of its time. Exit code 1 where the verdict is another one.

    Where an answer was refused, the model writes it again: a refused answer is not stored.
    """
    with common.opened() as (runtime, out):
        record = runtime.store.turn(turn)
        keeper = runtime.packs
        refused_answer = record.refusal is not None and record.refusal.stage == "answer"
        result = keeper.replay(record, _drafts(runtime, record) if refused_answer else ())
        if json:
            common.write_json(out, result.model_dump(mode="json"))
        else:
            for each in result.differences:
                write(out, each + "\n")
            packs = ", ".join(f"{each.id} {each.version} ({each.sha256[:12]})" for each in result.packs)
            decided = f"decided by {result.decided_by}" if result.decided_by else "not refused"
            write(out, f"{'The same' if result.same else 'NOT the same'}: {decided}, under {packs}\n")
    if not result.same:
        raise typer.Exit(common.FOUND)


def _drafts(runtime: Runtime, record: TurnRecord) -> Iterator[str]:
    """The answer as far as it has come, longer and longer, as the model of then writes it again."""
    import threading

    from assistant.backends import Delta
    from assistant.messages import ModelInfo

    model = record.trace.model
    text = ""
    for item in runtime.generator(model.name if model else None).run(record.turn, threading.Event()):
        if isinstance(item, ModelInfo) and model is not None and item.fingerprint != model.fingerprint:
            raise InputError(
                f"The answer was written by other weights of {model.name} ({model.fingerprint[:12]}); those here have "
                f"{item.fingerprint[:12]}.",
                hint="A refused answer is not stored; only the same weights write it again.",
            )
        if isinstance(item, Delta):
            text += item.text
            yield text
