"""The second look: when a model is asked, what its words mean, and that a broken one never lets a turn hang or pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assistant_safety
from assistant import Backend, Message, Subject, Turn, TurnRecord, TurnSettings, hookimpl
from assistant.runtime import Question, Runtime, finish
from assistant.testing import FAULTS, FakeModel, Fault, make_runtime
from assistant_constitutions import Constitutions
from assistant_critique import CriticEvaluator, Critique
from assistant_critique.prompts import read_verdict, verdict_prompt

RULE = "The assistant says nothing about purple things."
PACK = """\
id: demo
version: "1.{version}"
title: Demo
domain: test
licence: CC0-1.0
principles:
  - id: demo.unsure
    title: Looked at again
    text: The assistant says nothing about purple things.
    kind: regulation
    applies_to: [{place}]
    action: {action}
    {how}
    evaluators:
      - {{name: lexical, options: {{patterns: [{{any_of: [purple], score: {score}}}]}}}}
    second_look:
      {{name: critic, from: 0.2, always: {always}, options: {{rule: {rule}, when_unsure: {unsure}}}}}
"""


class Critic:
    """Brings the critic's backend."""

    def __init__(self, model: Backend) -> None:
        self._model = model

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        return [self._model]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Runtime] = []

    def build(
        critic: FakeModel,
        *,
        place: str = "input",
        action: str = "refuse",
        how: str = "",
        score: float = 0.3,
        always: str = "false",
        unsure: str = "holds",
        answer: str = "fine",
        named: str = "judge",
    ) -> Runtime:
        options: dict[str, Any] = {"score": score, "always": always, "unsure": unsure, "rule": RULE}
        text = PACK.format(place=place, action=action, how=how, version=len(made), **options)
        file = tmp_path / f"demo{len(made)}.yaml"
        file.write_text(text)
        plugins: list[tuple[str, object]] = [
            ("safety", assistant_safety),
            ("critique", Critique),
            ("constitutions", Constitutions),
            ("critic_model", Critic(critic)),
        ]
        settings: dict[str, Any] = {"critic_model": named, "critic_seconds": 1.0}
        made.append(make_runtime(tmp_path, model=FakeModel(answer), plugins=plugins, **settings))
        made[-1].packs.add(str(file), "anna")
        return made[-1]

    yield build
    for runtime in made:
        runtime.close()


def turn_of(runtime: Runtime, text: str) -> TurnRecord:
    question = Question(text, (), settings=TurnSettings(packs=("demo",)), door="test")
    return finish(runtime.run_turn(question))


def judge_model(answer: Any = "VIOLATES", fault: Fault | None = None) -> FakeModel:
    return FakeModel(answer, name="judge", fault=fault)


@pytest.mark.parametrize(("said", "status"), [("VIOLATES", "refused"), ("COMPLIES", "answered")])
def test_a_model_decides_where_the_words_are_unsure(make: Any, said: str, status: str) -> None:
    critic = judge_model(said)
    record = turn_of(make(critic), "something purple")
    assert record.status == status
    (asked,) = critic.turns
    assert RULE in asked.question.text
    assert "something purple" in asked.question.text
    assert asked.history == ()
    (verdict,) = [each.verdict for each in record.trace.verdicts if each.verdict.evaluator == "critic"]
    assert verdict.score == (1.0 if status == "refused" else 0.0)


def test_nobody_is_asked_where_the_words_say_nothing_or_enough(make: Any) -> None:
    critic = judge_model("COMPLIES")
    assert turn_of(make(critic), "something green").status == "answered"
    assert turn_of(make(critic, score=0.9), "something purple").status == "refused"
    assert critic.turns == []


def test_with_always_it_may_take_a_find_back(make: Any) -> None:
    assert turn_of(make(judge_model("COMPLIES"), score=0.9, always="true"), "something purple").status == "answered"


def test_without_a_named_model_the_words_decide_alone(make: Any) -> None:
    critic = judge_model("VIOLATES")
    assert turn_of(make(critic, named=""), "something purple").status == "answered"
    assert turn_of(make(critic, named="", score=0.9, always="true"), "something purple").status == "refused"
    assert critic.turns == []


def test_it_is_asked_once_more_where_it_gave_no_verdict(make: Any) -> None:
    answers = iter(["Let me think.", "COMPLIES"])
    critic = judge_model(lambda turn: next(answers))
    assert turn_of(make(critic), "something purple").status == "answered"
    assert len(critic.turns) == 2
    assert "Your last answer was neither" in critic.turns[1].question.text


@pytest.mark.parametrize(("unsure", "status"), [("holds", "refused"), ("passes", "answered")])
def test_two_answers_that_are_no_verdict_are_the_rules_own_matter(make: Any, unsure: str, status: str) -> None:
    critic = judge_model("I can't tell.")
    assert turn_of(make(critic, unsure=unsure), "something purple").status == status
    assert len(critic.turns) == 2


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("unsure", "status"), [("holds", "refused"), ("passes", "answered")])
def test_every_fault_of_the_critic_ends_in_a_finished_message(
    make: Any, fault: Fault, unsure: str, status: str
) -> None:
    runtime = make(judge_model(fault=fault), unsure=unsure)
    record = turn_of(runtime, "something purple")
    assert record.status == status
    if status == "refused":
        assert record.refusal is not None
        assert record.refusal.rule.id == "demo.unsure"
    assert runtime.extensions.status["constitutions"].failures == 0


def test_a_critic_that_is_not_there_counts_as_unsure(make: Any) -> None:
    assert turn_of(make(judge_model(), named="nobody"), "something purple").status == "refused"


def test_an_answer_is_looked_at_once_and_when_it_is_over(make: Any) -> None:
    critic = judge_model("COMPLIES")
    answer = "Something purple was here. " + "It went on and on. " * 30
    runtime = make(critic, place="output", answer=answer.strip())
    assert turn_of(runtime, "hello").answer == answer.strip()
    assert len(critic.turns) == 1


def test_an_answer_is_written_anew_by_the_model_that_is_named(make: Any) -> None:
    def say(turn: Turn) -> str:
        asked = turn.question.text
        return "Something green." if "anew" in asked else "VIOLATES" if "purple" in asked else "COMPLIES"

    how = "revise: {remove_sentences: true, rewrite: true}"
    runtime = make(judge_model(say), place="output", action="revise", how=how, answer="Something purple.")
    record = turn_of(runtime, "hello")
    assert record.answer == "Something green."
    assert record.trace.draft_changes == (("Something ██████.", "Something green."),)


@pytest.mark.parametrize("fault", FAULTS)
def test_where_nobody_writes_anew_the_sentence_is_left_out(make: Any, fault: Fault) -> None:
    how = "revise: {remove_sentences: true, rewrite: true}"
    answer = "All is well. Something purple."
    model = judge_model(fault=fault)
    runtime = make(model, place="output", action="revise", how=how, answer=answer, score=0.9)
    record = turn_of(runtime, "hello")
    assert record.answer == "All is well."


def test_a_model_that_never_writes_it_right_ends_in_a_refusal(make: Any) -> None:
    how = "revise: {remove_sentences: true, rewrite: true}"
    model = judge_model("still purple")
    runtime = make(model, place="output", action="revise", how=how, answer="Something purple.", score=0.9)
    record = turn_of(runtime, "hello")
    assert record.status == "refused"
    assert "still purple" not in record.model_dump_json()


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("VIOLATES", "violates"),
        ("complies.", "complies"),
        ("**VIOLATES**\nbecause of x", "violates"),
        ("", None),
        ("VIOLATES or COMPLIES", None),
        ("It does not VIOLATES", None),
        ("no\nCOMPLIES", None),
    ],
)
def test_only_one_word_alone_is_a_verdict(said: str, verdict: str | None) -> None:
    assert read_verdict(said) == verdict


@given(st.text(max_size=200))
def test_no_text_can_close_its_own_fence(text: str) -> None:
    prompt = verdict_prompt(RULE, "question", text)
    fence = next(line for line in prompt.split("\n") if line.startswith("----- "))
    assert prompt.count(fence) == 2
    assert fence not in text


@pytest.mark.parametrize("options", [{}, {"rule": "short"}, {"rule": RULE, "when_unsure": "maybe"}, {"role": RULE}])
def test_options_that_it_does_not_know_are_said(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="option"):
        CriticEvaluator().check_options(options)


def test_without_a_runtime_it_reports_nothing() -> None:
    subject = Subject(Turn(question=Message(text="x")), "question", "x")
    assert CriticEvaluator().evaluate(subject, {"rule": RULE}) is None
