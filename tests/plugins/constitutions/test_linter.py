"""The linter finds what is wrong in packs and between them, and names the rules."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from assistant import Finding, Subject
from assistant.evaluators import Evaluator
from assistant.packs import PackProblem
from assistant_constitutions import BUNDLED, Pack, load_bundled
from assistant_constitutions.linter import lint, look_alike
from assistant_constitutions.loader import parse_pack
from assistant_constitutions.pack import EvaluatorUse
from assistant_constitutions.regexes import catastrophe
from assistant_safety import register_evaluators

EVALUATORS: dict[str, Evaluator] = {evaluator.name: evaluator for evaluator in register_evaluators()}

PACK = """\
id: {id}
version: "1.0.0"
title: A pack
domain: test
licence: CC0-1.0
precedence: {precedence}
principles:
{principles}
{overrides}
tests:
{tests}
"""
PRINCIPLE = """\
  - id: {id}
    title: A rule
    text: A sentence.
    kind: {kind}
    applies_to: [input]
    action: {action}
    message: Mind.
    {instead}
    evaluators:
      - {{name: {evaluator}, threshold: {threshold}, options: {options}}}
"""


def rule(
    word: str = "purple",
    *,
    id: str = "one.rule",
    kind: str = "harm",
    action: str = "refuse",
    instead: str = "instead: Ask something else.",
    evaluator: str = "lexical",
    threshold: float = 0.5,
    options: str = "",
    more: str = "",
) -> str:
    options = options or f"{{patterns: [{{any_of: [{word}]}}]}}"
    text = PRINCIPLE.format(
        id=id, kind=kind, action=action, instead=instead, evaluator=evaluator, threshold=threshold, options=options
    )
    return text + more


def case(text: str, expect: str = "refuse", rule: str = "one.rule") -> str:
    return f'  - {{text: "{text}", expect: {expect}, rule: {rule}}}\n'


def pack(*rules: str, id: str = "one", precedence: int = 0, overrides: str = "", tests: str | None = None) -> Pack:
    tests = case("purple") + case("green", "allow") if tests is None else tests
    text = PACK.format(
        id=id, precedence=precedence, principles="".join(rules), overrides=overrides, tests=tests or "  []"
    )
    return parse_pack(text.encode(), name=f"{id}.yaml")


def found(*packs: Pack, others: tuple[Pack, ...] = (), evaluators: Mapping[str, Any] = EVALUATORS) -> list[PackProblem]:
    return lint(packs, others, evaluators)


def codes(problems: list[PackProblem]) -> set[tuple[str, str]]:
    return {(problem.level, problem.code) for problem in problems}


def test_a_good_pack_is_left_alone() -> None:
    assert found(pack(rule())) == []


@pytest.mark.parametrize(
    ("bad", "level", "code", "said"),
    [
        (rule(instead=""), "error", "no-instead", "expected `instead`"),
        (rule(kind="regulation"), "warning", "no-references", "without `references`"),
        (rule(action="allow"), "warning", "unreachable", "changes nothing"),
        (rule(evaluator="lexicall"), "error", "unknown-evaluator", "there are: "),
        (rule(options="{patterns: []}"), "error", "options", "does not accept its options"),
        (rule(threshold=0.95), "error", "unreachable", "none of its evaluators can reach its threshold"),
        (
            rule(options="{words: {a: [purple, mauve], b: [make]}, patterns: [{all_of: [a, b], unless: [a]}]}"),
            "error",
            "unreachable",
            "none of its evaluators can reach",
        ),
        (
            rule(
                more="    exceptions:\n      - text: Always.\n        evaluators:\n"
                "          - {name: lexical, threshold: 0.4, options: {patterns: [{any_of: [purple]}]}}\n"
            ),
            "error",
            "unreachable",
            "its exception “Always.” applies whenever",
        ),
    ],
)
def test_what_is_wrong_in_one_rule(bad: str, level: str, code: str, said: str) -> None:
    problems = found(pack(bad))
    assert (level, code) in codes(problems)
    (problem,) = [each for each in problems if each.code == code]
    assert said in problem.message
    assert problem.rules == ("one:one.rule",)


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (case("green", "allow"), "expected a test case where it must refuse"),
        (case("purple"), "expected a test case that it must let pass"),
        ("", "expected a test case"),
    ],
)
def test_a_rule_needs_a_case_on_both_sides(tests: str, said: str) -> None:
    problems = found(pack(rule(), tests=tests))
    assert codes(problems) == {("error", "untested")}
    assert said in problems[0].message


def test_a_second_look_makes_a_weak_sign_reachable() -> None:
    weak = "{patterns: [{any_of: [purple], score: 0.3}]}"
    second = "    second_look: {name: critic, from: 0.2}\n"
    evaluators = {**EVALUATORS, "critic": Heavy()}
    assert ("error", "unreachable") in codes(found(pack(rule(options=weak)), evaluators=evaluators))
    assert found(pack(rule(options=weak, more=second)), evaluators=evaluators) == []


class Heavy:
    name = "critic"
    cost = "heavy"

    def check_options(self, options: Mapping[str, Any]) -> None:
        pass

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        return None


def test_a_heavy_evaluator_belongs_into_the_second_look() -> None:
    problems = found(pack(rule(evaluator="critic", options="{x: 1}")), evaluators={**EVALUATORS, "critic": Heavy()})
    assert codes(problems) == {("warning", "heavy-evaluator")}


@pytest.mark.parametrize("option", ["regex", "regexes", "expression"])
def test_a_regular_expression_that_can_take_for_ever_is_found(option: str) -> None:
    bad = rule(evaluator="critic", options=f"{{{option}: ['(a+)+b']}}")
    problems = found(pack(bad), evaluators={**EVALUATORS, "critic": Heavy()})
    assert ("error", "regex") in codes(problems)


@pytest.mark.parametrize(
    "expression",
    ["(a+)+", "(a*)*b", "([a-z]+)*", "(?:a+|b)+c", "(ab|ac.*)+", "(.*a)+", "(", "a" * 3000, "(?:a{1,99}){20,}"],
)
def test_catastrophic_expressions(expression: str) -> None:
    assert catastrophe(expression)


@pytest.mark.parametrize("expression", ["a+b*", "(abc)+", r"\d{4}-\d{2}", "[a-z]+@[a-z]+", "(?:a{1,3}){2,4}"])
def test_harmless_expressions(expression: str) -> None:
    assert catastrophe(expression) == ""


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("form", "forrn", True),
        ("l0gin", "login", True),
        ("a_b", "a-b", True),
        ("core", "care", False),
        ("x", "x", False),
    ],
)
def test_ids_that_look_alike(one: str, other: str, alike: bool) -> None:
    assert look_alike(one, other) is alike


def test_the_same_id_in_two_packs_and_one_that_looks_like_another() -> None:
    tests = case("blue") + case("red", "allow")
    problems = found(pack(rule()), others=(pack(rule("blue"), id="two", tests=tests),))
    assert codes(problems) == {("error", "duplicate-id")}
    assert problems[0].rules == ("one:one.rule", "two:one.rule")
    alike = pack(rule("blue", id="one.ru1e"), id="two", tests=tests.replace("one.rule", "one.ru1e"))
    problems = found(pack(rule()), others=(alike,))
    assert codes(problems) == {("error", "look-alike")}
    assert problems[0].rules == ("one:one.rule", "two:one.ru1e")
    twin = pack(rule("blue", id="two.rule"), id="on_e", tests=tests.replace("one.rule", "two.rule"))
    problems = found(pack(rule("pink", id="three.rule"), id="on-e", tests=""), others=(twin,))
    assert ("on-e", "on_e") in [problem.rules for problem in problems if problem.code == "look-alike"]


def test_a_contradiction_has_a_witness_until_it_is_written_down() -> None:
    strict = pack(rule("purple paint", id="two.rule"), id="two", tests="")
    painters = pack(rule("purple wine"), tests=case("purple wine") + case("mix purple paint", "allow"))
    (problem,) = found(painters, others=(strict,))
    assert (problem.level, problem.code) == ("error", "contradiction")
    assert problem.rules == ("one:one.rule", "two:two.rule")
    assert problem.witness == "mix purple paint"
    assert "precedence" in problem.message
    written = pack(rule("purple wine"), precedence=5, tests=case("purple wine") + case("mix purple paint", "allow"))
    assert codes(found(written, others=(strict,))) == {("warning", "contradiction")}
    exception = (
        "overrides:\n  - rule: two.rule\n    because: Painters.\n"
        "    when: [{name: lexical, options: {patterns: [{any_of: [mix]}]}}]\n"
    )
    asked = pack(
        rule("purple wine"), overrides=exception, tests=case("purple wine") + case("mix purple paint", "allow")
    )
    assert codes(found(asked, others=(strict,))) == {("warning", "contradiction")}


def test_a_pack_may_tighten_the_core_and_a_note_says_where() -> None:
    allowed = case("mix purple paint", "allow") + case("more purple paint", "allow") + case("blue ink", "warn")
    core = pack(rule("purple wine"), id="core", tests=case("purple wine") + allowed)
    tests = case("purple paint", rule="two.rule") + case("red", "allow", "two.rule")
    strict = pack(rule("purple paint", id="two.rule"), id="two", tests=tests)
    (problem,) = found(strict, others=(core,))
    assert (problem.level, problem.code) == ("note", "tightening")
    assert problem.rules == ("core:one.rule", "two:two.rule")
    assert problem.witness == "mix purple paint"  # one for each pair of rules
    assert problem.message == (
        "two:two.rule would refuse what core:one.rule answers: “mix purple paint”. two tightens core, and decides."
    )
    assert found(core, others=(strict,)) == [problem]
    inky = pack(rule("ink", id="two.rule"), id="two", tests=tests.replace("purple paint", "ink"))
    (problem,) = found(inky, others=(core,))
    assert (problem.level, problem.witness) == ("note", "blue ink")


def test_no_pack_loosens_the_core_by_a_test_case() -> None:
    core = pack(rule("purple"), id="core")
    loose = pack(
        rule("wine", id="two.rule"),
        id="two",
        tests=case("wine", rule="two.rule") + case("purple paint", "allow", "two.rule"),
    )
    (problem,) = found(loose, others=(core,))
    assert (problem.level, problem.code) == ("error", "contradiction")
    assert problem.rules == ("two:two.rule", "core:one.rule")


def test_notes_come_after_what_is_wrong() -> None:
    core = pack(rule("purple wine"), id="core", tests=case("purple wine") + case("mix purple paint", "allow"))
    strict = pack(rule("purple paint", id="two.rule", kind="regulation", instead=""), id="two", tests="")
    assert [each.level for each in found(strict, others=(core,))] == ["error", "error", "error", "warning", "note"]


def test_the_contradiction_is_found_from_either_side() -> None:
    strict = pack(
        rule("purple paint", id="two.rule"),
        id="two",
        tests=case("purple paint", rule="two.rule") + case("red", "allow", "two.rule"),
    )
    painters = pack(rule("purple wine"), tests=case("purple wine") + case("mix purple paint", "allow"))
    assert [each.rules for each in found(strict, others=(painters,))] == [("one:one.rule", "two:two.rule")]


def test_an_overlap_that_no_test_shows_is_found_by_shared_terms() -> None:
    options = "{{words: {{a: [{verb}, brew], b: [potion, elixir]}}, patterns: [{{all_of: [a, b]}}]}}"
    stops = pack(
        rule(id="two.rule", options=options.format(verb="sell")),
        id="two",
        tests=case("sell a potion", rule="two.rule") + case("red", "allow", "two.rule"),
    )
    minds = pack(
        rule(action="disclaim", options=options.format(verb="drink")),
        tests=case("drink a potion", "disclaim") + case("green", "allow"),
    )
    (problem,) = found(minds, others=(stops,))
    assert (problem.level, problem.code) == ("warning", "overlap")
    assert problem.rules == ("one:one.rule", "two:two.rule")
    assert "brew" in problem.witness
    assert found(minds.model_copy(update={"precedence": 1}), others=(stops,)) == []


def test_an_overlap_needs_terms_and_not_what_another_evaluator_thinks_of_a_made_up_text() -> None:
    options = "{{words: {{a: [{verb}], b: [potion]}}, patterns: [{{all_of: [a, b]}}]}}"
    stops = pack(
        rule(id="two.rule", options=options.format(verb="drink")),
        id="two",
        tests=case("drink a potion", rule="two.rule") + case("red", "allow", "two.rule"),
    )
    (principle,) = stops.principles
    both = (*principle.evaluators, EvaluatorUse(name="harmless"))
    stops = stops.model_copy(update={"principles": (principle.model_copy(update={"evaluators": both}),)})
    minds = pack(
        rule(action="disclaim", options=options.format(verb="sell")),
        tests=case("sell a potion", "disclaim") + case("green", "allow"),
    )
    assert not [each for each in found(minds, others=(stops,)) if each.code == "overlap"]


def test_it_does_not_matter_in_which_order_packs_are_looked_at() -> None:
    packs = [load_bundled(pack_id) for pack_id in BUNDLED][:3]
    results = [lint(list(order), (), EVALUATORS) for order in itertools.permutations(packs)]
    assert all(result == results[0] for result in results)
