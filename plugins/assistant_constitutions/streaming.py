"""While an answer is written, look at what is new in it, and not at all of it again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from assistant.evaluators import Subject
from assistant.verdicts import Verdict

LOOK_BACK = 400
"""Characters that have been shown and are looked at again with each new segment, up to the start of their sentence."""
LONGEST = 1_200
"""The most of them, where a sentence does not end."""

_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++(?=\s)|\n\s*\n")


def judge_what_is_new(subject: Subject, judge: Callable[[Subject], list[Verdict]]) -> list[Verdict]:
    """Judge an answer that may still be going on.

    What decides is always said about all of it: a rule that holds against the last sentences is asked again about the
    whole, where an exception may stand further up. So no answer is refused that would not be, and the effort for a
    segment does not grow with the answer. A phrase of up to `assistant.release.HOLD_BACK` characters is found before it
    is shown; what stands too far apart to be seen at once is found at the end, when the whole is judged.

    Args:
        subject: the answer so far.
        judge: applies the rules to a text.

    Returns:
        The verdicts; those that only allow may come from the last sentences.
    """
    start = 0 if subject.whole else window_start(subject.text, subject.shown)
    if start == 0:
        return judge(subject)
    found = judge(replace(subject, text=subject.text[start:], shown=subject.shown - start))
    if any(verdict.action != "allow" for verdict in found):
        return judge(subject)
    return found


def window_start(text: str, shown: int) -> int:
    """Where the part of a text begins that is looked at: the start of a sentence, where one is near enough."""
    if shown <= LOOK_BACK:
        return 0
    earliest = max(0, shown - LONGEST)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, earliest, shown - LOOK_BACK)]
    if ends:
        return ends[-1]
    return 0 if earliest == 0 else text.find(" ", earliest, shown - LOOK_BACK) + 1 or earliest
