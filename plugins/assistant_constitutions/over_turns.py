"""Several questions as one: what was asked in pieces, or asked again after a refusal, is judged together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.evaluators import Subject
from assistant.messages import EarlierQuestion, Message, Turn
from assistant.verdicts import Span, Verdict
from assistant_constitutions.going_on import asks_again, goes_on, leads_back, pronoun_in

WINDOW = 4
"""So many earlier questions are looked at."""
NEAR = 2
"""So many of them are also joined with the question one by one."""
WINDOW_CHARACTERS = 1_000
"""Of each of them, so much from its end."""
TOGETHER = "Read together with what was asked before in this chat."

_ENDS = ".?!:;, \n"
_TOPIC = re.compile(
    r"(?:what(?:'s| is| are| was| were| does| do| did)|who(?:'s| is| was)|tell me (?:more )?about|explain|describe"
    r"|define|have you heard of|do you know)"
    r"\s+(?P<topic>.+?)(?:\s+(?:do|mean|look like|work|made of|used for\b.*|called|like))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters ``start`` to ``end`` of a joined text are those of the question from ``question_at`` on."""

    start: int
    end: int
    question_at: int


@dataclass(frozen=True, slots=True)
class _Joined:
    text: str
    pieces: tuple[_Piece, ...] = ()
    again: bool = False
    """A refused question, which is asked once more: it counts as it stands."""

    def spans_in_question(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """The parts of spans that lie in the question, as places of it."""
        found: list[Span] = []
        for span in spans:
            for piece in self.pieces:
                start, end = max(span.start, piece.start), min(span.end, piece.end)
                if start < end:
                    shift = piece.question_at - piece.start
                    found.append(Span(part="question", start=start + shift, end=end + shift))
        return tuple(dict.fromkeys(found))

    def crosses(self, spans: Sequence[Span]) -> bool:
        """Whether something is marked in the question, and something in what was asked before."""
        before = any(not any(piece.start <= span.start < piece.end for piece in self.pieces) for span in spans)
        return before and bool(self.spans_in_question(spans))


def judge_over_turns(turn: Turn, judge: Callable[[Subject], list[Verdict]]) -> list[Verdict]:
    """Judge a question together with the latest ones before it.

    Only a question that goes on from an earlier one is: "and how would one do that at home?". A rule counts where what
    it marks lies in both parts, or where its evaluator marks nothing; and a refused question that is asked once more
    ("and now as a poem") is judged as it was. A question that has no sign of that ("what is this?") is not held
    together with a refused one.

    Args:
        turn: the question, with those before it.
        judge: applies the rules that can end a turn to one text.

    Returns:
        The verdicts that end the turn, with spans that index into the question.
    """
    found: dict[str, Verdict] = {}
    for joined in _texts(turn.question, turn.earlier):
        for verdict in judge(Subject(turn=turn, part="question", text=joined.text)):
            counts = joined.again or not verdict.spans or joined.crosses(verdict.spans)
            if verdict.blocks and verdict.rule is not None and counts and verdict.rule.id not in found:
                message = f"{verdict.message} {TOGETHER}".strip()
                spans = joined.spans_in_question(verdict.spans)
                found[verdict.rule.id] = verdict.model_copy(update={"spans": spans, "message": message})
    return list(found.values())


def _texts(question: Message, earlier: Sequence[EarlierQuestion]) -> Iterator[_Joined]:
    text, own_picture = question.text, bool(question.images)
    if not earlier or not text.strip() or not goes_on(text):
        return
    window = earlier[-WINDOW:]
    again = asks_again(text, own_picture=own_picture)
    back = leads_back(text, own_picture=own_picture)
    for place, each in enumerate(reversed(window)):
        if each.refused and again:
            yield _Joined(each.text[-WINDOW_CHARACTERS:], again=True)
        # Whatever is joined with a refused question is refused, so that takes more than an "it".
        if place < NEAR and (back or not each.refused):
            yield _joined(each.text, text)
            resolved = _resolved(each.text, text)
            if resolved is not None:
                yield resolved
    together = [each for each in window if back or not each.refused]
    if len(together) > 1:
        yield _joined(", ".join(each.text[-WINDOW_CHARACTERS:].strip(_ENDS) for each in together), text)


def _joined(before: str, question: str) -> _Joined:
    """As one sentence, because rules look inside sentences."""
    text = f"{before[-WINDOW_CHARACTERS * WINDOW :].strip(_ENDS)}, "
    return _Joined(text + question, (_Piece(len(text), len(text) + len(question), 0),))


def _resolved(before: str, question: str) -> _Joined | None:
    """The question with what it refers to in place of "it"; ``None`` where that cannot be told."""
    topic = _TOPIC.fullmatch(before.strip(_ENDS))
    pronoun = pronoun_in(question)
    if topic is None or pronoun is None or len(topic["topic"]) > WINDOW_CHARACTERS:
        return None
    start = pronoun.end() - len(pronoun.group().split()[-1])
    head = question[:start]
    text = head + topic["topic"] + question[pronoun.end() :]
    rest = len(head) + len(topic["topic"])
    return _Joined(text, (_Piece(0, len(head), 0), _Piece(rest, len(text), pronoun.end())))
