"""Several questions as one: what was asked in pieces, or asked again after a refusal, is judged together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.evaluators import Subject
from assistant.messages import EarlierQuestion, Turn
from assistant.verdicts import Span, Verdict

WINDOW = 4
"""So many earlier questions are looked at."""
NEAR = 2
"""So many of them are also joined with the question one by one."""
WINDOW_CHARACTERS = 1_000
"""Of each of them, so much from its end."""
OWN_WORDS = 1
"""A question that brings more words of its own than this, besides those that hold a sentence together, is more than the
same once again."""

NAMED_HERE = 2
"""With more words of its own than this before an "it", a question says itself what that is."""

TOGETHER = "Read together with what was asked before in this chat."

_PICTURE = r"(?:picture|image|photo|photograph|screenshot|drawing|page|sign)s?"
_ABOUT_PICTURE = re.compile(rf"\b(?:this|that|the|these|those|my|your)(?: \w+)? {_PICTURE}\b", re.IGNORECASE)
_AFTER_PRONOUN = (
    r"(?=\W*$|[,;.?!]|\s+(?:about|again|alone|and|are|as|at|be|before|but|by|can|could|do|does|easily|fast|for|from|go"
    r"|happens?|if|in|instead|into|is|legally|like|look|mean|more|myself|now|of|off|on|or|out|over|please|quickly"
    r"|really|safely|so|step|than|then|there|to|too|up|using|was|were|when|where|while|will|with|without|work|works"
    r"|would|anyway|anyways|yourself|themselves|unnoticed|undetected|secretly|quietly|cheaply|today|tonight|tomorrow)\b)"
)
_PRONOUN = re.compile(
    r"\b(?:it|its|them|such a thing|do so|the same|both|either of them|one of them|this one|that one|these ones)\b"
    r"|\b(?:make|buy|get|build|use|need|want|find|mix|hide|sell|take|order|have|carry|write|give|cook|grow|show|forge)"
    r" (?:me |us )?(?:one|some|any)\b"
    rf"|\b(?:this|that|these|those){_AFTER_PRONOUN}",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:and|but|so|then|or|ok(?:ay)?|now|also|go on|continue|carry on|keep going|next|more|again|same|just|instead"
    r"|what about|how about|what if|tell me more|step by step|in detail|hypothetically|anyway|please)\b",
    re.IGNORECASE,
)
_OTHER_FORM = re.compile(
    r"\b(?:as|in|into|for|like) (?:a |an |the )?(?:poem|song|rap|story|novel|play|scene|script|joke|list|table|recipe"
    r"|steps|bullet points|dialogue|letter|essay|tutorial|guide|haiku|limerick|other words|detail|french|german|spanish"
    r"|italian|russian|chinese|another language|base64|code|reverse|a game|class|school|research)\b",
    re.IGNORECASE,
)
_ABOUT_THE_REFUSAL = re.compile(
    r"\b(?:why|what|which|how)\b.{0,40}\b(?:refus\w*|rule|rules|appeal|not allowed|won't you|can't you|cannot you"
    r"|did i do wrong|is wrong|allowed)\b|\b(?:sorry|never ?mind|forget (?:it|that)|my mistake|i didn't mean"
    r"|i did not mean|something else)\b",
    re.IGNORECASE,
)
_ENDS = ".?!:;, \n"
_SMALL = frozenset(
    re.findall(
        r"[a-z]+",
        """
    a about after again all also am an and any anyhow anyway are as at be been before being but by can could
    describe detail did do does done down each even every exactly explain first for from get give go going had has
    have he her here him his how i if in instead into is it its just kind know let like list make may maybe me mean
    might mine more most much must my need next no not now of off ok okay on one ones only or other our out over
    please poem put really right same say she should show simply so some somebody someone something song step steps
    still story such sure tell than thanks that the their them then there these they thing things this those to too
    try until up us use using very want was way ways we well were what when where which while who whom why will with
    without would write yes you your
        """,
    )
)
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
    ("and now as a poem") is judged as it was.

    Args:
        turn: the question, with those before it.
        judge: applies the rules that can end a turn to one text.

    Returns:
        The verdicts that end the turn, with spans that index into the question.
    """
    found: dict[str, Verdict] = {}
    for joined in _texts(turn.question.text, turn.earlier):
        for verdict in judge(Subject(turn=turn, part="question", text=joined.text)):
            counts = joined.again or not verdict.spans or joined.crosses(verdict.spans)
            if verdict.blocks and verdict.rule is not None and counts and verdict.rule.id not in found:
                message = f"{verdict.message} {TOGETHER}".strip()
                spans = joined.spans_in_question(verdict.spans)
                found[verdict.rule.id] = verdict.model_copy(update={"spans": spans, "message": message})
    return list(found.values())


def goes_on(question: str) -> bool:
    """Whether a question cannot be understood without an earlier one."""
    bare = _ABOUT_PICTURE.sub(" ", question)
    pronoun = _PRONOUN.search(bare)
    named_here = pronoun is not None and len(_own_words(bare[: pronoun.start()])) > NAMED_HERE
    if (pronoun and not named_here) or _OTHER_FORM.search(bare) or not _own_words(question):
        return True
    return bool(_GOES_ON.match(bare)) and len(bare.split()) <= 10


def _texts(question: str, earlier: Sequence[EarlierQuestion]) -> Iterator[_Joined]:
    if not earlier or not question.strip() or not goes_on(question):
        return
    window = earlier[-WINDOW:]
    again = len(_own_words(question)) <= OWN_WORDS and not _ABOUT_THE_REFUSAL.search(question)
    for place, each in enumerate(reversed(window)):
        if each.refused and again:
            yield _Joined(each.text[-WINDOW_CHARACTERS:], again=True)
        if place < NEAR:
            yield _joined(each.text, question)
            resolved = _resolved(each.text, question)
            if resolved is not None:
                yield resolved
    if len(window) > 1:
        yield _joined(", ".join(each.text[-WINDOW_CHARACTERS:].strip(_ENDS) for each in window), question)


def _joined(before: str, question: str) -> _Joined:
    """As one sentence, because rules look inside sentences."""
    text = f"{before[-WINDOW_CHARACTERS * WINDOW :].strip(_ENDS)}, "
    return _Joined(text + question, (_Piece(len(text), len(text) + len(question), 0),))


def _resolved(before: str, question: str) -> _Joined | None:
    """The question with what it refers to in place of "it"; ``None`` where that cannot be told."""
    topic = _TOPIC.fullmatch(before.strip(_ENDS))
    pronoun = _PRONOUN.search(_ABOUT_PICTURE.sub(lambda match: "." * len(match.group()), question))
    if topic is None or pronoun is None or len(topic["topic"]) > WINDOW_CHARACTERS:
        return None
    start = pronoun.end() - len(pronoun.group().split()[-1])
    head = question[:start]
    text = head + topic["topic"] + question[pronoun.end() :]
    rest = len(head) + len(topic["topic"])
    return _Joined(text, (_Piece(0, len(head), 0), _Piece(rest, len(text), pronoun.end())))


def _own_words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in _SMALL and len(word) > 1]
