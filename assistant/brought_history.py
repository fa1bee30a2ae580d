"""What was said before, from a client that keeps its chats itself: judged like everything that comes from outside.

An earlier question that a rule refuses, or an earlier answer that a rule would refuse or change, leaves no exchange, as
in a chat that is kept here. No model gets it; the questions alone stay, for the rules that look at several together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.extensions import Extensions
from assistant.judgement import Judgement
from assistant.judging import judge_answer, judge_question, judge_segment
from assistant.messages import EarlierQuestion, Exchange, HookCall, Message, Turn
from assistant.picture_text import PictureText


@dataclass(frozen=True, slots=True)
class Brought:
    """An earlier question with its answer; ``None``: it got none, or was refused."""

    question: Message
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """A turn with what may stand before it, and what was asked of the plugins."""

    turn: Turn
    calls: list[HookCall]
    notes: list[str]


def judge_history(extensions: Extensions, picture_text: PictureText, turn: Turn, brought: Sequence[Brought]) -> Past:
    """Put what was brought before the question of a turn. Its pictures are read, and judged with their questions.

    Args:
        extensions: the plugins.
        picture_text: reads the pictures.
        turn: the question; what already stands before it stays.
        brought: oldest first.
    """
    history, earlier = list(turn.history), list(turn.earlier)
    calls: list[HookCall] = []
    notes: list[str] = []
    for each in brought:
        before = {"question": each.question, "history": tuple(history), "earlier": tuple(earlier)}
        read = picture_text.read(turn.model_copy(update=before))
        then = read.turn
        calls += read.calls
        asked = judge_question(extensions, then)
        calls += asked.calls
        refused = asked.refusal is not None and asked.refusal.action == "refuse"
        earlier.append(EarlierQuestion(text=then.question.text, refused=refused))
        if asked.refusal is not None:
            notes.append(_left_out("question", asked))
            continue
        if not each.answer:
            continue
        then = then.model_copy(update={"earlier": ()})
        said = [judge_segment(extensions, then, "", each.answer), judge_answer(extensions, then, each.answer)]
        calls += [call for judged in said for call in judged.calls]
        broken = next((judged for judged in said if judged.refusal or judged.revision), None)
        if broken is not None:
            notes.append(_left_out("answer", broken))
            continue
        history.append(Exchange(question=then.question, answer=each.answer))
    turn = turn.model_copy(update={"history": tuple(history), "earlier": tuple(earlier)})
    return Past(turn, calls, list(dict.fromkeys(notes)))


def _left_out(what: str, judged: Judgement) -> str:
    rule = judged.refusal.rule if judged.refusal else judged.revision.record.verdict.rule if judged.revision else None
    by = f" under rule {rule.id}, pack {rule.pack} {rule.pack_version}" if rule else ""
    return f"An earlier {what} of this chat was left out{by}: nothing of it was read by the model."
