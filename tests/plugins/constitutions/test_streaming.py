"""Judging only what is new in an answer: it is stopped at the same place, and the effort does not grow."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

import assistant_safety
from assistant import Message, Subject, Turn, Verdict
from assistant.release import FLUSH_SECONDS, HOLD_BACK, ReleaseGate
from assistant_constitutions.engine import OUTPUT, judge
from assistant_constitutions.loader import parse_pack
from assistant_constitutions.streaming import LONGEST, LOOK_BACK, judge_what_is_new, window_start

RULES = parse_pack(
    b"""\
id: demo
version: "1.0"
title: Demo
domain: test
licence: CC0-1.0
principles:
  - id: demo.words
    title: No purple elephants
    text: A sentence.
    kind: regulation
    applies_to: [output]
    action: refuse
    evaluators:
      - name: lexical
        options:
          words: {colour: [purple], animal: [elephant], excuse: [toy]}
          patterns: [{all_of: [colour, animal], within: 8, unless: [excuse]}]
    exceptions:
      - text: In a zoo book.
        evaluators: [{name: lexical, options: {patterns: [{any_of: [zoo book]}]}}]
  - id: demo.numbers
    title: No card numbers
    text: A sentence.
    kind: privacy
    applies_to: [output]
    action: refuse
    evaluators: [{name: personal_data, options: {kinds: [card_number]}}]
""",
    name="demo.yaml",
)
EVALUATORS = {each.name: each for each in assistant_safety.register_evaluators()}
TURN = Turn(question=Message(text="x"))
PHRASES = ("a purple elephant", "the elephant which is so very purple", "4111 1111 1111 1111", "4111-1111-1111-1111")
FILLER = st.lists(st.sampled_from(["the calm river", "goes on.", "Toy\n\n", "and", "zoo book", "so it is!", "x" * 90]))


def look(subject: Subject) -> list[Verdict]:
    return judge((RULES,), EVALUATORS, subject, OUTPUT)


def look_at_new(subject: Subject) -> list[Verdict]:
    return judge_what_is_new(subject, look)


def run(text: str, size: int, judging: Callable[[Subject], list[Verdict]]) -> tuple[str, bool]:
    """What is shown of an answer that comes in pieces of one size, and whether it is stopped."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += FLUSH_SECONDS
        return now

    whole = False

    def check(released: str, pending: str) -> bool:
        subject = Subject(TURN, "answer", released + pending, shown=len(released), whole=whole)
        return not any(verdict.blocks for verdict in judging(subject))

    gate = ReleaseGate(check, clock=clock)
    shown = "".join(gate.feed(text[at : at + size]) for at in range(0, len(text), size))
    whole = True
    passed = gate.check_whole()
    return shown + (gate.finish() if passed else ""), not passed


@settings(max_examples=60, deadline=None)
@given(FILLER, st.sampled_from(PHRASES), FILLER, st.integers(1, 80), st.integers(0, 40))
def test_it_stops_where_judging_all_of_it_stops(
    before: list[str], phrase: str, after: list[str], size: int, again: int
) -> None:
    assert len(phrase) <= HOLD_BACK
    text = " ".join(["quiet water runs deep."] * again + [*before, phrase, *after])
    assert run(text, size, look_at_new) == run(text, size, look)


def test_what_excuses_further_up_still_excuses() -> None:
    text = "This is from a zoo book. " + "The river goes on. " * 60 + "There a purple elephant stands. " + "So. " * 30
    assert run(text, 5, look_at_new) == (text, False)
    assert run(text.replace("zoo", "good"), 5, look_at_new)[1]


def test_the_part_that_is_looked_at_does_not_grow() -> None:
    seen: list[int] = []

    def note(subject: Subject) -> list[Verdict]:
        seen.append(len(subject.text))
        return []

    text = "The river goes on and on. " * 400
    for shown in range(0, len(text), 97):
        subject = Subject(TURN, "answer", text[: shown + 100], shown=shown, whole=False)
        judge_what_is_new(subject, note)
    assert max(seen) <= LOOK_BACK + 100 + 30
    judge_what_is_new(Subject(TURN, "answer", text, shown=len(text) - 10), note)
    assert seen[-1] == len(text)


@given(st.text(alphabet="ab. \n", max_size=3_000), st.data())
def test_the_window_begins_before_what_is_new(text: str, data: st.DataObject) -> None:
    shown = data.draw(st.integers(0, len(text)))
    start = window_start(text, shown)
    assert 0 <= start <= max(0, shown - LOOK_BACK)
    assert shown - start <= max(LONGEST, LOOK_BACK)
