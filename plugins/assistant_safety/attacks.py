"""The evaluators ``injection`` and ``jailbreak``: the signs of an attack on the rules, weighed together.

The score is a logistic sum over named signs, so a finding can say what it saw. The weights are data
(``attack_weights.json``) and were learned by ``models/training/safety_attacks.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from math import exp
from typing import Any

from assistant.evaluators import Cost, Finding, Subject
from assistant.verdicts import Span
from assistant_safety.attack_signs import AGAINST, EXTRA_SIGNS, WRAPPERS, Sign, gibberish_tail, signs_in
from assistant_safety.decoding import readings
from assistant_safety.folding import fold

WINDOW = 1_600
"""Characters that are judged together: what an attack says stands close together, and a long harmless text has many
signs far apart."""

STEP = 800
LONGEST_WHOLE = 2_400
"""A text of up to so many characters is judged as one."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text with its signs; their places are in the original text. ``after``: what was decoded first."""

    signs: tuple[Sign, ...]
    after: str

    @property
    def names(self) -> frozenset[str]:
        """The names of the signs."""
        return frozenset(sign.name for sign in self.signs)


@lru_cache(maxsize=16)
def windows_of(text: str) -> tuple[Window, ...]:
    """Every part of a text, in every reading, that shows a sign. Linear in the text; the last few are remembered."""
    found = readings(text)
    windows: list[Window] = []
    obeys: list[Sign] = []
    for reading in found:
        folded = fold(reading.text)
        for start, end in _windows(len(folded.text)):
            signs: list[Sign] = []
            for sign in signs_in(folded.text[start:end]):
                place = reading.span(*folded.span(start + sign.start, start + max(sign.end, sign.start + 1)))
                signs.append(Sign(sign.name, *place))
            names = {sign.name for sign in signs}
            if "names something dangerous" in names and not names.isdisjoint(WRAPPERS):
                first = next(sign for sign in signs if sign.name in WRAPPERS)
                signs.append(Sign("wraps something dangerous", first.start, first.end))
            if not reading.how:
                obeys += [sign for sign in signs if sign.name == "asks to decode and obey"]
            elif obeys:
                signs.append(Sign("was hidden in an encoding", obeys[0].start, obeys[0].end))
            if signs:
                windows.append(Window(tuple(signs), reading.after))
        if obeys and reading.how and not windows[-1:]:
            windows.append(Window((Sign("was hidden in an encoding", obeys[0].start, obeys[0].end),), reading.after))
    tail = gibberish_tail(text)
    if tail:
        windows.append(Window((Sign("ends in gibberish", *tail),), ""))
    return tuple(windows)


def _windows(length: int) -> Iterator[tuple[int, int]]:
    if length <= LONGEST_WHOLE:
        yield 0, length
        return
    for start in range(0, length - STEP, STEP):
        yield start, min(length, start + WINDOW)


@cache
def weights(of: str) -> tuple[float, Mapping[str, float]]:
    """The bias and the weight of every sign for one evaluator."""
    text = resources.files("assistant_safety").joinpath("attack_weights.json").read_text(encoding="utf-8")
    one = json.loads(text)[of]
    return one["bias"], one["signs"]


def score_of(names: frozenset[str], of: str, looks: int = 1) -> float:
    """The logistic score of a set of signs, in (0, 1).

    ``looks`` is how many windows the text has: who looks often sees signs by chance, so the odds are divided by it
    (Bonferroni's correction).
    """
    bias, signs = weights(of)
    return 1 / (1 + looks * exp(-bias - sum(signs.get(name, 0.0) for name in names)))


class _AttackEvaluator:
    """Looks at every window and reports the one with the highest score; its signs are marked and named."""

    name: str
    cost: Cost = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule: there are none.

        Raises:
            ValueError: an option was given.
        """
        if options:
            raise ValueError(f"option {next(iter(options))!r}: expected no options")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Weigh the signs of the text; ``None`` where it shows none that speaks for an attack, or is only read out."""
        if subject.quoted:
            return None
        best: tuple[float, Window] | None = None
        looks = sum(1 for _ in _windows(len(subject.text)))
        for window in windows_of(subject.text):
            score = score_of(window.names, self.name, looks)
            if best is None or score > best[0]:
                best = score, window
        if best is None:
            return None
        score, window = best
        _, known = weights(self.name)
        speaking = sorted((s for s in window.signs if known.get(s.name, 0) > 0), key=lambda s: -known[s.name])
        if not speaking:
            return None
        said = "; ".join(sign.name for sign in speaking[:4])
        spans = dict.fromkeys(Span(part=subject.part, start=sign.start, end=sign.end) for sign in speaking[:4])
        after = f" ({window.after})" if window.after else ""
        return Finding(score=round(score, 4), spans=tuple(spans), detail=f"The text {said}{after}.")


class InjectionEvaluator(_AttackEvaluator):
    """Direct prompt injections: "ignore the above", fake role markers, asking for the hidden prompt."""

    name = "injection"


class JailbreakEvaluator(_AttackEvaluator):
    """Wrappings that switch the rules off: modes, personas without rules, agreeing starts, forbidden refusals."""

    name = "jailbreak"


__all__ = ["AGAINST", "EXTRA_SIGNS", "InjectionEvaluator", "JailbreakEvaluator", "score_of", "weights", "windows_of"]
