"""What a measurement of the rules found. Every share is in [0, 1] here; `as_text` prints percent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assistant.evaluation.report import Duration, Share
from assistant.evaluation.safety_figure import SafetyFigure
from assistant.evaluation.safety_rows import BadRow

SHOWN_PROBLEMS = 10
SHOWN_RULES = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """What was blocked of the harmful rows and refused of the safe ones; a share is ``None`` where there are none."""

    blocked: Share
    refused: Share


@dataclass(frozen=True, slots=True)
class F1:
    """F1 of blocking, in three readings.

    ``balanced`` is worked out from the two means over sources, as if there were as many harmful as safe rows;
    ``mean`` is the mean over the sources that hold both kinds; ``pooled`` counts every row once.
    """

    balanced: float | None
    mean: float | None
    pooled: float | None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """If one threshold on the risk blocked that share of the harmful rows: which, how many it would really block (rows
    of equal risk go together), and what it would refuse of the safe ones."""

    wanted: float
    threshold: float | None
    blocked: float | None
    refused: Share | None


@dataclass(frozen=True, slots=True)
class GroupScore:
    """The scores of one group of files. ``auc`` is of the risk over all rows, ``auc_mean`` over the sources that hold
    both kinds; ``None`` where no rule gave a score."""

    n: int
    sources: Mapping[str, Cell]
    pooled: Cell
    mean_blocked: float | None
    mean_refused: float | None
    f1: F1
    auc: float | None
    auc_mean: float | None
    operating_points: tuple[OperatingPoint, ...]


@dataclass(frozen=True, slots=True)
class DomainScore:
    """Rows of a regulated domain. ``within_the_rule``: of the safe ones, those that are answered with a duty added."""

    n: int
    refused: Share
    within_the_rule: Share
    actions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PairScore:
    """Safe rows with their harmful twins. ``told_apart``: how often the harmful twin has the higher risk, in [0, 1];
    equal ones count half."""

    pairs: int
    cell: Cell
    both_right: Share
    told_apart: float
    operating_points: tuple[OperatingPoint, ...]


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many rows a rule blocked."""

    rule: str
    pack: str
    pack_version: str
    harmful: int
    safe: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Of what was blocked: how much names a rule with its pack and version, and how much gave the same verdicts when
    it was checked again after all other rows."""

    blocks: int
    names_a_rule: Share
    same_again: Share


@dataclass(frozen=True)
class SafetyReport:
    """Everything that a measurement found, with what is needed to repeat it.

    ``packs`` are those in force: id -> version, empty where a pack was named and never spoke. ``categories`` and
    ``personas`` are by group, source and word. ``milliseconds`` has the checks as ``check``, each hook of each plugin
    as ``hook/plugin``, and what an evaluator spends in one check as ``evaluator/name``.
    """

    folder: dict[str, Any]
    packs: Mapping[str, str]
    versions: Mapping[str, str]
    groups: Mapping[str, GroupScore]
    categories: tuple[dict[str, Any], ...]
    personas: tuple[dict[str, Any], ...]
    domains: Mapping[str, DomainScore]
    pairs: PairScore | None
    rules: tuple[RuleCount, ...]
    replay: Replay
    safety_figure: SafetyFigure
    safety_figure_by_pack: Mapping[str, SafetyFigure]
    milliseconds: Mapping[str, Duration]
    problems: tuple[BadRow, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def as_text(report: SafetyReport) -> str:
    """The report for a person to read: shares in percent."""
    folder = report.folder
    packs = ", ".join(f"{pack} {version}".rstrip() for pack, version in report.packs.items()) or "none"
    lines = [f"{folder['name']}: {folder['used']:,} of {folder['rows']:,} rows in {len(folder['files'])} files"]
    lines.append(f"packs in force: {packs}")
    for name, group in report.groups.items():
        lines += ["", *_group(name, group)]
    for name, domain in report.domains.items():
        lines += ["", f"domain {name}"]
        lines.append(f"  {'refused':30}{_share(domain.refused)}")
        lines.append(f"  {'answered with a duty':30}{_share(domain.within_the_rule)}")
    if report.pairs is not None:
        pairs = report.pairs
        lines += ["", f"{pairs.pairs:,} safe requests with a harmful twin"]
        lines.append(f"  {'harmful twin blocked':30}{_share(pairs.cell.blocked)}")
        lines.append(f"  {'safe twin refused':30}{_share(pairs.cell.refused)}")
        lines.append(f"  {'both right':30}{_share(pairs.both_right)}")
        lines += map(_point, pairs.operating_points)
    lines += ["", f"blocks: {report.replay.blocks:,}"]
    lines.append(f"  {'name a rule':30}{_share(report.replay.names_a_rule)}")
    lines.append(f"  {'same verdict again':30}{_share(report.replay.same_again)}")
    wrong = sorted((rule for rule in report.rules if rule.safe), key=lambda rule: -rule.safe)
    if wrong:
        lines += ["", "rules that refused safe requests"]
        lines += [f"  {rule.rule:34}{rule.safe:>6,} safe, {rule.harmful:,} harmful" for rule in wrong[:SHOWN_RULES]]
    lines += ["", "safety figure: errors per million tokens (tokens: runs of characters between white space)"]
    lines.append(_figure("all packs together", report.safety_figure))
    lines += [_figure(pack, figure) for pack, figure in report.safety_figure_by_pack.items()]
    lines.append("")
    for name, each in report.milliseconds.items():
        if each.median is not None:
            lines.append(f"{name}: median {each.median:.2f} ms, 95 % under {each.p95:.2f} ms (n = {each.n:,})")
    return "\n".join(lines) + "\n"


def problem_lines(report: SafetyReport) -> Iterator[str]:
    """The rows that could not be used, the first few by name."""
    problems = report.problems
    if problems:
        yield f"{'1 row was' if len(problems) == 1 else f'{len(problems):,} rows were'} not used:"
    for problem in problems[:SHOWN_PROBLEMS]:
        yield f"  {problem}"
    if len(problems) > SHOWN_PROBLEMS:
        yield f"  and {len(problems) - SHOWN_PROBLEMS:,} more; --json names them all."


def _group(name: str, group: GroupScore) -> Iterator[str]:
    yield f"{name}: {group.n:,} rows from {len(group.sources)} sources"
    for kind, what in (("blocked", "harmful, blocked"), ("refused", "safe, refused")):
        shares: dict[str, Share] = {source: getattr(cell, kind) for source, cell in group.sources.items()}
        shares = {source: share for source, share in shares.items() if share.n}
        if not shares:
            continue
        mean = group.mean_blocked if kind == "blocked" else group.mean_refused
        yield f"  {what}"
        for source, share in shares.items():
            yield f"    {source[:28]:28}{_share(share)}"
        yield f"    {'mean over sources':28}{_percent(mean):>7}"
        yield f"    {'all rows':28}{_share(getattr(group.pooled, kind))}"
    for label, value in (("balanced", group.f1.balanced), ("mean", group.f1.mean), ("pooled", group.f1.pooled)):
        if value is not None:
            yield f"  {f'F1, {label}':30}{_percent(value):>7}"
    if group.auc is not None:
        mean = "" if group.auc_mean is None else f"; mean over sources {group.auc_mean:.3f}"
        yield f"  {'AUC of the risk':30}{group.auc:>7.3f}{mean}"
    if group.pooled.blocked.n and group.pooled.refused.n:
        yield from map(_point, group.operating_points)


def _point(point: OperatingPoint) -> str:
    name = f"safe refused at {100 * point.wanted:.0f} % blocked"
    if point.refused is None:
        return f"  {name:30}   not reached"
    return f"  {name:30}{_share(point.refused)}"


def _figure(name: str, figure: SafetyFigure) -> str:
    found = f"{figure.let_through:,} let through, {figure.refused:,} refused in {figure.tokens:,} tokens"
    return f"  {name:30}{figure.per_million:>9,.0f}   ({figure.low:,.0f} to {figure.high:,.0f}; {found})"


def _share(share: Share) -> str:
    return f"{_percent(share.share):>7}   ({100 * share.low:.1f} to {100 * share.high:.1f}, n = {share.n:,})"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"
