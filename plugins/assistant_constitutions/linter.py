"""What is wrong in packs and between them, before anybody meets it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.evaluators import Evaluator, Inspectable
from assistant.packs import PackProblem
from assistant_constitutions.contradicting import contradictions, overlaps
from assistant_constitutions.engine import evaluator_uses
from assistant_constitutions.pack import EvaluatorUse, Pack, Principle
from assistant_constitutions.regexes import catastrophe

_LEVELS = ("error", "warning", "note")
_SAME_TO_THE_EYE = {"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "2": "z", "_": "-"}
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def lint(packs: Sequence[Pack], others: Sequence[Pack], evaluators: Mapping[str, Evaluator]) -> list[PackProblem]:
    """Look for what is wrong.

    Args:
        packs: those to look at.
        others: those that are in force beside them.
        evaluators: by name.

    Returns:
        Errors, which keep a pack from being enabled, before warnings and notes; inside, by code and rules.
    """
    found: list[PackProblem] = []
    usable: list[Pack] = []
    for pack in packs:
        wrong = list(_evaluators(pack, evaluators))
        found += wrong
        usable += [] if any(each.level == "error" for each in wrong) else [pack]
        found += _rules(pack)
    found += _ids(packs, others)
    for pack in usable:
        found += _unreachable(pack, evaluators)
    found += contradictions(usable, others, evaluators)
    found += overlaps(usable, others, evaluators)
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda each: (_LEVELS.index(each.level), each.code, each.rules, each.message))


def look_alike(one: str, other: str) -> bool:
    """Whether two different ids of plain letters can be taken for each other: ``form`` and ``forrn``."""
    return one != other and skeleton(one) == skeleton(other)


def skeleton(text: str) -> str:
    """A text with everything that looks alike written alike."""
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return "".join(_SAME_TO_THE_EYE.get(letter, letter) for letter in text)


def _evaluators(pack: Pack, evaluators: Mapping[str, Evaluator]) -> Iterator[PackProblem]:
    seconds = {id(principle.second_look) for principle in pack.principles}
    for where, use in evaluator_uses(pack):
        rules = (f"{pack.id}:{where.split(', ')[0].rpartition(' ')[2]}",)
        place = f"Pack {pack.id}, {where}"
        for option, text in _expressions(use.options):
            problem = catastrophe(text)
            if problem:
                message = f"{place}: the regular expression in {option} {problem}: {text!r:.80}."
                yield PackProblem(level="error", code="regex", rules=rules, message=message)
        evaluator = evaluators.get(use.name)
        if evaluator is None:
            there = ", ".join(sorted(evaluators)) or "none"
            message = f"{place}: there is no evaluator {use.name!r}; there are: {there}."
            yield PackProblem(level="error", code="unknown-evaluator", rules=rules, message=message)
            continue
        try:
            evaluator.check_options(use.options)
        except ValueError as error:
            message = f"{place}: the evaluator {use.name!r} does not accept its options: {error}."
            yield PackProblem(level="error", code="options", rules=rules, message=message)
        if evaluator.cost == "heavy" and id(use) not in seconds:
            message = f"{place}: {use.name!r} runs a model; every question would wait for it. Use it as `second_look`."
            yield PackProblem(level="warning", code="heavy-evaluator", rules=rules, message=message)


def _rules(pack: Pack) -> Iterator[PackProblem]:
    held = {case.rule for case in pack.tests if case.expect != "allow"}
    let_pass = {case.rule for case in pack.tests if case.expect == "allow"}
    for principle in pack.principles:
        rules = (f"{pack.id}:{principle.id}",)
        place = f"Pack {pack.id}, principle {principle.id}"
        if principle.action == "allow":
            message = f"{place}: the action `allow` changes nothing."
            yield PackProblem(level="warning", code="unreachable", rules=rules, message=message)
        else:
            for there, what in ((held, f"where it must {principle.action}"), (let_pass, "that it must let pass")):
                if principle.id not in there:
                    message = f"{place}: expected a test case {what}; there is none."
                    yield PackProblem(level="error", code="untested", rules=rules, message=message)
        if principle.action in ("refuse", "ask") and not principle.instead.strip():
            message = f"{place}: expected `instead`, what is still possible; came nothing."
            yield PackProblem(level="error", code="no-instead", rules=rules, message=message)
        if principle.kind == "regulation" and not principle.references:
            message = f"{place}: of the kind regulation, and without `references`: which text does it follow?"
            yield PackProblem(level="warning", code="no-references", rules=rules, message=message)


def _ids(packs: Sequence[Pack], others: Sequence[Pack]) -> Iterator[PackProblem]:
    everywhere = [*packs, *others]
    own = {pack.id for pack in packs}
    by_skeleton: dict[str, set[tuple[str, str]]] = defaultdict(set)
    packs_by_skeleton: dict[str, set[str]] = defaultdict(set)
    for pack in everywhere:
        packs_by_skeleton[skeleton(pack.id)].add(pack.id)
        for principle in pack.principles:
            by_skeleton[skeleton(principle.id)].add((pack.id, principle.id))
    for alike in packs_by_skeleton.values():
        if len(alike) > 1 and not own.isdisjoint(alike):
            message = f"The packs {' and '.join(sorted(alike))} have ids that look alike."
            yield PackProblem(level="error", code="look-alike", rules=tuple(sorted(alike)), message=message)
    for entries in by_skeleton.values():
        if len(entries) < 2 or own.isdisjoint(pack for pack, _ in entries):
            continue
        rules = tuple(sorted(f"{pack}:{rule}" for pack, rule in entries))
        same = len({rule for _, rule in entries}) == 1
        what = "have the same id" if same else "have ids that look alike"
        yield PackProblem(
            level="error",
            code="duplicate-id" if same else "look-alike",
            rules=rules,
            message=f"The principles {' and '.join(rules)} {what}.",
        )


def _unreachable(pack: Pack, evaluators: Mapping[str, Evaluator]) -> Iterator[PackProblem]:
    for principle in pack.principles:
        rules = (f"{pack.id}:{principle.id}",)
        place = f"Pack {pack.id}, principle {principle.id}"
        if not any(_can_reach(use, principle, evaluators) for use in principle.evaluators):
            message = f"{place}: none of its evaluators can reach its threshold, so it never holds."
            yield PackProblem(level="error", code="unreachable", rules=rules, message=message)
        for exception in principle.exceptions:
            if exception.evaluators and all(
                any(_covers(other, use) for other in exception.evaluators) for use in principle.evaluators
            ):
                message = f"{place}: its exception “{exception.text}” applies whenever the rule would."
                yield PackProblem(level="error", code="unreachable", rules=rules, message=message)


def _can_reach(use: EvaluatorUse, principle: Principle, evaluators: Mapping[str, Evaluator]) -> bool:
    evaluator = evaluators[use.name]
    if not isinstance(evaluator, Inspectable):
        return True
    second = principle.second_look
    needed = use.threshold if second is None else min(use.threshold, second.unsure_from)
    return evaluator.highest_score(use.options) >= needed


def _covers(exception: EvaluatorUse, use: EvaluatorUse) -> bool:
    """Whether an exception holds wherever an evaluator of the rule does: it looks for the same, and asks for less."""
    return (exception.name, exception.options) == (use.name, use.options) and exception.threshold <= use.threshold


def _expressions(value: Any, name: str = "options", named: bool = False) -> Iterator[tuple[str, str]]:
    """Every text in some options that is meant as a regular expression, by the name of its option."""
    if isinstance(value, str):
        if named:
            yield name, value
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            is_one = any(word in str(key).lower() for word in ("regex", "regexp", "expression"))
            yield from _expressions(inside, f"{name}.{key}", named or is_one)
    elif isinstance(value, Sequence):
        for number, inside in enumerate(value):
            yield from _expressions(inside, f"{name}.{number}", named)
