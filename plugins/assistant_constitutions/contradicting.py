"""Rules that pull a request in opposite directions: found by texts that show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from assistant.evaluators import Evaluator, Subject
from assistant.messages import Message, Turn
from assistant.packs import PackProblem
from assistant.verdicts import Verdict
from assistant_constitutions.engine import OUTPUT, judge, places_of
from assistant_constitutions.pack import Pack, TestCase


def contradictions(
    packs: Sequence[Pack], others: Sequence[Pack], evaluators: Mapping[str, Evaluator]
) -> Iterator[PackProblem]:
    """Where a pack says that a text may be answered, and a rule of another pack stops it.

    The witness is a test case of the one pack, decided by the other. It is an error until somebody has written down
    which is meant: a ``precedence`` that differs, or an exception to the other's rule (``overrides``).
    """
    everywhere = [*packs, *others]
    own = {pack.id for pack in packs}
    for pack in everywhere:
        against = [other for other in everywhere if other.id != pack.id and (pack.id in own or other.id in own)]
        if against:
            for case in pack.tests:
                if case.expect not in ("refuse", "ask"):
                    yield from _stopped(pack, case, against, evaluators)


def _stopped(
    pack: Pack, case: TestCase, against: Sequence[Pack], evaluators: Mapping[str, Evaluator]
) -> Iterator[PackProblem]:
    for verdict in _verdicts(case, against, evaluators):
        if not verdict.blocks or verdict.rule is None:
            continue
        other = next(each for each in against if each.id == verdict.rule.pack)
        rules = (f"{pack.id}:{case.rule}", f"{other.id}:{verdict.rule.id}")
        said = "answers" if case.expect == "allow" else f"answers (with {case.expect})"
        message = f"{rules[0]} {said} what {rules[1]} would {verdict.action}: “{case.text}”."
        if any(override.rule == verdict.rule.id for override in pack.overrides):
            settled = f" {pack.id} asks for an exception; without a grant, {other.id} decides."
        elif pack.precedence != other.precedence:
            settled = f" By precedence that is meant; {other.id} decides, being stricter."
        else:
            settled = ""
        hint = " Write down which is meant: a `precedence`, or an exception in `overrides`."
        yield PackProblem(
            level="warning" if settled else "error",
            code="contradiction",
            rules=rules,
            message=message + (settled or hint),
            witness=case.text,
        )


def _verdicts(case: TestCase, packs: Sequence[Pack], evaluators: Mapping[str, Evaluator]) -> list[Verdict]:
    of_user = case.role == "user"
    turn = Turn(door="test", question=Message(text=case.text if of_user else ""))
    subject = Subject(turn=turn, part="question" if of_user else "answer", text=case.text)
    return judge(packs, evaluators, subject, places_of(turn) if of_user else OUTPUT)
