"""Rules that pull a request in opposite directions: found by texts that show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from assistant.evaluators import Evaluator, Inspectable
from assistant.packs import PackProblem
from assistant.verdicts import Verdict
from assistant_constitutions.engine import holds_against, judge, subject_of
from assistant_constitutions.loader import ALWAYS_ON
from assistant_constitutions.pack import Pack, Principle, TestCase

MAX_PAIRS = 2_000
"""So many pairs of rules are tried for a text that both hold against."""
COMMON = 16
"""A term that more stopping rules name than this is no sign that two rules are about the same."""
STOPS = ("refuse", "ask")
Named = tuple[Pack, Principle]


def contradictions(
    packs: Sequence[Pack], others: Sequence[Pack], evaluators: Mapping[str, Evaluator]
) -> Iterator[PackProblem]:
    """Where a pack says that a text may be answered, and a rule of another pack stops it.

    The witness is a test case of the one pack, decided by the other. It is an error until somebody has written down
    which is meant: a ``precedence`` that differs, or an exception to the other's rule (``overrides``). Where a pack
    stops what one that is always on answers, it tightens that one, as every pack may: a note, one for each pair of
    rules.
    """
    everywhere = [*packs, *others]
    own = {pack.id for pack in packs}
    stops = _Stops(everywhere, evaluators)
    noted: set[tuple[str, ...]] = set()
    for pack in everywhere:
        for case in pack.tests:
            if case.expect in STOPS:
                continue
            against = [
                each for each in stops.near(case.text) if each.id != pack.id and (pack.id in own or each.id in own)
            ]
            for problem in _stopped(pack, case, against, evaluators) if against else ():
                if problem.level == "note" and problem.rules in noted:
                    continue
                noted.add(problem.rules)
                yield problem


class _Stops:
    """The rules that stop a turn, by the words without which they cannot hold."""

    def __init__(self, packs: Sequence[Pack], evaluators: Mapping[str, Evaluator]) -> None:
        self._by_word: dict[str, list[Named]] = defaultdict(list)
        self._always: list[Named] = []
        inspectable = _inspectable(evaluators)
        self._readers = list(inspectable.values())
        for pack in packs:
            for principle in pack.principles:
                if principle.action not in STOPS:
                    continue
                rest = tuple(use for use in principle.evaluators if use.name not in inspectable)
                if rest:
                    self._always.append((pack, principle.model_copy(update={"evaluators": rest})))
                signs = (
                    inspectable[use.name].signs(use.options) for use in principle.evaluators if use.name in inspectable
                )
                for word in frozenset[str]().union(*signs):
                    self._by_word[word].append((pack, principle))

    def near(self, text: str) -> list[Pack]:
        """The packs, each with only those rules, and of a rule those evaluators, that may find something in a text."""
        found: dict[str, tuple[Pack, dict[str, Principle]]] = {}
        words = frozenset[str]().union(*(reader.words(text) for reader in self._readers))
        for pack, principle in (*self._always, *(each for word in words for each in self._by_word.get(word, ()))):
            found.setdefault(pack.id, (pack, {}))[1][principle.id] = principle
        return [
            pack.model_copy(update={"principles": tuple(rules[name] for name in sorted(rules))})
            for pack, rules in found.values()
        ]


def _stopped(
    pack: Pack, case: TestCase, against: Sequence[Pack], evaluators: Mapping[str, Evaluator]
) -> Iterator[PackProblem]:
    for verdict in _verdicts(case, against, evaluators):
        # A case for an exception, named after the other's rule, is no contradiction: it is what the exception is for.
        if not verdict.blocks or verdict.rule is None or verdict.rule.id == case.rule:
            continue
        other = next(each for each in against if each.id == verdict.rule.pack)
        rules = (f"{pack.id}:{case.rule}", f"{other.id}:{verdict.rule.id}")
        said = "answers" if case.expect == "allow" else f"answers (with {case.expect})"
        if pack.id in ALWAYS_ON:
            message = (
                f"{rules[1]} would {verdict.action} what {rules[0]} {said}: “{case.text}”. "
                f"{other.id} tightens {pack.id}, and decides."
            )
            yield PackProblem(level="note", code="tightening", rules=rules, message=message, witness=case.text)
            continue
        message = f"{rules[0]} {said} what {rules[1]} would {verdict.action}: “{case.text}”."
        if any(override.rule == verdict.rule.id for override in pack.overrides):
            settled = f" {pack.id} asks for an exception; without a grant, {other.id} decides."
        elif pack.precedence != other.precedence:
            settled = f" The precedences differ, so somebody meant it; {other.id} decides, being stricter."
        else:
            settled = ""
        hint = " Write down which is meant: a `precedence`, or an exception in `overrides`."
        yield PackProblem(
            level="warning" if settled else "error",
            code="contradiction",
            rules=rules,
            message=message + (settled or hint),
            witness=case.text,
        )


def _verdicts(case: TestCase, packs: Sequence[Pack], evaluators: Mapping[str, Evaluator]) -> list[Verdict]:
    subject, places = subject_of(case.text, case.role, image=case.image)
    return judge(packs, evaluators, subject, places)


def overlaps(
    packs: Sequence[Pack], others: Sequence[Pack], evaluators: Mapping[str, Evaluator]
) -> Iterator[PackProblem]:
    """Where one rule stops what a rule of another pack answers with a remark or a change.

    Pairs are found by the terms that both name; the witness is made of the terms of one, and both hold against it by
    their terms alone. That the stronger one decides is settled; whoever writes packs may want another border between
    the two, or writes with a ``precedence`` that differs that this one is meant.
    """
    own = {pack.id for pack in packs}
    inspectable = _inspectable(evaluators)
    stopping: dict[str, list[Named]] = defaultdict(list)
    remarking: list[tuple[Named, frozenset[str]]] = []
    for pack in (*packs, *others):
        for principle in pack.principles:
            if principle.action == "allow":
                continue
            terms = _terms(principle, inspectable)
            if principle.action not in STOPS:
                remarking.append(((pack, principle), terms))
                continue
            for term in terms:
                stopping[term].append((pack, principle))
    tried = 0
    for (pack, principle), terms in remarking:
        shared: dict[tuple[str, str], set[str]] = defaultdict(set)
        met: dict[tuple[str, str], Principle] = {}
        for term in terms:
            rules = stopping.get(term, ())
            for other_pack, other in rules if len(rules) <= COMMON else ():
                meet = not set(principle.applies_to).isdisjoint(other.applies_to)
                meant = other_pack.id == pack.id or other_pack.precedence != pack.precedence
                if meet and not meant and not own.isdisjoint((pack.id, other_pack.id)):
                    met[other_pack.id, other.id] = other
                    shared[other_pack.id, other.id].add(term)
        for (other_pack_id, _), other in sorted(met.items(), key=lambda each: each[0]):
            if tried == MAX_PAIRS:
                return
            tried += 1
            witness = _witness(principle, other, frozenset(shared[other_pack_id, other.id]), evaluators, inspectable)
            if witness:
                names = (f"{pack.id}:{principle.id}", f"{other_pack_id}:{other.id}")
                message = (
                    f"{names[0]} answers with {principle.action} what {names[1]} would {other.action}: “{witness}”. "
                    f"The stronger one decides: {other.action}."
                )
                yield PackProblem(level="warning", code="overlap", rules=names, message=message, witness=witness)


def _inspectable(evaluators: Mapping[str, Evaluator]) -> dict[str, Inspectable]:
    return {name: each for name, each in evaluators.items() if isinstance(each, Inspectable)}


def _terms(principle: Principle, inspectable: Mapping[str, Inspectable]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for use in principle.evaluators:
        if use.name in inspectable:
            found |= inspectable[use.name].terms(use.options)
    return found


def _examples(principle: Principle, near: frozenset[str], inspectable: Mapping[str, Inspectable]) -> list[str]:
    found: list[str] = []
    for use in principle.evaluators:
        if use.name in inspectable:
            found += inspectable[use.name].examples(use.options, near)
    return found


def _witness(
    one: Principle,
    other: Principle,
    shared: frozenset[str],
    evaluators: Mapping[str, Evaluator],
    inspectable: Mapping[str, Inspectable],
) -> str:
    """A text against which both rules hold; empty where none was found."""
    first, second = (
        [text for text in _examples(each, shared, inspectable) if any(term in text for term in shared)][:2]
        for each in (one, other)
    )
    for text in (*first, *second):
        subject, _ = subject_of(text, "user")
        if all(
            holds_against([use for use in each.evaluators if use.name in inspectable], evaluators, subject)
            and not any(holds_against(exception.evaluators, evaluators, subject) for exception in each.exceptions)
            for each in (one, other)
        ):
            return text
    return ""
