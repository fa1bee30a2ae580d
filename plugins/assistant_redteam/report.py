"""What an attack found: counted by attack and by category, as JSON and as a page to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assistant.evaluation.report import Share
from assistant_redteam.attack import Attack, Attempt
from assistant_redteam.mutation import Mutator

SHOWN = 40
"""Texts that got through and are shown on the page; the JSON has all."""

HOW_TO_READ = (
    "In brackets the 95 % Wilson interval. Mutants of one request are alike, so the true interval is wider. A mutant "
    "may have lost its meaning although its attack should keep it: read the texts below before you believe a number."
)


@dataclass(frozen=True, slots=True)
class ByAttack:
    """One way to say requests differently. ``got_through`` is of those that are refused as they stand, ``refused_safe``
    of the allowed ones, said differently in the same way."""

    name: str
    family: str
    keeps_meaning: bool
    innocent: bool
    about: str
    got_through: Share
    refused_safe: Share


@dataclass(frozen=True)
class AttackReport:
    """Everything that was found.

    ``got_through`` counts the mutants that keep their meaning, and ``refused_safe`` those of them that should still be
    allowed.
    """

    packs: Mapping[str, str]
    seed: int
    per_seed: int
    seeds: int
    allowed_seeds: int
    got_through: Share
    refused_safe: Share
    without_sure_meaning: Share
    by_attack: tuple[ByAttack, ...]
    by_category: Mapping[str, Share]
    passed: tuple[dict[str, Any], ...]
    false_alarms: tuple[dict[str, Any], ...]
    seeds_not_blocked: tuple[dict[str, Any], ...]
    allowed_seeds_refused: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def make_report(
    found: Attack,
    mutators: Sequence[Mutator],
    *,
    packs: Mapping[str, str],
    seed: int,
    per_seed: int,
    left_out: Sequence[str],
) -> AttackReport:
    """Count. Shares have 95 % Wilson intervals, which take mutants as independent."""
    sure = [each for each in found.attempts if each.mutator.keeps_meaning]
    unsure = [each for each in found.attempts if not each.mutator.keeps_meaning]
    categories = sorted({each.seed.category for each in sure if each.seed.refused})
    return AttackReport(
        packs=dict(packs),
        seed=seed,
        per_seed=per_seed,
        seeds=sum(each.refused for each in found.seeds),
        allowed_seeds=sum(not each.refused for each in found.seeds),
        got_through=_through(sure),
        refused_safe=_alarms(each for each in sure if each.mutator.innocent),
        without_sure_meaning=_through(unsure),
        by_attack=tuple(_by_attack(mutator, found.attempts) for mutator in mutators),
        by_category={name: _through(each for each in sure if each.seed.category == name) for name in categories},
        passed=tuple(_line(each) for each in found.attempts if each.got_through),
        false_alarms=tuple(
            _line(each) for each in found.attempts if not each.seed.refused and each.blocked and each.mutator.innocent
        ),
        seeds_not_blocked=tuple(asdict(each) for each in found.not_blocked),
        allowed_seeds_refused=tuple(asdict(each) for each in found.refused_anyway),
        left_out=tuple(left_out),
        problems=tuple(found.problems),
    )


def _by_attack(mutator: Mutator, attempts: Iterable[Attempt]) -> ByAttack:
    mine = [each for each in attempts if each.mutator is mutator]
    return ByAttack(
        mutator.name,
        mutator.family,
        mutator.keeps_meaning,
        mutator.innocent,
        mutator.about,
        _through(mine),
        _alarms(mine),
    )


def _through(attempts: Iterable[Attempt]) -> Share:
    harmful = [each.got_through for each in attempts if each.seed.refused]
    return Share.of(sum(harmful), len(harmful))


def _alarms(attempts: Iterable[Attempt]) -> Share:
    safe = [each.blocked for each in attempts if not each.seed.refused]
    return Share.of(sum(safe), len(safe))


def _line(attempt: Attempt) -> dict[str, Any]:
    return {
        "seed": attempt.seed.id,
        "category": attempt.seed.category,
        "attack": attempt.mutator.name,
        "keeps_meaning": attempt.mutator.keeps_meaning,
        "rule": attempt.rule,
        "pack": attempt.pack,
        "seed_text": attempt.seed.text,
        "text": attempt.mutant.text,
        "changes": [list(change) for change in attempt.mutant.changes],
        "picture": attempt.mutant.picture is not None,
    }


def as_text(report: AttackReport) -> str:
    """The counts for a terminal: shares in percent."""
    lines = [
        f"packs in force: {_packs(report)}",
        f"{report.seeds:,} refused and {report.allowed_seeds:,} allowed requests, said otherwise (seed {report.seed})",
        "",
        f"got through, of those that keep their meaning      {_share(report.got_through)}",
        f"allowed ones refused, said in the same ways        {_share(report.refused_safe)}",
        f"got through, where the meaning may be lost         {_share(report.without_sure_meaning)}",
        "",
        f"{'by attack':24}{'got through':>34}   allowed ones refused",
    ]
    for each in report.by_attack:
        mark = ("" if each.keeps_meaning else " *") + ("" if each.innocent else " +")
        lines.append(f"{each.name + mark:24}{_share(each.got_through):>34}   {_share(each.refused_safe)}")
    lines += [
        "* the meaning may be lost; not in the headline",
        "+ the frame alone may be refused; no false alarm",
        "",
        "by category (meaning kept), got through",
    ]
    lines += [f"{name[:40]:42}{_share(share)}" for name, share in report.by_category.items()]
    if report.seeds_not_blocked:
        lines += ["", f"{len(report.seeds_not_blocked):,} requests that should be refused pass as they stand."]
    if report.allowed_seeds_refused:
        lines += ["", f"{len(report.allowed_seeds_refused):,} allowed requests are refused as they stand."]
    lines += [f"left out: {each}" for each in report.left_out]
    return "\n".join(lines) + "\n"


def as_page(report: AttackReport, draft: str) -> str:
    """The report as Markdown.

    Args:
        report: what was found.
        draft: what is proposed, as Markdown.
    """
    intro = (
        f"Packs in force: {_packs(report)}. {report.seeds:,} refused requests and {report.allowed_seeds:,} allowed "
        f"ones were said differently, at most {report.per_seed} times in each way; seed {report.seed}."
    )
    lines = [
        "# Red team",
        "",
        intro,
        "",
        f"- Got through, of the mutants that keep their meaning: **{_share(report.got_through)}**",
        f"- Allowed requests refused when they are said in the same ways: {_share(report.refused_safe)}",
        f"- Got through, where the meaning may be lost (not counted above): {_share(report.without_sure_meaning)}",
        "",
        HOW_TO_READ,
        "",
        "## By attack",
        "",
        "| attack | what it does | meaning | got through | allowed ones refused |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in report.by_attack:
        kept = "kept" if each.keeps_meaning else "may be lost"
        lines.append(
            f"| {each.name} | {each.about} | {kept} | {_share(each.got_through)} | {_share(each.refused_safe)}"
            + (" |" if each.innocent else ", for the frame alone |")
        )
    lines += ["", "## By category", "", "| category | got through |", "| --- | --- |"]
    lines += [f"| {plain(name)} | {_share(share)} |" for name, share in report.by_category.items()]
    lines += ["", *_listed("What got through", report.passed), *_listed("Allowed, and refused", report.false_alarms)]
    for title, seeds in (
        ("Should be refused, and pass as they stand", report.seeds_not_blocked),
        ("Allowed, and refused as they stand", report.allowed_seeds_refused),
    ):
        if seeds:
            lines += [
                f"## {title}",
                "",
                *(f"- {plain(each['text'])} ({plain(each['category'])})" for each in seeds),
                "",
            ]
    if report.left_out or report.problems:
        lines += ["## Left out", "", *(f"- {plain(each)}" for each in (*report.left_out, *report.problems)), ""]
    return "\n".join([*lines, draft])


def _listed(title: str, attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"## {title}", ""] if attempts else []
    for each in sorted(attempts, key=lambda each: (not each["keeps_meaning"], each["attack"]))[:SHOWN]:
        where = " (drawn in a picture)" if each["picture"] else ""
        lines.append(f"- **{each['attack']}**{where}, {plain(each['rule'])}: {plain(each['text'])}")
        if each["picture"]:
            lines[-1] += f" — {plain(each['seed_text'])}"
    if len(attempts) > SHOWN:
        lines.append(f"- and {len(attempts) - SHOWN:,} more, in report.json")
    return [*lines, ""] if attempts else []


def plain(text: str) -> str:
    """A stranger's text as one line of Markdown that shows itself and does nothing."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    short = line if len(line) <= 300 else line[:300] + " …"
    return "`" + short.replace("`", "'") + "`"


def _packs(report: AttackReport) -> str:
    return ", ".join(f"{pack} {version}".rstrip() for pack, version in report.packs.items()) or "none"


def _share(share: Share) -> str:
    if share.share is None:
        return "none tried"
    return f"{100 * share.share:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f}, n = {share.n:,})"
