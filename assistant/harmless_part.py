"""Of a refused question, the part that may be answered by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from assistant.verdicts import Span

FEWEST_WORDS = 3
"""A shorter part is no question by itself."""

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*[\"'”’)]*")
_PICTURE = r"(?:picture|image|photo|photograph|screenshot|drawing|page|sign)s?"
_REFERS = re.compile(
    rf"\b(?:it|its|them|they|one|ones|such|same|instead|so)\b|\b(?:this|that|these|those)\b(?!(?: \w+)? {_PICTURE}\b)",
    re.IGNORECASE,
)


def harmless_part(text: str, spans: Sequence[Span], passes: Callable[[str], bool]) -> str:
    """The sentences of a question in which a rule marked nothing, if they make sense and may be asked without the rest.

    Args:
        text: the question.
        spans: what the rule marked in it.
        passes: whether a text passes every rule on questions.

    Returns:
        The part; empty where nothing was marked, nothing is left, what is left is short or points at something that was
        said elsewhere, or it does not pass.
    """
    sentences = [match.group() for match in _SENTENCE.finditer(text) if match.group().strip()]
    kept = [
        match.group().strip()
        for match in _SENTENCE.finditer(text)
        if match.group().strip() and not any(span.start < match.end() and span.end > match.start() for span in spans)
    ]
    rest = " ".join(kept)
    if not spans or len(kept) == len(sentences) or len(rest.split()) < FEWEST_WORDS or _REFERS.search(rest):
        return ""
    return rest if passes(rest) else ""
