"""The evaluator ``lexical``: intentions as groups of words that stand close together. It explains itself: every point
of its score is a marked word.

The options of a rule are data:

    words:                                   # groups of terms; "@name" is one that this plugin brings
      make: [make, build, recipe]
      explosive: [bomb, dynamite, nail bomb]
    patterns:
      - {all_of: [make, explosive], within: 8, unless: ["@learning"]}
      - {any_of: [how to blow up a building], score: 0.9}
    unless: ["@prevention"]                  # for every pattern

A term is one word or several; each word also stands for its simple inflections (make, makes, made, making), and with
"=" in front, or "'s" at the end, only for itself. Nothing of a pack becomes a regular expression, and the effort is
linear in the text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.evaluators import Cost, Finding, Subject
from assistant.verdicts import Span
from assistant_safety.decoding import Decoded, readings
from assistant_safety.inflection import forms_of
from assistant_safety.reading import Reading, read, words_of

Place = tuple[int, int]
"""First and last word number, both inclusive."""

_REMEMBERED = 4
"""How many of the latest places of a group are tried, where the last one shares words with another group's."""


class Pattern(BaseModel):
    """One thing to look for: a phrase out of ``any_of``, or a word of every group in ``all_of``.

    ``within``: from the first to the last of these words, counted in words, inside one sentence, or with ``across``
    in several ("My boss won't pay me. What can I do?"). ``ordered``: the groups come in the order given. ``unless``:
    groups; one of their words in the same sentence takes the find back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    within: int = Field(default=10, ge=1, le=200)
    across: bool = False
    ordered: bool = False
    unless: tuple[str, ...] = ()
    score: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.all_of) == bool(self.any_of):
            raise ValueError("expected either all_of (names of groups) or any_of (phrases), and not both")
        return self


class LexicalOptions(BaseModel):
    """What a rule may tell this evaluator."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    patterns: tuple[Pattern, ...] = Field(min_length=1)
    unless: tuple[str, ...] = ()
    unless_anywhere: bool = False
    """A word of ``unless`` takes back the whole text, not only the sentence that it stands in."""


@cache
def shared_groups() -> Mapping[str, tuple[str, ...]]:
    """The groups that every pack may use with an "@" in front of the name."""
    text = resources.files("assistant_safety").joinpath("word_groups.yaml").read_text(encoding="utf-8")
    return {name: tuple(terms) for name, terms in yaml.safe_load(text).items()}


class Group:
    """Terms, ready to be found."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._by_first: dict[str, list[tuple[frozenset[str], ...]]] = {}
        for term in terms:
            words = _words(term)
            for form in words[0]:
                self._by_first.setdefault(form, []).append(words[1:])
        self.first = frozenset(self._by_first)
        """Every form of the first words."""

    def find(self, reading: Reading) -> list[Place]:
        """Every place where a term stands, sorted."""
        found = reading.groups.get(self)
        if found is None:
            found = reading.groups[self] = self._look(reading)
        return found

    def _look(self, reading: Reading) -> list[Place]:
        if self.first.isdisjoint(reading.places) and self.first.isdisjoint(reading.inside):
            return []
        places: set[Place] = set()
        for form in reading.places.keys() & self.first:
            for first, last in reading.places[form]:
                for rest in self._by_first[form]:
                    end: int | None = last
                    for forms in rest:
                        end = reading.follow(forms, end + 1)
                        if end is None:
                            break
                    if end is not None:
                        places.add((first, end))
        for form in self.first.intersection(reading.inside):
            if () in self._by_first[form]:
                places.update(reading.inside[form])
        return sorted(places)


@lru_cache(maxsize=1 << 15)
def _words(term: str) -> tuple[frozenset[str], ...]:
    """The words of a term as a text would be read, each with its forms: "ex-wife's" is two."""
    forms: list[frozenset[str]] = []
    for piece in term.split():
        exact = piece.startswith("=")
        forms.extend(frozenset({word}) if exact else forms_of(word) for word in words_of(piece))
    return tuple(forms)


@dataclass(frozen=True)
class _Compiled:
    options: LexicalOptions
    groups: dict[str, Group]
    phrases: tuple[Group, ...]
    """One for each pattern; empty where it uses groups."""
    signs: frozenset[str]
    """Words of which a text must hold one to get a score: of every pattern those of its smallest group."""

    @cached_property
    def free(self) -> dict[int, tuple[frozenset[str], ...]]:
        """By the number of a pattern, the terms of each of its groups that its ``unless`` does not take back; without
        those patterns of which that leaves a group empty, for they never count."""
        found: dict[int, tuple[frozenset[str], ...]] = {}
        for number, pattern in enumerate(self.options.patterns):
            excused = _terms_of((*self.options.unless, *pattern.unless), self.options)
            groups = (pattern.any_of,) if pattern.any_of else tuple(_own(name, self.options) for name in pattern.all_of)
            free = tuple(frozenset(group) - excused for group in groups)
            if all(free):
                found[number] = free
        return found


def _compile(options: Mapping[str, Any]) -> _Compiled:
    try:
        checked = LexicalOptions.model_validate(dict(options))
    except ValidationError as error:
        problems = [
            f"option {'.'.join(map(str, problem['loc'])) or '(all)'}: {problem['msg']}; came {problem['input']!r:.80}"
            for problem in error.errors()
        ]
        raise ValueError("; ".join(problems)) from error
    shared = shared_groups()
    known: dict[str, tuple[str, ...]] = {**checked.words, **{f"@{name}": terms for name, terms in shared.items()}}
    for name, terms in checked.words.items():
        if name.startswith("@"):
            raise ValueError(f"option words.{name}: a name must not start with '@'")
        for term in terms:
            if not _words(term):
                raise ValueError(f"option words.{name}: expected words; came {term!r}")
    used = {name for pattern in checked.patterns for name in (*pattern.all_of, *pattern.unless)}
    used.update(checked.unless)
    for name in sorted(used):
        if name not in known:
            raise ValueError(f"group {name!r} is used and not defined; defined are {', '.join(sorted(known))}")
    unused = checked.words.keys() - used
    if unused:
        raise ValueError(f"option words: never used: {', '.join(sorted(unused))}")
    groups = {name: _shared(name[1:]) if name.startswith("@") else Group(known[name]) for name in used}
    phrases = tuple(Group(pattern.any_of) for pattern in checked.patterns)
    signs: frozenset[str] = frozenset()
    for pattern, own in zip(checked.patterns, phrases, strict=True):
        signs |= min((groups[name].first for name in pattern.all_of), key=len, default=own.first)
    return _Compiled(checked, groups, phrases, signs)


@cache
def _shared(name: str) -> Group:
    return Group(shared_groups()[name])


def _terms_of(names: Iterable[str], options: LexicalOptions) -> frozenset[str]:
    return frozenset(term for name in names for term in _own(name, options))


def _own(name: str, options: LexicalOptions) -> tuple[str, ...]:
    """The terms of a group: one of the rule's own, or a shared one."""
    return shared_groups()[name[1:]] if name.startswith("@") else options.words[name]


def _closest(found: list[list[Place]], reading: Reading, pattern: Pattern) -> list[tuple[Place, ...]]:
    """Sets of places, one of each group, close enough and, unless ``across``, inside one sentence; in one walk over all
    places."""
    if not all(found):
        return []
    merged = sorted((place, which) for which, places in enumerate(found) for place in places)
    latest: list[deque[tuple[Place, ...]]] = [deque(maxlen=_REMEMBERED) for _ in found]
    matches: list[tuple[Place, ...]] = []
    for place, which in merged:
        if pattern.ordered:
            chain = _before(latest[which - 1], place) if which else ()
            if chain is None:
                continue
            chain = (*chain, place)
            latest[which].append(chain)
            if which < len(found) - 1:
                continue
        else:
            latest[which].append((place,))
            chain = (place,)
            for other, others in enumerate(latest):
                step = None if other == which else _before(others, *chain)
                chain = (*chain, *step) if step else chain
            if len(chain) < len(found):
                continue
        first = min(step[0] for step in chain)
        last = max(step[1] for step in chain)
        near = reading.positions[last] - reading.positions[first] < pattern.within
        if near and (pattern.across or reading.sentences[first] == reading.sentences[last]):
            matches.append(chain)
    return matches


def _before(chains: Iterable[tuple[Place, ...]], *places: Place) -> tuple[Place, ...] | None:
    """The latest of some chains that shares no word with these places."""
    for chain in reversed(tuple(chains)):
        if all(one[1] < two[0] or two[1] < one[0] for one in chain for two in places):
            return chain
    return None


class LexicalEvaluator:
    """Finds intentions by groups of words. The score is 1 minus the chance that every found pattern is wrong:
    ``1 - (1 - s1)(1 - s2)...`` over the scores of the patterns that were found."""

    name = "lexical"
    cost: Cost = "light"

    def __init__(self) -> None:
        self._ready: dict[int, tuple[Mapping[str, Any], _Compiled]] = {}

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: names the option, what was expected and what came.
        """
        self._get(options)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look for the patterns of a rule in every reading of the text, encoded parts decoded too.

        Of several findings the one with the highest score counts; its spans mark the words that made the score.
        """
        compiled = self._get(options)
        found = (self._look(compiled, one, subject) for one in readings(subject.text))
        return max(filter(None, found), key=lambda finding: finding.score, default=None)

    def _look(self, compiled: _Compiled, decoded: Decoded, subject: Subject) -> Finding | None:
        reading = read(decoded.text)
        if compiled.signs.isdisjoint(reading.places) and compiled.signs.isdisjoint(reading.inside):
            return None
        groups, options = compiled.groups, compiled.options
        if options.unless_anywhere and any(groups[name].find(reading) for name in options.unless):
            return None
        doubt = 1.0
        marked: set[Place] = set()
        for pattern, phrases in zip(options.patterns, compiled.phrases, strict=True):
            if pattern.any_of:
                chains = [(place,) for place in phrases.find(reading)]
            elif all(groups[name].find(reading) for name in pattern.all_of):
                chains = _closest([groups[name].find(reading) for name in pattern.all_of], reading, pattern)
            else:
                continue
            if not chains:
                continue
            excused = {
                reading.sentences[first]
                for name in (*options.unless, *pattern.unless)
                for first, _ in groups[name].find(reading)
            }
            kept = [chain for chain in chains if not any(reading.sentences[place[0]] in excused for place in chain)]
            if kept:
                doubt *= 1 - pattern.score
                marked.update(place for chain in kept for place in chain)
        if not marked:
            return None
        places_in_text = (decoded.span(reading.starts[first], reading.ends[last]) for first, last in _joined(marked))
        spans = tuple(Span(part=subject.part, start=start, end=end) for start, end in dict.fromkeys(places_in_text))
        return Finding(score=round(1 - doubt, 6), spans=spans, detail=decoded.after)

    def highest_score(self, options: Mapping[str, Any]) -> float:
        """The score of a text with all patterns in it, but those that their own ``unless`` always takes back."""
        doubt = 1.0
        compiled = self._get(options)
        for number in compiled.free:
            doubt *= 1 - compiled.options.patterns[number].score
        return round(1 - doubt, 6)

    def signs(self, options: Mapping[str, Any]) -> frozenset[str]:
        """Words of which a text must hold one to get a score."""
        return self._get(options).signs

    def words(self, text: str) -> frozenset[str]:
        """The words of a text in every reading of it."""
        each = [read(one.text) for one in readings(text)]
        return frozenset().union(*(reading.places for reading in each), *(reading.inside for reading in each))

    def terms(self, options: Mapping[str, Any]) -> frozenset[str]:
        """The terms of the rule's own groups that make a score, and its phrases."""
        checked = self._get(options).options
        names = {name for pattern in checked.patterns for name in pattern.all_of if name in checked.words}
        own = {term for name in names for term in checked.words[name]}
        return frozenset(own.union(*(pattern.any_of for pattern in checked.patterns)))

    def examples(self, options: Mapping[str, Any], near: frozenset[str]) -> list[str]:
        """One text for each pattern: a term of every group, in order."""
        texts: list[str] = []
        for groups in self._get(options).free.values():
            chosen = [min(near & group or group, key=lambda term: (len(term), term)) for group in groups]
            texts.append(" ".join(term.replace("=", "") for term in chosen))
        return texts

    def _get(self, options: Mapping[str, Any]) -> _Compiled:
        # By identity, because a pack hands over the same object every time; keeping it keeps its id from being reused.
        kept = self._ready.get(id(options))
        if kept is not None and kept[0] is options:
            return kept[1]
        compiled = _compile(options)
        if len(self._ready) >= 1024:
            self._ready.clear()
        self._ready[id(options)] = (options, compiled)
        return compiled


def _joined(places: set[Place]) -> list[Place]:
    """Places that overlap or touch, as one."""
    joined: list[Place] = []
    for first, last in sorted(places):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
