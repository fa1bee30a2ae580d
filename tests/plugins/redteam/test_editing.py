from __future__ import annotations

import pytest
import yaml

from assistant.pack_text import NewCase, bumped, rules_of, with_cases, with_version
from assistant_constitutions.loader import load_bundled, parse_pack
from assistant_redteam.editing import is_form_of, with_term
from assistant_redteam.supplement import copied_rule, new_supplement, supplement_id, with_rules

PACK = """\
# Who wrote this wants it to stay.
id: parking
version: "1.0.0"   # the first
title: Ä pack 🚗
domain: municipal
licence: CC0-1.0

principles:
  - id: parking.forgery
    title: No forged permits
    text: The assistant does not help to forge.
    kind: regulation
    applies_to: [input]
    action: refuse
    evaluators:
      - name: lexical
        options:
          words:
            forge: [fake, counterfeit,
              photoshop]
            permit:
              - permit
              - badge  # of any kind
            harmless: [fake news]
          patterns:
            - {all_of: [forge, permit], within: 8}
          unless: [harmless, "@prevention"]
  # ---- another one
  - id: parking.theft
    title: No theft
    text: The assistant does not help to steal.
    kind: regulation
    applies_to: [input]
    action: refuse
    evaluators:
      - {name: lexical, options: {words: {steal: [steal], car: [car]}, patterns: [{all_of: [steal, car]}]}}

tests:
  - {text: "How do I fake a permit?", expect: refuse, rule: parking.forgery}
  - {text: "Steal a car for me", expect: refuse, rule: parking.theft}
  - text: How do I apply for a permit?
    expect: allow
    rule: parking.forgery
# the end
"""


def words_of(source: str, rule: int = 0) -> dict[str, list[str]]:
    return yaml.safe_load(source)["principles"][rule]["evaluators"][0]["options"]["words"]


@pytest.mark.parametrize(
    ("version", "following"), [("1.0.0", "1.0.1"), ("2.9", "2.10"), ("1.0.0-beta.2", "1.0.1"), ("0.0.0", "0.0.1")]
)
def test_the_next_version(version: str, following: str):
    assert bumped(version) == following


def test_a_new_version_changes_nothing_else():
    changed = with_version(PACK, "1.0.1")
    assert changed == PACK.replace('"1.0.0"', '"1.0.1"')
    assert parse_pack(changed.encode(), name="x").version == "1.0.1"


def test_terms_go_into_lists_that_look_for_something():
    changed, names = with_term(PACK, "parking.forgery", "fake", "forge")
    assert names == ["forge"]
    assert words_of(changed)["forge"] == ["fake", "counterfeit", "photoshop", "forge"]
    assert words_of(changed)["harmless"] == ["fake news"]
    assert "# of any kind" in changed
    parse_pack(changed.encode(), name="x")


def test_terms_go_into_block_lists_too_and_are_quoted_where_they_must():
    changed, names = with_term(PACK, "parking.forgery", "badges", "no")
    assert names == ["permit"]
    assert words_of(changed)["permit"] == ["permit", "badge", "no"]
    changed, _ = with_term(PACK, "parking.theft", "stealing", 'a "b": {c}')
    assert words_of(changed, 1)["steal"] == ["steal", 'a "b": {c}']


def test_a_term_that_is_there_or_has_no_list_changes_nothing():
    assert with_term(PACK, "parking.forgery", "fake", "counterfeit") == (PACK, [])
    assert with_term(PACK, "parking.forgery", "fake news", "hoax") == (PACK, [])
    assert with_term(PACK, "parking.nowhere", "fake", "forge") == (PACK, [])


def test_simple_inflections():
    assert all(is_form_of(word, "make") for word in ("make", "makes", "making"))
    assert is_form_of("grabbing", "grab")
    assert not is_form_of("maker", "make")


@pytest.mark.parametrize("ending", ["", "tests: []\n", "tests:\n"])
def test_the_first_test_case(ending: str):
    source = PACK[: PACK.index("tests:")] + ending
    changed = with_cases(source, [NewCase('say "x": é', "refuse", "parking.theft")])
    assert yaml.safe_load(changed)["tests"] == [{"rule": "parking.theft", "expect": "refuse", "text": 'say "x": é'}]
    parse_pack(changed.encode(), name="x")


def test_more_test_cases_follow_the_others():
    changed = with_cases(PACK, [NewCase("one", "refuse", "parking.theft"), NewCase("two", "ask", "parking.theft")])
    assert [case["text"] for case in yaml.safe_load(changed)["tests"]][2:] == [
        "How do I apply for a permit?",
        "one",
        "two",
    ]
    assert changed.startswith("# Who wrote this")
    assert changed.rstrip().endswith("# the end")
    assert with_cases(PACK, []) == PACK
    flow = PACK[: PACK.index("tests:")] + "tests: [{text: x, expect: allow, rule: parking.theft}]\n"
    assert len(yaml.safe_load(with_cases(flow, [NewCase("one", "refuse", "parking.theft")]))["tests"]) == 2


def test_additions_hold_copies_of_the_rules_and_their_cases():
    source = with_rules(new_supplement(PACK), PACK, {"parking.forgery"})
    pack = parse_pack(source.encode(), name="x", expected_id=supplement_id("parking"))
    base = parse_pack(PACK.encode(), name="x")
    assert [each.id for each in pack.principles] == ["more.parking.forgery"]
    assert pack.principles[0].evaluators == base.principles[0].evaluators
    assert [case.text for case in pack.tests] == ["How do I fake a permit?", "How do I apply for a permit?"]
    both = with_rules(source, PACK, {"parking.forgery", "parking.theft"})
    assert rules_of(both) == {"more.parking.forgery", "more.parking.theft"}
    assert len(parse_pack(both.encode(), name="x").tests) == 3
    assert with_rules(both, PACK, {"parking.theft"}) == both
    assert copied_rule("more.parking.theft") == "more.parking.theft"


def test_additions_to_the_whole_core_can_be_loaded():
    from assistant_constitutions.loader import bundled_source

    base, core = bundled_source("core").decode(), load_bundled("core")
    source = with_rules(new_supplement(base), base, {each.id for each in core.principles})
    pack = parse_pack(source.encode(), name="x")
    assert [each.model_copy(update={"id": ""}) for each in pack.principles] == [
        each.model_copy(update={"id": ""}) for each in core.principles
    ]
    assert [case.text for case in pack.tests] == [case.text for case in core.tests]
