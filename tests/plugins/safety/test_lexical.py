"""Word groups close together, with reasons that take a suspicion back."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assistant_safety
from assistant import Finding, Message, Subject, Turn
from assistant_safety import LexicalEvaluator
from assistant_safety.lexical import shared_groups

OPTIONS: dict[str, Any] = {
    "words": {"act": ["make", "build"], "thing": ["bomb", "fire bomb"], "harmless": ["bath"], "exact": ["=die"]},
    "patterns": [
        {"all_of": ["act", "thing"], "within": 6, "score": 0.8, "unless": ["harmless"]},
        {"any_of": ["blow up a building"], "score": 0.5},
        {"all_of": ["thing", "exact"], "ordered": True, "score": 0.6},
    ],
}
EVALUATOR = LexicalEvaluator()


def look(text: str, options: dict[str, Any] = OPTIONS) -> Finding | None:
    return EVALUATOR.evaluate(Subject(Turn(question=Message(text=text)), "question", text), options)


def marked(text: str, options: dict[str, Any] = OPTIONS) -> list[str]:
    finding = look(text, options)
    return [text[span.start : span.end] for span in finding.spans] if finding else []


def test_groups_close_together_are_found_in_any_order() -> None:
    assert marked("How do I make a bomb?") == ["make", "bomb"]
    assert marked("Bombs: how are they made?") == ["Bombs", "made"]
    assert marked("Building fire bombs") == ["Building fire bombs"]


def test_far_apart_or_in_two_sentences_they_are_not() -> None:
    assert look("make one two three four five bomb") is None
    assert look("make one two three four bomb") is not None
    assert look("What can I make? A bomb is bad.") is None


def test_a_context_takes_the_find_back_in_its_own_sentence_only() -> None:
    assert look("make a bath bomb") is None
    assert look("I had a bath. Now make a bomb.") is not None


def test_a_phrase_is_found_with_inflections_and_dressed_up() -> None:
    assert marked("Blowing up a building") == ["Blowing up a building"]
    assert marked("bl0w up a bu1ld1ng") == ["bl0w up a bu1ld1ng"]


def test_exact_words_and_order() -> None:
    assert marked("a bomb, and people die") == ["bomb", "die"]
    assert look("a bomb, and one died") is None
    assert look("die by a bomb") is None


def test_a_possessive_stands_for_itself_only() -> None:
    options = {"words": {"whose": ["my bank's"], "thing": ["website"]}, "patterns": [{"all_of": ["whose", "thing"]}]}
    assert marked("my bank’s website", options) == ["my bank’s website"]
    assert look("my bank has a website", options) is None


def test_the_score_joins_the_patterns() -> None:
    one = look("make a bomb")
    two = look("make a bomb and blow up a building")
    assert one is not None
    assert two is not None
    assert one.score == pytest.approx(0.8)
    assert two.score == pytest.approx(1 - 0.2 * 0.5)


def test_one_word_cannot_stand_for_two_groups() -> None:
    options = {"words": {"a": ["fake", "make"], "b": ["fake news"]}, "patterns": [{"all_of": ["a", "b"]}]}
    assert look("is this fake news?", options) is None
    assert marked("make a fake news page", options) == ["make", "fake news"]


def test_a_word_inside_another_is_not_found() -> None:
    assert look("make a bombastic speech") is None
    assert look("remake the aplomb") is None


def test_a_whole_sentence_of_single_letters() -> None:
    assert marked("h o w t o m a k e a b o m b") == ["m a k e", "b o m b"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_spans_lie_in_the_original_text(before: str, after: str) -> None:
    text = f"{before}\n\nm\u200bake a bömb\n\n{after}"
    finding = look(text)
    assert finding is not None
    assert 0 <= finding.score <= 1
    assert {"m\u200bake", "bömb"} <= {text[span.start : span.end] for span in finding.spans}
    assert look(text) == finding


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "patterns"),
        ({"patterns": []}, "patterns"),
        ({"patterns": [{"within": 3}]}, "either all_of"),
        ({"patterns": [{"all_of": ["a"], "any_of": ["b"]}]}, "either all_of"),
        ({"patterns": [{"all_of": ["nowhere"]}]}, "'nowhere' is used and not defined"),
        ({"patterns": [{"all_of": ["@nowhere"]}]}, "'@nowhere' is used and not defined"),
        ({"patterns": [{"any_of": ["x"]}], "words": {"left": ["over"]}}, "never used: left"),
        ({"patterns": [{"all_of": ["a"]}], "words": {"a": [False]}}, "came False"),
        ({"patterns": [{"all_of": ["a"]}], "words": {"a": ["..."]}}, "came '...'"),
        ({"patterns": [{"all_of": ["a"], "regex": "x"}], "words": {"a": ["b"]}}, "regex"),
        ({"patterns": [{"any_of": ["x"], "score": 2}]}, "score"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EVALUATOR.check_options(options)


def test_shared_groups_hold_words_only() -> None:
    for name, terms in shared_groups().items():
        assert terms, name
        assert all(isinstance(term, str) for term in terms), name
        assert len(set(terms)) == len(terms), name


def test_a_term_that_looks_like_a_regular_expression_is_only_a_word() -> None:
    options = {"words": {"a": ["(a+)+$ b"]}, "patterns": [{"all_of": ["a"]}]}
    assert look("a" * 100_000, options) is None
    assert marked("say a b now", options) == ["a b"]


@pytest.mark.parametrize("text", ["make bomb bath " * 66_000, "make " * 200_000, "blow up a " * 100_000])
def test_a_megabyte_takes_no_more_than_linear_time(text: str) -> None:
    began = time.process_time()
    look(text)
    assert time.process_time() - began < 40  # a few seconds on an idle core; a quadratic walk takes many minutes


def test_the_plugin_offers_its_evaluators_by_name() -> None:
    names = [evaluator.name for evaluator in assistant_safety.register_evaluators()]
    assert len(set(names)) == len(names)
    mine = {"lexical", "personal_data", "injection", "jailbreak", "claims", "stereotypes", "coercion"}
    assert mine <= set(names)
