"""What is said of one checked text, in the few words that other programs read."""

from __future__ import annotations

from typing import Any

from assistant.messages import CheckResult
from assistant.verdicts import ACTIONS


def summary(result: CheckResult) -> dict[str, Any]:
    """What is said of one text. Where nothing is blocked, ``action`` is the strongest verdict's, or ``allow``."""
    score: float | None
    if result.refusal is not None:
        rule, action, score = result.refusal.rule, result.refusal.action, result.refusal.score
    elif result.verdicts:
        verdict = max((each.verdict for each in result.verdicts), key=lambda each: ACTIONS.index(each.action))
        rule, action, score = verdict.rule, verdict.action, verdict.score
    else:
        rule, action, score = None, "allow", None
    return {
        "blocked": result.refusal is not None,
        "action": action,
        "rule": rule.id if rule else None,
        "pack": rule.pack if rule else None,
        "score": score,
        "ms": result.milliseconds,
    }
