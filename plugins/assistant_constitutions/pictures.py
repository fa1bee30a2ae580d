"""Pictures and text together: what is written in the pictures is judged alone and joined with the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.evaluators import Subject
from assistant.messages import Turn
from assistant.verdicts import ACTIONS, Region, Span, Verdict
from assistant_constitutions.going_on import own_words

MARKED = 20
"""A refusal marks at most so many lines."""

_NUMBER_ALONE = re.compile(r"\W*(?:\d{1,2}|[a-z])?\W*", re.IGNORECASE)
_NUMBERING = re.compile(r"\s*(?:\d{1,2}[.):]|[•*·–-])\s*")
_HEADING = re.compile(
    r"(?:the |some |top |best )*(?:steps?|methods?|ways?|techniques?|instructions?|guide|tips) (?:to|for|on)\b ?",
    re.IGNORECASE,
)
_LIST = re.compile(r"(?:an? |the )?lists? of\b", re.IGNORECASE)
_OF_A_FRAME = frozenset(
    re.findall(
        r"[a-z]+",
        """
    answer answers blank blanks bullet complete content contents detail detailed details do each empty entries entry
    every everything expand explain fill filled finish follow four five generate give heading help helpful image in
    instruction instructions item items list listed lists long missing name named number numbered numbers one paragraph
    paragraphs photo picture point points produce provide provided says sentence sentences show showing shown shows
    step steps task tasks text three title two write written
        """,
    )
)
"""Words about a list and its items, of which a question that names nothing of its own is made."""
_ENDS = ".?!:;, \n"
_PICTURE = r"(?:image|picture|photo|photograph|screenshot|sign|paper|page|note|document|figure)"
_WRITING = (
    r"(?:text|words?|writing|list|steps?|instructions?|recipe|method|plan|points?|items?|title|heading|contents?)"
)
_REFERENCE = re.compile(
    rf"\bdo (?:this|that|it|these|so)\b(?: (?:in|on|from) (?:this|the) {_PICTURE})?"
    rf"|\b(?:the|this|that|these|those|all|each of the|every one of the)(?: \w+)? {_WRITING}"
    rf"(?: (?:is |are )?(?:\w+ )?(?:in|on|from|of|above|below)(?: (?:this|the|my) {_PICTURE})?)?"
    rf"|\b(?:what is|what's) (?:written|shown|said|described) (?:here|there|(?:in|on) (?:this|the) {_PICTURE})"
    rf"|\b(?:this|the|that) {_PICTURE}\b"
    r"|\b(?:this|that|these|those|it)\b",
    re.IGNORECASE,
)
_ASKS_TO_READ = re.compile(
    r"\b(?:what (?:does|do|did) .{0,60}\bsays?\b|what(?: is|'s| was) (?:written|the text|the title)|read|transcribe"
    r"|translate|what (?:text|words?|language|font)\b)",
    re.IGNORECASE,
)
_ASKS_FOR_MORE = re.compile(
    r"\b(?:complete|fill|continue|finish|expand|elaborate|detail(?:ed|s)?|follow|carry out|do|make|build|get|use|help"
    r"|how|explain|instructions?|steps?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a judged text: characters ``start`` to ``end`` of it come from the question, from character
    ``question_at`` on, or from a line in a picture."""

    start: int
    end: int
    question_at: int = 0
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A text made of the question and of lines in pictures, with where each stretch of it comes from."""

    text: str
    pieces: tuple[Piece, ...]
    quoted: bool = False

    def placed(self, verdict: Verdict) -> Verdict:
        """The verdict with spans that index into the question alone, and a region for every line that it marks.

        Where nothing that it marks was read in a picture, all lines are marked: it would not stand without them.
        """
        spans: list[Span] = []
        regions: list[Region] = []
        for span in verdict.spans:
            for piece in self.pieces:
                start, end = max(span.start, piece.start), min(span.end, piece.end)
                if start >= end:
                    continue
                if piece.region is not None:
                    regions.append(piece.region)
                else:
                    shift = piece.question_at - piece.start
                    spans.append(Span(part="question", start=start + shift, end=end + shift))
        if not regions and verdict.action != "allow":
            regions = [piece.region for piece in self.pieces if piece.region is not None]
        marked = dict.fromkeys((*regions[:MARKED], *verdict.regions))
        return verdict.model_copy(update={"spans": tuple(dict.fromkeys(spans)), "regions": tuple(marked)})


def judge_with_pictures(turn: Turn, judge: Callable[[Subject], list[Verdict]]) -> list[Verdict]:
    """Judge a question, what is written in its pictures, and both together.

    Args:
        turn: with the readings of its pictures.
        judge: applies the rules to one text.

    Returns:
        What the rules say about the question, and then what they say only because of the pictures: for each rule the
        strongest verdict.
    """
    verdicts = judge(Subject(turn=turn, part="question", text=turn.question.text))
    strongest = {_rule(each): ACTIONS.index(each.action) for each in verdicts}
    for joined in texts_of(turn):
        for verdict in judge(Subject(turn=turn, part="question", text=joined.text, quoted=joined.quoted)):
            strength = ACTIONS.index(verdict.action)
            if strength > strongest.get(_rule(verdict), -1):
                strongest[_rule(verdict)] = strength
                verdicts.append(joined.placed(verdict))
    return verdicts


def texts_of(turn: Turn) -> list[Joined]:
    """What there is to judge besides the question: each picture's text alone, and all of them with the question.

    A question that only asks to have the text read is not joined with it: it asks for nothing that the text names.
    The text is then marked as quoted, which rules against attacks on the assistant let pass: nobody says it.
    """
    pictures = [
        [
            (each.text, each.region.model_copy(update={"image": number, "text": each.text}))
            for each in (image.reading.texts if image.reading else ())
        ]
        for number, image in enumerate(turn.images)
    ]
    lines = [line for picture in pictures for line in picture]
    if not lines:
        return []
    texts = [_join([], picture, []) for picture in pictures if picture]
    question = turn.question.text
    if len(pictures) > 1 and len(texts) > 1:
        texts.append(_join([], lines, []))
    telling = [(text, region) for text, region in lines if not _NUMBER_ALONE.fullmatch(text)]
    only_read = _ASKS_TO_READ.search(question) and not _ASKS_FOR_MORE.search(question)
    if only_read:
        return [replace(each, quoted=True) for each in texts]
    if not question or not telling:
        return texts
    heading, is_list = _HEADING.match(telling[0][0]), _LIST.match(telling[0][0])
    if heading:
        first = (telling[0][0][heading.end() :], telling[0][1])
        texts.append(_join([("How do I ", None)], [first, *telling[1:]], []))
    elif is_list:
        texts.append(_join([("Give me ", None)], telling, []))
    if (heading or is_list) and _OF_A_FRAME.issuperset(own_words(question)):
        return texts  # What is asked for stands in the picture alone; the frame would only blur it.
    bare = question.rstrip(_ENDS)
    if bare:
        texts.append(_join([(bare, 0), (": ", None)], telling, []))
    reference = _REFERENCE.search(bare)
    if reference:
        before, after = bare[: reference.start()], bare[reference.end() :]
        texts.append(_join([(before, 0)], telling, [(after, reference.end())]))
    return texts


def _join(
    before: Sequence[tuple[str, int | None]],
    lines: Sequence[tuple[str, Region]],
    after: Sequence[tuple[str, int | None]],
) -> Joined:
    """Lines between stretches of the question; a stretch without a place is glue.

    Where there is a question, a heading's full stop and a list's numbers go: they would cut one request in two.
    """
    text = ""
    pieces: list[Piece] = []
    for stretch, at in before:
        if at is not None and stretch:
            pieces.append(Piece(len(text), len(text) + len(stretch), question_at=at))
        text += stretch
    for number, (line, region) in enumerate(lines):
        shown = _shown(line) if before else line
        gap = "" if number == 0 else " " if before else "\n"
        pieces.append(Piece(len(text) + len(gap), len(text) + len(gap) + len(shown), region=region))
        text += gap + shown
    for stretch, at in after:
        if at is not None and stretch:
            pieces.append(Piece(len(text), len(text) + len(stretch), question_at=at))
        text += stretch
    return Joined(text, tuple(piece for piece in pieces if piece.end > piece.start))


def _shown(line: str) -> str:
    numbering = _NUMBERING.match(line)
    return line[numbering.end() if numbering else 0 :].rstrip(_ENDS)


def _rule(verdict: Verdict) -> tuple[str, str]:
    return (verdict.rule.pack, verdict.rule.id) if verdict.rule else ("", "")
