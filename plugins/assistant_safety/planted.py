"""The evaluator ``planted``: orders to the assistant inside a text that somebody gives it to work on.

An e-mail, a web page or a letter is read for the person who asks. What stands in it is no wish of that person, whoever
it speaks to (Greshake et al., 2023: arXiv:2302.12173). An instruction from one person to another ("please forward this
to Bob") is a part of any letter and no finding: what tells them apart is that the order names a machine, prescribes the
form of its answers, turns away from what was asked, speaks about the user in the third person, or has nothing to do
with the text around it. The patterns are in ``planted.yaml``, in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from assistant.evaluators import Cost, Finding, Subject
from assistant.verdicts import Span
from assistant_safety.decoding import readings
from assistant_safety.folding import fold
from assistant_safety.patterns import LONGEST_SENTENCE, SENTENCE, read_patterns, without_options

_SCORES = {
    "gives an order to a machine": 0.9,
    "turns away from what the person asked": 0.9,
    "poses as the system": 0.85,
    "speaks about the person behind its back": 0.8,
    "prescribes the form of the answer": 0.75,
    "asks for a text or a program": 0.65,
    "asks for something of its own": 0.6,
}
_ALONE = "asks for something of its own"
"""Counts only in a sentence that names nobody and nothing of the letter around it."""

_MATERIAL = (
    r"(?:e-?mails?|mails?|messages?|letters?|texts?|articles?|pages?|web ?sites?|posts?|threads?|reviews?|transcripts?"
    r"|contracts?|documents?|notes?|minutes|cv|resume|essays?|paragraphs?|passages?|reports?|readme|announcement"
    r"|syllabus|recipes?|offers?|comments?|abstracts?|newsletters?|tickets?|logs?|files?|chats?|conversations?)"
)
_REQUEST = re.compile(
    r"\b(?:summari[sz]e|summary|translate|proofread|shorten|paraphrase|rewrite|rephrase|extract|find|review|check|rate"
    r"|compare|classify|explain|read|answer|reply|respond|draft|list|give|put|make|tl;?dr|key points|what|which|who"
    rf"|when|where|why|how|is|does|do|can|could|please|here(?:'s| is)|{_MATERIAL})\b"
)
_GIVEN = re.compile(
    r"(?:^|\n|\|)\s{0,5}(?:subject|from|to|sent|cc|content|received date|email_from|text|context|article|document"
    r"|passage|body|message|transcript|e-?mail|review|input)\s?:"
    r"|\b(?:dear|hi|hello) [a-z. ]{1,30}[,!\n]|\b(?:kind |best |warm )?regards\b|\bunsubscribe\b"
    r"|\byours (?:sincerely|truly|faithfully)\b|```|\"\"\"|(?:^|\s)---|<(?:div|p|html|body|!--)"
    rf"|\b(?:this|the following|the|my|that|both|these|an?|what the) (?:\w+ )?{_MATERIAL}\b[^.?!\n]{{0,60}}[:.?\n]"
    r"|^[^.:\n]{0,60}\b(?:summari[sz]e|translate|proofread|shorten|paraphrase|extract|review|rewrite|explain|compare"
    r"|rate|tl;?dr|key points|from the text|the guests say|into plain words|give me)\b[^.\n]{0,60}[:.?\n]"
)
_FIRST_PART = re.compile(r"[^.?!:\n]{1,300}[.?!:\n]")
_OWN_END = re.compile(r"(?:\n\s{0,5}\n|--)[^\n]{1,200}\s*$")
"""A last paragraph of one line, or what stands behind dashes."""
_FEWEST_WORDS = 12
"""A shorter text gives the assistant nothing to work on."""


class PlantedEvaluator:
    """Finds orders to the assistant inside material. The score is that of the plainest sign; there are no options.

    The first part of a question, up to the first full stop, colon or line, is the person's own request, and so is a
    last paragraph after a blank line. The text in a picture is material from beginning to end.
    """

    name = "planted"
    cost: Cost = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule: there are none.

        Raises:
            ValueError: an option was given.
        """
        without_options(options)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at every sentence of the material, in every reading; ``None`` where there is none, or no order in it."""
        patterns = read_patterns("planted.yaml")
        in_picture = subject.text != subject.turn.question.text
        found: dict[str, list[Span]] = {}
        after = ""
        for reading in readings(subject.text):
            folded = fold(reading.text)
            for start, end in _sentences(folded.text, in_picture):
                if patterns["reported"].search(folded.text, start, end):
                    continue
                for name in _SCORES:
                    match = patterns[name].search(folded.text[start:end])
                    if match is None:
                        continue
                    if name == _ALONE and (found or patterns["between people"].search(folded.text, start, end)):
                        continue
                    first, last = reading.span(*folded.span(start + match.start(), start + match.end()))
                    found.setdefault(name, []).append(Span(part=subject.part, start=first, end=last))
                    after = after or reading.after
                    break
            if found:
                break
        if not found:
            return None
        return Finding(
            score=max(_SCORES[name] for name in found),
            spans=tuple(dict.fromkeys(span for spans in found.values() for span in spans)),
            detail=f"The text {'; '.join(found)}{f' ({after})' if after else ''}.",
        )


def _sentences(text: str, in_picture: bool) -> Iterator[tuple[int, int]]:
    """The sentences of the material in a folded text; none where nothing is given to work on."""
    start, end = 0, len(text)
    if not in_picture:
        if len(text.split(maxsplit=_FEWEST_WORDS)) <= _FEWEST_WORDS or not _GIVEN.search(text[:4_000]):
            return
        first = _FIRST_PART.match(text)
        if first and _REQUEST.search(first.group()):
            start = first.end()
        if own := _OWN_END.search(text, max(start, end - 400)):
            end = own.start()
    for sentence in SENTENCE.finditer(text, start, end):
        for at in range(sentence.start(), sentence.end(), LONGEST_SENTENCE):
            yield at, min(sentence.end(), at + LONGEST_SENTENCE)
