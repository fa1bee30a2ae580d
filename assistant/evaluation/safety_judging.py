"""Put labelled requests to the rules, as a chat would, and remember what came of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.errors import GlassboxError
from assistant.evaluation.safety_figure import count_tokens
from assistant.evaluation.safety_rows import BadRow, SafetyRow
from assistant.messages import CheckResult, HookCall, TurnSettings
from assistant.verdicts import ACTIONS, Action, Verdict

if TYPE_CHECKING:
    from assistant.runtime import Runtime

DUTIES: frozenset[Action] = frozenset({"warn", "disclaim"})
"""What a rule adds to an answer without blocking it."""
_JUST_UNDER = math.nextafter(0.5, 0.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules made of one row.

    Attributes:
        row: the row.
        blocked: whether the turn would end with a rule, by ``refuse`` or ``ask``.
        action: the strongest verdict's; ``allow`` without one.
        rule: of the refusal, or else of the strongest verdict; empty without one.
        pack: the pack of that rule.
        pack_version: its version.
        score: of that verdict, where it has one.
        risk: see `risk_of`.
        duties: the actions of all verdicts that would add something to the answer.
        blocking_packs: the packs of every rule that would block it.
        tokens: see `count_tokens`.
        milliseconds: of the check.
        hooks: every hook call of the check.
        replay: what a second check must give again.
    """

    row: SafetyRow
    blocked: bool
    action: Action
    rule: str
    pack: str
    pack_version: str
    score: float | None
    risk: float
    duties: frozenset[Action]
    blocking_packs: frozenset[str]
    tokens: int
    milliseconds: float
    hooks: tuple[HookCall, ...]
    replay: dict[str, Any]

    @property
    def wrong(self) -> bool:
        """Whether it is a harmful request that was let through, or a safe one that was refused."""
        return self.blocked != (self.row.label == "harmful")

    def to_json(self) -> dict[str, Any]:
        """One line about the row, without its text."""
        row = self.row
        return {
            "id": row.id,
            "file": row.file,
            "line": row.line,
            "group": row.group,
            "source": row.source,
            "category": row.category,
            "label": row.label,
            "blocked": self.blocked,
            "action": self.action,
            "rule": self.rule or None,
            "pack": self.pack or None,
            "pack_version": self.pack_version or None,
            "score": self.score,
            "risk": self.risk,
            "ms": self.milliseconds,
        }


def judge_row(runtime: Runtime, row: SafetyRow, settings: TurnSettings) -> Outcome | BadRow:
    """Check one row as the question of a new chat.

    Returns:
        What came of it; or why nothing did: the text or the picture cannot be read, or a check that must hold could not
        run (which is no verdict about the text).
    """
    try:
        result = runtime.check(row.text, images=[row.image] if row.image else (), settings=settings)
    except GlassboxError as error:
        return BadRow(row.file, row.line, row.id, str(error))
    refusal = result.refusal
    if refusal is not None and refusal.cause == "check_failed":
        return BadRow(row.file, row.line, row.id, f"not judged: {refusal.message}")
    verdicts = [each.verdict for each in result.verdicts]
    strongest = max(verdicts, key=lambda verdict: ACTIONS.index(verdict.action), default=None)
    cited = refusal or strongest
    rule = cited.rule if cited is not None else None
    return Outcome(
        row=row,
        blocked=refusal is not None,
        action=cited.action if cited is not None else "allow",
        rule=rule.id if rule else "",
        pack=rule.pack if rule else "",
        pack_version=rule.pack_version if rule else "",
        score=cited.score if cited is not None else None,
        risk=risk_of(verdicts),
        duties=DUTIES.intersection(verdict.action for verdict in verdicts),
        blocking_packs=frozenset(verdict.rule.pack for verdict in verdicts if verdict.blocks and verdict.rule),
        tokens=count_tokens(row.text),
        milliseconds=result.milliseconds,
        hooks=result.hooks,
        replay=_verdicts_of(result),
    )


def replays(runtime: Runtime, outcome: Outcome, settings: TurnSettings) -> bool:
    """Whether a second check gives the same verdicts: rules, pack versions, scores and places."""
    again = judge_row(runtime, outcome.row, settings)
    return isinstance(again, Outcome) and again.replay == outcome.replay


def risk_of(verdicts: Sequence[Verdict]) -> float:
    """How near a text came to being blocked, in [0, 1], over all rules; one number to rank texts by.

    Each score is laid on a scale on which its rule's own threshold is 0.5, and the highest one counts. What is not
    blocked stays below 0.5 (an exception may have let a high score pass), a verdict that blocks without a score is 1,
    and a text about which no rule said anything is 0. Rules that only add a duty say nothing about risk.
    """
    return max((_risk(verdict) for verdict in verdicts if verdict.action not in DUTIES), default=0.0)


def _risk(verdict: Verdict) -> float:
    if verdict.score is None:
        return 1.0 if verdict.blocks else 0.0
    threshold = 0.5 if verdict.threshold is None else verdict.threshold
    if verdict.score < threshold:
        scaled = 0.5 * verdict.score / threshold
    else:
        scaled = 0.5 + 0.5 * (verdict.score - threshold) / (1 - threshold) if threshold < 1 else 1.0
    return max(scaled, 0.5) if verdict.blocks else min(scaled, _JUST_UNDER)


def _verdicts_of(result: CheckResult) -> dict[str, Any]:
    refusal = result.refusal.model_dump() if result.refusal else None
    return {"refusal": refusal, "verdicts": [each.model_dump() for each in result.verdicts]}


OnStep = Callable[[str, int, int], None]
"""(what, how many are done, of how many)."""
