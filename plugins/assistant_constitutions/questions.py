"""All that is judged of a question: its words, what its pictures say, and what was asked before it."""

from __future__ import annotations

from collections.abc import Callable

from assistant.evaluators import Subject
from assistant.messages import Turn
from assistant.verdicts import ACTIONS, Action, Verdict
from assistant_constitutions.over_turns import judge_over_turns
from assistant_constitutions.pictures import judge_with_pictures

_ALL: frozenset[Action] = frozenset(ACTIONS)
_ENDING: frozenset[Action] = frozenset({"refuse", "ask"})


def judge_question(turn: Turn, judge: Callable[[Subject, frozenset[Action]], list[Verdict]]) -> list[Verdict]:
    """Judge a question in all its readings.

    Args:
        turn: with the readings of its pictures, and the questions before it.
        judge: applies the rules that have one of these actions to one text.

    Returns:
        The verdicts, in no order.
    """
    found = judge_with_pictures(turn, lambda subject: judge(subject, _ALL))
    if any(verdict.blocks for verdict in found):
        return found
    return found + judge_over_turns(turn, lambda subject: judge(subject, _ENDING))
