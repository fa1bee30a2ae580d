"""From the answers of the checking hooks to a decision about the turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assistant.errors import PluginError
from assistant.extensions import Answer
from assistant.messages import HookCall, PackStamp, VerdictRecord
from assistant.verdicts import ACTIONS, Refusal, Rule, Verdict

Stage = Literal["question", "answer"]

CHECK_MUST_RUN = Rule(
    id="glassbox.check-must-run",
    title="A check could not run",
    text="Nothing is answered unless every check that must hold has run.",
    pack="glassbox",
    pack_version="1",
    kind="harm",
    severity="high",
    instead="Ask again. If it goes on, whoever runs this assistant can mend or disable the plugin that is named here.",
)
"""The rule behind every refusal that no pack decided: the runtime fails closed."""


BLACK = "█"
"""Stands in the trace for a character that a rule took out of an answer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the hooks of one stage said, taken together.

    ``urgent`` are those disclaimers about a question whose rule is critical: they stand before the answer.
    """

    stage: Stage
    calls: tuple[HookCall, ...]
    verdicts: tuple[VerdictRecord, ...]
    refusal: Refusal | None
    notes: tuple[str, ...]
    disclaimers: tuple[str, ...]
    urgent: tuple[str, ...]
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Revision:
    """A new text, and the verdict that brought it."""

    text: str
    record: VerdictRecord


def accept_verdicts(value: Any) -> tuple[Verdict, ...]:
    """What a checking hook may return, as a tuple.

    Raises:
        TypeError: it is neither ``None`` nor a `Verdict` nor a sequence of them.
    """
    if value is None:
        return ()
    if isinstance(value, Verdict):
        return (value,)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            if not isinstance(each, Verdict):
                raise TypeError(f"expected verdicts, got a {type(each).__name__} among them")
        return tuple(value)
    raise TypeError(f"expected None, a Verdict or a sequence of them, got {type(value).__name__}")


def accept_nothing(value: Any) -> None:
    """For hooks that return nothing.

    Raises:
        TypeError: something came back.
    """
    if value is not None:
        raise TypeError(f"expected None, got {type(value).__name__}")


def accept_stamps(value: Any) -> tuple[PackStamp, ...]:
    """What the hook ``packs_in_force`` may return, as a tuple.

    Raises:
        TypeError: it is neither ``None`` nor a sequence of `PackStamp`.
    """
    stamps: tuple[Any, ...] = tuple(value or ())
    if not all(isinstance(each, PackStamp) for each in stamps):
        raise TypeError("expected None or a sequence of PackStamp")
    return stamps


def judge(stage: Stage, text: str, answers: Sequence[Answer]) -> Judgement:
    """Take the answers of all implementations together; the strongest action decides, and a broken check that must hold
    is as strong as any.

    Args:
        stage: what was judged.
        text: the judged text; the marked words of a question are cut out of it.
        answers: of `Extensions.call` with `accept_verdicts`.
    """
    records: list[VerdictRecord] = []
    revisions: list[Revision] = []
    notes: list[str] = []
    broken: PluginError | None = None
    for answer in answers:
        if answer.error is not None:
            if answer.implementation.on_failure == "closed":
                broken = broken or answer.error
            else:
                notes.append(f"{answer.error} The turn went on without it.")
            continue
        for verdict in answer.value:
            kept = _for_trace(verdict, stage, text)
            records.append(VerdictRecord(stage=stage, plugin=answer.implementation.plugin, verdict=kept))
            if verdict.action == "revise" and verdict.replacement is not None:
                revisions.append(Revision(verdict.replacement, records[-1]))
    blocking = [each for each in records if each.verdict.blocks]
    refusal = None
    if blocking:
        refusal = _refusal(stage, text, max(blocking, key=lambda each: _strength(each.verdict)))
    elif broken is not None:
        refusal = check_failed(stage, broken)
    duties = [each.verdict for each in records if each.verdict.action == "disclaim" and each.verdict.message]
    urgent = [each for each in duties if stage == "question" and each.rule and each.rule.severity == "critical"]
    notes += [each.verdict.message for each in records if each.verdict.action == "warn"]
    return Judgement(
        stage=stage,
        calls=tuple(answer.call for answer in answers),
        verdicts=tuple(records),
        refusal=refusal,
        notes=tuple(note for note in notes if note),
        disclaimers=tuple(dict.fromkeys(each.message for each in duties if each not in urgent)),
        urgent=tuple(dict.fromkeys(each.message for each in urgent)),
        revision=revisions[0] if revisions else None,
    )


def check_failed(stage: Stage, error: PluginError) -> Refusal:
    """The refusal that stands for a check which could not run."""
    return Refusal(cause="check_failed", stage=stage, rule=CHECK_MUST_RUN, plugin=error.plugin, message=str(error))


def not_mended(revision: Revision) -> Refusal:
    """The refusal of an answer that still breaks a rule after it was revised as often as may be."""
    if revision.record.verdict.rule is not None:
        return _refusal("answer", "", revision.record)
    plugin = revision.record.plugin
    message = f"The plugin {plugin!r} went on changing the answer and was never content with it."
    return Refusal(cause="check_failed", stage="answer", rule=CHECK_MUST_RUN, plugin=plugin, message=message)


def marked_words(text: str, revision: Revision) -> set[str]:
    """The words of a draft that the verdict marks."""
    return {text[span.start : span.end] for span in revision.record.verdict.spans}


def black_out(text: str, words: Iterable[str]) -> str:
    """The text with these words made unreadable wherever they stand, for the trace."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, BLACK * len(word))
    return text


def changed_note(revision: Revision) -> str:
    """The sentence that tells the person that an answer is not as the model wrote it."""
    rule = revision.record.verdict.rule
    if rule is None:
        return f"The plugin {revision.record.plugin!r} changed this answer."
    return f"This answer was changed under rule {rule.id}, pack {rule.pack} {rule.pack_version}: {rule.title}."


def _strength(verdict: Verdict) -> tuple[int, int]:
    # Of equally strong ones the first is taken: a plugin puts its verdicts into an order of its own.
    severity = ("low", "medium", "high", "critical").index(verdict.rule.severity) if verdict.rule else 0
    return ACTIONS.index(verdict.action), severity


def _for_trace(verdict: Verdict, stage: Stage, text: str) -> Verdict:
    """The verdict with only those spans that lie in the judged text, and without a new answer: a later check may refuse
    that one, and then it must stand nowhere."""
    spans = tuple(span for span in verdict.spans if span.part == stage and span.end <= len(text))
    replacement = None if verdict.replacement is None else ""
    return verdict.model_copy(update={"spans": spans, "replacement": replacement})


def _refusal(stage: Stage, text: str, record: VerdictRecord) -> Refusal:
    verdict = record.verdict
    assert verdict.rule is not None  # Verdict itself demands it of refuse and ask
    spans = tuple(sorted(verdict.spans, key=lambda span: span.start)) if stage == "question" else ()
    return Refusal(
        cause="rule",
        stage=stage,
        action="ask" if verdict.action == "ask" else "refuse",
        rule=verdict.rule,
        evaluator=verdict.evaluator,
        plugin=record.plugin,
        spans=spans,
        regions=verdict.regions,
        triggers=tuple(dict.fromkeys(text[span.start : span.end] for span in spans)),
        detail=verdict.detail,
        score=verdict.score,
        threshold=verdict.threshold,
        message=verdict.message,
    )
