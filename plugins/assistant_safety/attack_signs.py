"""The signs of an attack on the assistant's rules: what injections and jailbreaks say, each sign with a name.

Every sign is a pattern over the folded text (`assistant_safety.folding`), with bounded gaps, so that the effort is
linear. A sign is evidence, never a verdict: ``assistant_safety.attacks`` weighs them together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from assistant_safety.patterns import read_patterns

SIGNS = read_patterns("attack_signs.yaml", "signs")
_GATES = read_patterns("attack_signs.yaml", "gates")
"""Every sign of ``attack_signs.yaml`` by its name. The names read on after "The text ..."."""

EXTRA_SIGNS = (
    "plants a dialogue with many answers",
    "ends in gibberish",
    "was hidden in an encoding",
    "wraps something dangerous",
    "quotes such words",
)
"""Signs that are counted and not matched."""

AGAINST = (
    "asks a question about it",
    "quotes such words",
    "is about security",
    "is about code or files",
    "is about people's own dealings",
    "is about a story or a game",
)
"""Signs of a harmless text: their weights are never above 0."""

WRAPPERS = frozenset(
    {
        "says that there are no rules",
        "forbids refusing",
        "demands an answer to everything",
        "says that law and ethics do not count",
        "prescribes an agreeing start",
        "forbids the words of a refusal",
        "forbids leaving the role",
        "threatens the assistant",
        "names a mode without rules",
        "wants real instructions inside a story",
        "asks for a bedtime recipe",
        "asks for the opposite",
        "plants a dialogue with many answers",
    }
)
"""Signs of a wrapping, which weigh more where something dangerous is named too."""

_SPEAKER = re.compile(
    r"(?:^|\n)\s{0,5}[#*<\[]{0,3}(?:user|human|question|q|me|person|customer|prompt)[\]>*]{0,3}\s?:.{1,2000}?"
    r"\n\s{0,5}[#*<\[]{0,3}(?:assistant|ai|bot|answer|a|gpt|chatgpt|model|response)[\]>*]{0,3}\s?:"
)
_MANY = 4
_PLACES_TRIED = 4
_QUOTATION = re.compile(r"[\"“][^\"“”\n]{3,200}[\"”]|(?<!\w)['‘][^'‘’\n]{3,200}['’](?!\w)")
_TOKEN = re.compile(r"\S+")
_ODD = re.compile(
    r"[A-Za-z.]+[\](){}\\\"*]+[A-Za-z]|\\[!\"\-]|[\](){}]{2,}\S|[a-z][A-Z][a-z]+\w*[A-Z]?|\w[!?.]{1,3}\w+[\](){}\"\\]"
    r"|\*\*\w|\w\*\*|^[\])}\"\\|=+~^]+\w+|[a-z]+\"[a-z]"
)
_TAIL = 24
_ODD_SHARE = 0.25
_LEAST_ODD = 5


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign that was seen, at characters ``start`` to ``end`` of the folded text."""

    name: str
    start: int
    end: int


def signs_in(text: str) -> list[Sign]:
    """Every sign of a folded text, each once, at its first place. Ordinary text costs one search.

    A sign inside a quotation that is spoken about ("what does "ignore the above" do?") is none; in its place stands
    "quotes such words".
    """
    if not _GATES["triggers"].search(text):
        return []
    asks = bool(SIGNS["asks a question about it"].search(text))
    quoted = _spoken_about(text, asks)
    found: list[Sign] = []
    hidden: list[Sign] = []
    for name, pattern in SIGNS.items():
        for match in islice(pattern.finditer(text), _PLACES_TRIED if quoted else 1):
            sign = Sign(name, *match.span())
            inside = name not in AGAINST and any(start - 1 <= sign.start and sign.end <= end for start, end in quoted)
            if not inside:
                found.append(sign)
                break
            hidden.append(sign)
    if hidden:
        found.append(Sign("quotes such words", hidden[0].start, hidden[0].end))
    answered = list(islice(_SPEAKER.finditer(text), _MANY))
    if len(answered) == _MANY:
        found.append(Sign("plants a dialogue with many answers", answered[0].start(), answered[-1].end()))
    return found


def _spoken_about(text: str, asks: bool) -> list[tuple[int, int]]:
    """Quotations that follow a word such as "says" or "the phrase"; all of them where the text is a question."""
    return [
        match.span()
        for match in _QUOTATION.finditer(text)
        if asks or _GATES["mentions"].search(text, max(0, match.start() - 60), match.start())
    ]


def gibberish_tail(text: str) -> tuple[int, int] | None:
    """Where a text ends in machine-made gibberish (Zou et al., 2023: arXiv:2307.15043), by the form of its tokens.

    Of the last 24 words at least a quarter, and at least five, must be what no writer types: brackets and quotation
    marks inside words, words glued together. ``text`` is not folded: capitals inside words count.

    Returns:
        The place, or ``None``; also ``None`` for a text of several lines that end like program text.
    """
    tail_start = max(0, len(text) - 1_200)
    tokens = list(_TOKEN.finditer(text, tail_start))[-_TAIL:]
    odd = [token for token in tokens if len(token.group()) < 60 and _ODD.search(token.group())]
    if len(odd) < _LEAST_ODD or len(odd) < _ODD_SHARE * len(tokens):
        return None
    tail = text[odd[0].start() :]
    balanced = (
        tail.count("(") == tail.count(")") and tail.count("[") == tail.count("]") and tail.count("{") == tail.count("}")
    )
    code = balanced or any(line.rstrip().endswith((";", "{", "}", "):", ",")) for line in tail.split("\n")[:-1])
    return None if code else (odd[0].start(), len(text))
