"""Judge a stored turn again, offline, by the packs of its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from assistant.errors import InputError
from assistant.evaluators import Evaluator, Subject
from assistant.messages import PackStamp, TurnRecord
from assistant.packs import PackGrant, Replay
from assistant.verdicts import Verdict
from assistant_constitutions.composing import Constitution, compose, digest_of
from assistant_constitutions.engine import OUTPUT, places_of
from assistant_constitutions.questions import judge_question
from assistant_constitutions.shelf import Kept, Shelf

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def replay(record: TurnRecord, drafts: Iterable[str], shelf: Shelf, evaluators: Mapping[str, Evaluator]) -> Replay:
    """Judge a stored turn again. See `assistant.packs.PackKeeper.replay`.

    Raises:
        InputError: the turn was not judged by packs.
        PackError: a pack of its time is gone.
    """
    stamps = record.trace.pack_stamps
    if not stamps:
        raise InputError(
            f"The turn {record.id} does not say which packs judged it.",
            hint="Turns of older versions of Glassbox do not, nor do those that failed before they were judged.",
        )
    constitution = _of_the_time(stamps, shelf)
    turn, places = record.turn, places_of(record.turn)
    found = judge_question(turn, lambda subject, actions: constitution.judge(evaluators, subject, places, actions))
    came = constitution.ranked(found)
    differences: list[str] = []
    expected = [
        each.verdict for each in record.trace.verdicts if each.stage == "question" and _is_of(each.verdict, stamps)
    ]
    for number in range(max(len(expected), len(came))):
        one = _shown(expected[number]) if number < len(expected) else "nothing"
        other = _shown(came[number]) if number < len(came) else "nothing"
        if one != other:
            differences.append(f"question, verdict {number + 1}: expected {one}; came {other}.")
    verdicts = len(expected)
    refusal = record.refusal
    if refusal is not None and refusal.cause == "rule" and refusal.rule.pack not in {stamp.id for stamp in stamps}:
        differences.append(f"The rule {refusal.rule.id} of {refusal.rule.pack} is in no pack; it cannot be replayed.")
    elif refusal is not None and refusal.cause != "rule":
        differences.append(f"No rule decided, but a check that could not run: {refusal.plugin}.")
    elif refusal is not None and refusal.stage == "question":
        first = came[0] if came else None
        if first is None or first.rule is None or (first.action, first.rule.id) != (refusal.action, refusal.rule.id):
            differences.append(f"Expected {refusal.action} by {refusal.rule.id}; came {_shown(first)}.")
    elif refusal is not None:
        verdicts += 1
        differences += _replay_answer(record, drafts, constitution, evaluators)
    elif record.answer:
        blocked = _blocking(constitution, evaluators, record, record.answer)
        if blocked is not None:
            differences.append(f"The answer was let out; now it would be stopped: {_shown(blocked)}.")
    return Replay(
        turn=record.id,
        same=not differences,
        decided_by=f"{refusal.rule.pack}:{refusal.rule.id}" if refusal else "",
        packs=stamps,
        verdicts=verdicts,
        differences=tuple(differences),
    )


def _of_the_time(stamps: Sequence[PackStamp], shelf: Shelf) -> Constitution:
    kept: list[Kept] = [shelf.load(stamp.id, stamp.sha256) for stamp in stamps]
    grants = [
        PackGrant(
            pack=stamp.id,
            rule=override.rule,
            digest=digest_of(override),
            reason="as the turn says",
            who="the operator of then",
            at=_LONG_AGO,
        )
        for stamp, each in zip(stamps, kept, strict=True)
        for override in each.pack.overrides
        if override.rule in stamp.granted
    ]
    return compose(kept, grants)


def _replay_answer(
    record: TurnRecord, drafts: Iterable[str], constitution: Constitution, evaluators: Mapping[str, Evaluator]
) -> list[str]:
    """A refused answer is not kept. The model has written it again; where it stopped the first time depends on the
    clock, so the rule may decide at any length."""
    assert record.refusal is not None
    wanted = (record.refusal.action, record.refusal.rule.pack, record.refusal.rule.id)
    last: Verdict | None = None
    written = False
    for draft in drafts:
        written = True
        last = _blocking(constitution, evaluators, record, draft) or last
        if last is not None and last.rule is not None and (last.action, last.rule.pack, last.rule.id) == wanted:
            return []
    if not written:
        return ["The refused answer is not kept, and no model wrote it again."]
    return [f"answer: expected {wanted[0]} by {wanted[1]}:{wanted[2]}; came {_shown(last)}."]


def _blocking(
    constitution: Constitution, evaluators: Mapping[str, Evaluator], record: TurnRecord, text: str
) -> Verdict | None:
    subject = Subject(turn=record.turn, part="answer", text=text)
    ranked = constitution.ranked(constitution.judge(evaluators, subject, OUTPUT))
    return ranked[0] if ranked and ranked[0].blocks else None


def _is_of(verdict: Verdict, stamps: Sequence[PackStamp]) -> bool:
    return verdict.rule is not None and any(
        (stamp.id, stamp.version) == (verdict.rule.pack, verdict.rule.pack_version) for stamp in stamps
    )


def _shown(verdict: Verdict | None) -> str:
    if verdict is None or verdict.rule is None:
        return "nothing"
    places = ", ".join(f"{span.start} to {span.end}" for span in sorted(verdict.spans, key=lambda span: span.start))
    score = "no score" if verdict.score is None else f"{verdict.score:.6f} of {verdict.threshold}"
    where = f", at {places}" if places else ""
    return f"{verdict.action} by {verdict.rule.pack}:{verdict.rule.id} ({verdict.evaluator}, {score}{where})"
