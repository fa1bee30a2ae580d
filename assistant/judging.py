"""Ask the plugins what they say about a question, a piece of an answer, and a whole answer."""

from __future__ import annotations

from dataclasses import replace

from assistant.errors import PluginLoadError, PluginResultError
from assistant.extensions import Answer, Extensions
from assistant.judgement import Judgement, accept_stamps, accept_verdicts, check_failed, judge
from assistant.messages import PackStamp, Turn


def judge_question(extensions: Extensions, turn: Turn) -> Judgement:
    """What the plugins say before a model sees the question; a required plugin that is missing refuses."""
    answers = extensions.call("before_turn", {"turn": turn}, accept_verdicts)
    return with_required(extensions, judge("question", turn.question.text, answers))


def packs_in_force(extensions: Extensions, turn: Turn) -> tuple[PackStamp, ...]:
    """The constitution packs that a turn is judged by, by id."""
    answers = extensions.call("packs_in_force", {"turn": turn}, accept_stamps)
    return tuple(sorted((stamp for each in answers for stamp in each.value or ()), key=lambda stamp: stamp.id))


def judge_segment(extensions: Extensions, turn: Turn, released: str, segment: str, *, whole: bool = True) -> Judgement:
    """What the plugins say while an answer is written, and with ``whole`` when it is over."""
    arguments = {"turn": turn, "released": released, "segment": segment, "whole": whole}
    return judge("answer", released + segment, extensions.call("check_segment", arguments, accept_verdicts))


def judge_answer(extensions: Extensions, turn: Turn, answer: str) -> Judgement:
    """What the plugins say about a whole answer."""
    answers = extensions.call("after_turn", {"turn": turn, "answer": answer}, accept_verdicts)
    return judge("answer", answer, [_observers_may_not_decide(each) for each in answers])


def with_required(extensions: Extensions, judgement: Judgement) -> Judgement:
    """The judgement, or a refusal in its place where a required plugin is missing and nothing else refuses."""
    missing = extensions.missing_required()
    if not missing or judgement.refusal is not None:
        return judgement
    status = missing[0]
    error = PluginLoadError(
        f"The rules of the plugin {status.name!r} must hold, and it is not working. {status.detail}",
        plugin=status.name,
    )
    return replace(judgement, refusal=check_failed(judgement.stage, error))


def _observers_may_not_decide(answer: Answer) -> Answer:
    """An implementation of ``after_turn`` in the phase ``observe`` that tries to decide is a failure of its plugin."""
    if answer.error or answer.implementation.phase != "observe":
        return answer
    decisive = [each.action for each in answer.value if each.action in ("refuse", "ask", "revise")]
    if not decisive:
        return answer
    name = answer.implementation.plugin
    error = PluginResultError(
        f"The plugin {name!r} answered {decisive[0]!r} from after_turn in the phase 'observe', where an answer has "
        "already been shown; a plugin that decides must declare another phase.",
        plugin=name,
    )
    return replace(answer, value=None, error=error)
