"""Measure the rules on a folder of labelled requests."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.evaluation.metrics import quantile
from assistant.evaluation.report import Duration, Share
from assistant.evaluation.rows import spread
from assistant.evaluation.safety_judging import OnStep, Outcome, judge_row, replays
from assistant.evaluation.safety_report import Replay, SafetyReport
from assistant.evaluation.safety_rows import BadRow, SafetyFolder, read_folder
from assistant.evaluation.safety_scores import by, cell, domain_score, figures, group_score, pair_score, rule_counts
from assistant.evaluation.safety_timing import time_evaluators
from assistant.messages import TurnSettings

if TYPE_CHECKING:
    from assistant.runtime import Runtime


def evaluate(
    path: Path,
    runtime: Runtime,
    *,
    packs: Sequence[str] = (),
    limit: int | None = None,
    on_step: OnStep = lambda what, done, steps: None,
) -> tuple[SafetyReport, list[Outcome]]:
    """Check every row of a folder as the question of a new chat, and count.

    Args:
        path: a folder of JSON lines, see `safety_rows.COLUMNS`.
        runtime: with the packs that are in force.
        packs: further packs to apply.
        limit: use at most so many rows, spread evenly over all; always the same ones.
        on_step: is told how far it is.

    Returns:
        The report, and what came of each row.

    Raises:
        InputError: the folder cannot be used, or not one row could be judged.
    """
    folder = read_folder(path)
    settings = TurnSettings(packs=tuple(packs))
    rows = [folder.rows[at] for at in spread(len(folder.rows), limit)]
    outcomes: list[Outcome] = []
    problems = list(folder.bad)
    for done, row in enumerate(rows, 1):
        outcome = judge_row(runtime, row, settings)
        if isinstance(outcome, BadRow):
            problems.append(outcome)
        else:
            outcomes.append(outcome)
        on_step("checking", done, len(rows))
    if not outcomes:
        raise InputError(f"Not one of {len(rows):,} rows of {path} could be judged. The first: {problems[-len(rows)]}.")
    replay = _replay(runtime, outcomes, settings, on_step)
    evaluators = time_evaluators(runtime, [outcome.row for outcome in outcomes], settings)
    in_force = dict(runtime.host.packs)
    for outcome in outcomes:
        if outcome.pack:
            in_force.setdefault(outcome.pack, outcome.pack_version)
    for pack in packs:
        in_force.setdefault(pack, "")
    whole, by_pack = figures(outcomes, in_force)
    domains = by(outcomes, lambda outcome: outcome.row.domain)
    report = SafetyReport(
        folder=_facts(folder, len(outcomes)),
        packs=in_force,
        versions={"glassbox": version("glassbox"), "python": platform.python_version()},
        groups={name: group_score(each) for name, each in by(outcomes, lambda outcome: outcome.row.group).items()},
        categories=_cells(outcomes, "category"),
        personas=_cells(outcomes, "persona"),
        domains={name: domain_score(each) for name, each in domains.items()},
        pairs=pair_score(outcomes),
        rules=rule_counts(outcomes),
        replay=replay,
        safety_figure=whole,
        safety_figure_by_pack=by_pack,
        milliseconds=_durations(outcomes, evaluators),
        problems=tuple(problems),
    )
    return report, outcomes


def _replay(runtime: Runtime, outcomes: Sequence[Outcome], settings: TurnSettings, on_step: OnStep) -> Replay:
    """Check the blocked rows again, the last one first: a verdict must not depend on what was asked before it."""
    blocked = [outcome for outcome in outcomes if outcome.blocked]
    same = 0
    for done, outcome in enumerate(reversed(blocked), 1):
        same += replays(runtime, outcome, settings)
        on_step("checking blocks again", done, len(blocked))
    named = sum(bool(outcome.rule and outcome.pack and outcome.pack_version) for outcome in blocked)
    return Replay(len(blocked), Share.of(named, len(blocked)), Share.of(same, len(blocked)))


def _facts(folder: SafetyFolder, used: int) -> dict[str, Any]:
    return {
        "name": folder.path.name or str(folder.path),
        "files": [{"name": file.name, "rows": file.rows, "sha256": file.sha256} for file in folder.files],
        "rows": len(folder.rows) + len(folder.bad),
        "used": used,
    }


def _cells(outcomes: Sequence[Outcome], column: str) -> tuple[dict[str, Any], ...]:
    """The counts by group, source and the word in a column, for the rows that have one."""
    found: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        word: str = getattr(outcome.row, column)
        if word:
            found[outcome.row.group, outcome.row.source, word].append(outcome)
    return tuple(
        {"group": group, "source": source, column: word, **_shares(each)}
        for (group, source, word), each in sorted(found.items())
    )


def _shares(outcomes: Sequence[Outcome]) -> dict[str, Share]:
    counted = cell(outcomes)
    return {"blocked": counted.blocked, "refused": counted.refused}


def _durations(outcomes: Sequence[Outcome], evaluators: Mapping[str, list[float]]) -> dict[str, Duration]:
    times: dict[str, list[float]] = {"check": [outcome.milliseconds for outcome in outcomes]}
    for outcome in outcomes:
        for call in outcome.hooks:
            times.setdefault(f"{call.hook}/{call.plugin}", []).append(call.milliseconds)
    times |= {f"evaluator/{name}": each for name, each in evaluators.items()}
    return {name: Duration(len(each), quantile(each, 0.5), quantile(each, 0.95)) for name, each in times.items()}
