"""Rules that mend an answer: what is left of it, where it streamed already, and when nothing can be mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assistant_safety
from assistant import Message, Span, Subject, Turn, TurnSettings, hookimpl
from assistant.events import Segment
from assistant.messages import ImagePart, Reading, ReadText
from assistant.runtime import Question, Runtime
from assistant.testing import FakeModel, ask, make_runtime, picture
from assistant.verdicts import Region
from assistant_backends.built_in import BuiltInBackend
from assistant_constitutions import Constitutions, PackError, run_pack_tests
from assistant_constitutions.engine import OUTPUT, judge
from assistant_constitutions.loader import parse_pack
from assistant_constitutions.pack import Principle
from assistant_constitutions.revising import revised

PACK = """\
id: demo
version: "1.0"
title: Demo
domain: test
licence: CC0-1.0
principles:
  - id: demo.mend
    title: Mended
    text: A sentence.
    kind: regulation
    applies_to: [output]
    action: revise
    revise: {how}
    evaluators:
      - {{name: {name}, options: {options}}}
tests:
  - {{text: "{bad}", role: assistant, expect: {expect}, rule: demo.mend}}
  - {{text: "All is well.", role: assistant, expect: allow, rule: demo.mend}}
"""
CARD = "4111 1111 1111 1111"


def pack(how: str, word: str = "purple") -> str:
    options = f"{{patterns: [{{any_of: [{word}]}}]}}"
    bad = f"Something {word}. More."
    return PACK.format(how=how, name="lexical", options=options, bad=bad, expect="revise")


def principle(how: str) -> Principle:
    return parse_pack(pack(how).encode(), name="demo.yaml").principles[0]


REMOVE = principle("{remove_sentences: true}")
REPLACE = principle("{replace: '[out]'}")


def marks(text: str, word: str) -> list[Span]:
    places: list[Span] = []
    at = text.find(word)
    while at >= 0:
        places.append(Span(part="answer", start=at, end=at + len(word)))
        at = text.find(word, at + 1)
    return places


@pytest.mark.parametrize(
    ("text", "shown", "rest"),
    [
        ("One. Two bad. Three.", 0, "One. Three."),
        ("One. Two bad.", 0, "One."),
        ("Two bad! One?\nThree", 0, "One?\nThree"),
        ("- one\n- bad\n- three\n", 0, "- one\n- three\n"),
        ("One. Two bad. Three.", 5, "Three."),
        ("One. Two bad. Three.", 7, "… Three."),
        ("It costs 3.50 bad today. Fine.", 0, "Fine."),
        ("bad", 0, None),
        ("bad. bad!", 0, None),
        ("bad. Not marked here", 3, None),
    ],
)
def test_the_sentence_with_a_mark_is_left_out(text: str, shown: int, rest: str | None) -> None:
    assert revised(REMOVE, text, marks(text, "bad"), shown) == rest


def test_what_is_marked_is_replaced_and_the_rest_stays() -> None:
    text = "Card 1234, and 1234."
    assert revised(REPLACE, text, marks(text, "1234"), 0) == "Card [out], and [out]."
    assert revised(REPLACE, text, marks(text, "1234"), 11) == "and [out]."
    assert revised(REPLACE, text, [], 0) is None


@given(st.text(alphabet="ab .!?\n", max_size=80), st.data())
def test_nothing_marked_is_left_and_every_other_sentence_stays(text: str, data: st.DataObject) -> None:
    words = text + "X" + data.draw(st.text(alphabet="ab .!?\n", max_size=80))
    shown = data.draw(st.integers(0, len(text)))
    rest = revised(REMOVE, words, marks(words, "X"), shown)
    assert rest is None or "X" not in rest
    replaced = revised(REPLACE, words, marks(words, "X"), shown)
    assert replaced == words[shown:].replace("X", "[out]")


def test_a_model_writes_the_rest_where_one_can_and_the_marks_are_the_way_out() -> None:
    rule = principle("{remove_sentences: true, rewrite: true}")
    text = "One. Two bad."
    asked: list[tuple[str, str]] = []

    def rewrite(_: Principle, shown: str, rest: str) -> str | None:
        asked.append((shown, rest))
        return None if shown else "Two good."

    assert revised(rule, text, marks(text, "bad"), 0, rewrite) == "Two good."
    assert revised(rule, text, marks(text, "bad"), 5, rewrite) == ""
    assert asked == [("", text), ("One. ", "Two bad.")]
    assert revised(rule, text, marks(text, "bad"), 0) == "One."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    revise: {remove_sentences: true}\n",
            "",
            "line 12: field principles.0.action: expected the action 'revise'",
        ),
        ("action: revise", "action: refuse", "line 13: field principles.0.revise: expected the action 'revise'"),
        ("[output]", "[input]", "line 11: field principles.0.applies_to: expected \\[output\\]"),
        (
            "{remove_sentences: true}",
            "{rewrite: true}",
            "line 13: field principles.0.revise: .*either `remove_sentences",
        ),
        ("{remove_sentences: true}", "{remove: true}", "remove_sentences"),
    ],
)
def test_a_rule_that_does_not_say_how_is_rejected(old: str, new: str, message: str) -> None:
    with pytest.raises(PackError, match=message):
        parse_pack(pack("{remove_sentences: true}").replace(old, new, 1).encode(), name="demo.yaml")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Runtime] = []

    def build(rules: str, model: FakeModel) -> Runtime:
        (tmp_path / "demo.yaml").write_text(rules)
        plugins = [("safety", assistant_safety), ("constitutions", Constitutions)]
        made.append(make_runtime(tmp_path, model=model, plugins=plugins))
        made[-1].packs.add(str(tmp_path / "demo.yaml"), "anna")
        return made[-1]

    yield build
    for runtime in made:
        runtime.close()


def events_of(runtime: Runtime) -> list[Any]:
    question = Question("hello", (), settings=TurnSettings(packs=("demo",)), door="test")
    return list(runtime.run_turn(question))


def test_a_sentence_is_left_out_of_a_streamed_answer(make: Any) -> None:
    model = FakeModel("All is calm here. " * 20 + "Something purple came. And it went.", seconds_per_word=0.002)
    events = events_of(make(pack("{remove_sentences: true}"), model))
    record = events[-1].record
    assert record.status == "answered"
    assert record.answer == "All is calm here. " * 20 + "And it went."
    assert "".join(event.text for event in events if isinstance(event, Segment)) == record.answer
    assert any("demo.mend" in note for note in record.trace.notes)
    assert "purple" not in record.answer
    assert "██████" in record.trace.draft_changes[0][0]


def test_an_answer_of_which_nothing_is_left_is_refused_under_the_rule(make: Any) -> None:
    record = events_of(make(pack("{remove_sentences: true}"), FakeModel("All purple.")))[-1].record
    assert record.status == "refused"
    assert record.refusal.rule.id == "demo.mend"
    assert "purple" not in record.model_dump_json()


def test_a_card_number_is_masked() -> None:
    text = PACK.format(how="{replace: '[number]'}", name="personal_data", options="{}", bad=CARD, expect="revise")
    rules = parse_pack(text.encode(), name="demo.yaml")
    evaluators = {each.name: each for each in assistant_safety.register_evaluators()}
    assert run_pack_tests(rules, evaluators).passed
    subject = Subject(Turn(question=Message(text="x")), "answer", f"Your card {CARD} is valid.")
    (verdict,) = judge((rules,), evaluators, subject, OUTPUT)
    assert (verdict.action, verdict.replacement) == ("revise", "Your card [number] is valid.")


def test_while_the_answer_is_written_it_only_waits() -> None:
    rules = parse_pack(pack("{remove_sentences: true}").encode(), name="demo.yaml")
    evaluators = {each.name: each for each in assistant_safety.register_evaluators()}
    text = "All is well. Something purple"
    subject = Subject(Turn(question=Message(text="x")), "answer", text, shown=4, whole=False)
    (verdict,) = judge((rules,), evaluators, subject, OUTPUT)
    assert (verdict.action, verdict.replacement) == ("revise", text[4:])
    assert verdict.spans == ()


class Reads:
    """Reads one line in every picture."""

    @hookimpl(phase="normalise")
    def read_picture(self, image: ImagePart) -> Reading:
        box = Region(left=0.1, top=0.2, right=0.9, bottom=0.4)
        return Reading(reader="fake 1", texts=(ReadText(text=f"Card {CARD} until May", region=box, confidence=0.8),))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"The card says {CARD} and is valid until May.", "The card says [card or account number hidden] and is valid"),
        ("Pay to DE89 3704 0044 0532 0130 00, please.", "Pay to [card or account number hidden], please."),
        ("The card ends in 1111.", "The card ends in 1111."),
    ],
)
def test_the_core_pack_hides_a_card_or_account_number_and_keeps_the_rest(tmp_path: Path, said: str, shown: str) -> None:
    plugins = [("safety", assistant_safety), ("constitutions", Constitutions)]
    runtime = make_runtime(tmp_path, model=FakeModel(said), plugins=plugins)
    record = ask(runtime, "What do you see?")
    assert record.status == "answered"
    assert record.shown.startswith(shown)
    assert (shown == said) is not ("privacy.numbers-read-out" in record.model_dump_json())
    for number in (CARD, "DE89 3704 0044 0532 0130 00"):
        assert number not in record.model_dump_json()
    runtime.close()


def test_a_card_in_a_picture_is_quoted_with_its_number_hidden(tmp_path: Path) -> None:
    plugins = [("safety", assistant_safety), ("constitutions", Constitutions), ("reads", Reads())]
    runtime = make_runtime(tmp_path, model=BuiltInBackend(), plugins=plugins)
    record = ask(runtime, "what does it say?", [picture()])
    assert record.answer == "It says “Card [card or account number hidden] until May”."
    assert CARD not in record.answer
    runtime.close()
