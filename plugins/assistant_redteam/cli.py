"""``assistant redteam``: look for ways around the rules, and draft what would close them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, PacksOption, tell, write
from assistant.errors import InputError
from assistant.person import user_name

if TYPE_CHECKING:
    from assistant.runtime import Runtime
    from assistant_redteam.mutation import Mutator
    from assistant_redteam.seeds import Seed

app = typer.Typer(name="redteam", invoke_without_command=True)


@app.callback()
def redteam(
    context: typer.Context,
    pack: PacksOption = None,
    seeds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Requests as JSON lines; left out, the test cases of the packs in force."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the report, and draft revisions, into an empty folder.")
    ] = None,
    attack: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this attack. May be given several times.")
    ] = None,
    per_seed: Annotated[
        int,
        typer.Option("--per-seed", metavar="N", min=1, max=100, help="So many mutants by each attack of a request."),
    ] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="Of all chance: the same number gives the same mutants.")] = 0,
    json: JsonOption = False,
) -> None:
    """Say refused requests differently, and report what gets through, by attack and by category.

    No model is asked. With --out a revision of the packs is drafted for what word lists can mend; nothing changes until
    a person types `assistant redteam accept FOLDER`. Exit code 1 where something got through.
    """
    if context.invoked_subcommand is not None:
        if pack or seeds or out or attack:
            raise InputError(
                "Options of an attack stand before `accept`, which takes none of them.",
                hint="Type: assistant redteam accept FOLDER",
            )
        return
    from assistant.messages import TurnSettings
    from assistant_redteam.attack import attack as run_attack
    from assistant_redteam.folder import drafts_as_json, must_be_empty, write_folder
    from assistant_redteam.report import as_text, make_report
    from assistant_redteam.revising import draft_revisions

    packs = tuple(pack or ())
    mutators = _chosen(attack or [])
    if out is not None:
        must_be_empty(out)
    with common.opened() as (runtime, output):
        common.try_packs(runtime, packs)
        problems: list[str] = []
        found_seeds = _seeds(runtime, packs, seeds, problems)
        mutators, left_out = _possible(runtime, mutators)
        with common.progress() as on_step:
            found = run_attack(
                runtime,
                found_seeds,
                mutators,
                settings=TurnSettings(packs=packs),
                seed=seed,
                per_seed=per_seed,
                on_step=on_step,
            )
            drafts = draft_revisions(runtime.packs, found, on_step) if out is not None else []
        found.problems[:0] = problems
        there = {each.id: each for each in runtime.packs.summaries()}
        in_force = {name: there[name].version for name in dict.fromkeys((*runtime.host.packs, *packs))}
        report = make_report(found, mutators, packs=in_force, seed=seed, per_seed=per_seed, left_out=left_out)
        if out is not None:
            write_folder(out, report, drafts, {each.id: each.sha256 for each in there.values()})
        if json:
            common.write_json(output, {**report.to_json(), "drafts": drafts_as_json(drafts)})
        else:
            write(output, as_text(report))
        for problem in report.problems:
            tell(problem)
        if out is not None:
            changed = [draft.pack for draft in drafts if draft.changed]
            tell(f"Written: {out}. Drafted: {', '.join(changed) or 'nothing'}.")
    if report.passed or report.problems:
        raise typer.Exit(common.FOUND)


@app.command()
def accept(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that --out named.")],
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Who accepts; left out, your name here.")] = None,
    json: JsonOption = False,
) -> None:
    """Accept the drafted revisions: lint and test them once more, install them, and put them in force.

    Where one of them does not pass, the case is named and nothing is changed. Every change has a leaf in the audit log;
    `assistant packs rollback` undoes it.
    """
    from assistant_redteam.accepting import accept as accept_drafts

    with common.opened() as (runtime, output):
        changes = accept_drafts(runtime.packs, folder, who or user_name())
        for change in changes:
            if json:
                common.write_json(output, change.model_dump(mode="json"))
            else:
                verb = "added" if change.change == "add" else "enabled"
                leaf = "" if change.leaf is None else f"; audit leaf {change.leaf}"
                write(output, f"{change.pack} {change.version} {verb}{leaf}\n")


def _chosen(names: list[str]) -> list[Mutator]:
    from assistant_redteam.attacks import MUTATORS

    known = {mutator.name: mutator for mutator in MUTATORS}
    for name in names:
        if name not in known:
            raise InputError(f"There is no attack {name!r}.", hint=f"There are: {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)] if names else list(MUTATORS)


def _seeds(runtime: Runtime, packs: tuple[str, ...], file: Path | None, problems: list[str]) -> list[Seed]:
    from assistant_redteam.seeds import seeds_in, seeds_of

    if file is not None:
        found, bad = seeds_in(file)
        problems += map(str, bad)
    else:
        names = dict.fromkeys((*runtime.host.packs, *packs))
        found = seeds_of(runtime.packs.show(name)[1] for name in names)
    if not any(seed.refused for seed in found):
        raise InputError("There is no request that should be refused.", hint="Name some with --seeds FILE.")
    return found


def _possible(runtime: Runtime, mutators: list[Mutator]) -> tuple[list[Mutator], list[str]]:
    """The mutators that mean something here, and why the others do not."""
    readers = [
        each
        for each in runtime.extensions.implementations("read_picture")
        if runtime.extensions.status[each.plugin].state == "working"
    ]
    left = [] if readers else [mutator for mutator in mutators if mutator.needs_reader]
    return [each for each in mutators if each not in left], [
        f"{each.name}: nothing here reads pictures" for each in left
    ]
