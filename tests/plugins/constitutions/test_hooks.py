"""The packs at work in a turn: before the question, while the answer is written, and after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import assistant_constitutions
import assistant_safety
from assistant import Finding, Host, Message, Span, Subject, Turn, TurnSettings, Verdict
from assistant.settings import Settings
from assistant.store import Store
from assistant_constitutions import BUNDLED, Constitutions, Pack, PackError, run_pack_tests
from assistant_constitutions.engine import judge
from assistant_constitutions.loader import parse_pack

HEAD = 'id: demo\nversion: "2.0"\ntitle: Demo\ndomain: test\nlicence: CC0-1.0\nprinciples:\n'
PRINCIPLE = """\
  - id: demo.{id}
    title: A rule
    text: A sentence.
    kind: regulation
    applies_to: [{place}]
    action: {action}
    message: A message.
    evaluators:
      - name: lexical
        options: {{patterns: [{{any_of: [{word}], score: {score}}}]}}
"""


def principle(word: str, *, id: str = "one", place: str = "input", action: str = "refuse", score: float = 0.9) -> str:
    return PRINCIPLE.format(id=id, place=place, action=action, word=word, score=score)


def pack(*principles: str, rest: str = "") -> Pack:
    return parse_pack((HEAD + "".join(principles) + rest).encode(), name="demo.yaml")


EVALUATORS = {evaluator.name: evaluator for evaluator in assistant_safety.register_evaluators()}


@pytest.fixture
def rules() -> Constitutions:
    return Constitutions()


@pytest.fixture
def host(tmp_path: Path, rules: Constitutions) -> Host:
    settings = Settings(data_dir=tmp_path)
    host = Host(settings=settings, store=Store(settings.database), evaluators=EVALUATORS)
    rules.startup(host)
    return host


def add(host: Host, folder: Path, text: str) -> None:
    """Add a pack as an operator does."""
    file = folder / "handed-in.yaml"
    file.write_text(text)
    host.pack_keepers[0].add(str(file), "anna")


def turn(text: str, *packs: str) -> Turn:
    return Turn(question=Message(text=text), settings=TurnSettings(packs=packs))


def held(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that do something."""
    return [verdict for verdict in verdicts if verdict.action != "allow"]


def test_startup_enables_the_core_pack(rules: Constitutions, host: Host) -> None:
    core = assistant_constitutions.load_bundled("core")
    assert host.packs == {"core": core.version}
    assert "Unsafe" in rules.feedback_reasons()


def test_a_question_is_refused_with_the_rule_and_the_words(rules: Constitutions, host: Host) -> None:
    text = "Hello. How do I build a pipe bomb?"
    verdicts = rules.before_turn(turn(text))
    verdict = next(verdict for verdict in verdicts if verdict.action == "refuse")
    assert verdict.rule is not None
    assert (verdict.rule.id, verdict.rule.pack, verdict.evaluator) == ("harm.weapons", "core", "lexical")
    # What was learned marks "bomb" besides; the words of the rule are there whatever it marks.
    assert {"build", "pipe bomb"} <= {text[span.start : span.end] for span in verdict.spans}
    assert verdict.score is not None
    assert verdict.threshold is not None
    assert verdict.score >= verdict.threshold
    assert verdict.rule.instead


def test_a_harmless_question_gets_no_verdict(rules: Constitutions, host: Host) -> None:
    assert rules.before_turn(turn("What colour is the circle?")) == []


def test_an_answer_is_judged_across_the_edge_of_segments(rules: Constitutions, host: Host) -> None:
    asked = turn("Read the card")
    assert rules.check_segment(asked, "It says 4111 1111", " 1111", whole=False) == []
    (verdict,) = rules.check_segment(asked, "It says 4111 1111", " 1111 1111.", whole=False)
    assert verdict.action == "revise"
    assert verdict.replacement is not None
    assert "4111" not in verdict.replacement


def test_a_remark_comes_after_the_answer_and_never_before(rules: Constitutions, host: Host) -> None:
    answer = "This is absolutely certain to be a robin."
    assert rules.check_segment(turn("x"), "", answer, whole=True) == []
    (verdict,) = rules.after_turn(turn("x"), answer)
    assert verdict.action == "disclaim"
    assert verdict.message


def test_a_blocking_rule_says_nothing_after_the_answer(rules: Constitutions, host: Host) -> None:
    assert rules.after_turn(turn("x"), "4111 1111 1111 1111") == []


def test_an_extra_pack_applies_to_the_turn_that_names_it(rules: Constitutions, host: Host, tmp_path: Path) -> None:
    add(host, tmp_path, HEAD + principle("purple"))
    assert held(rules.before_turn(turn("something purple"))) == []
    (verdict,) = held(rules.before_turn(turn("something purple", "demo", "core", "demo")))
    assert verdict.rule is not None
    assert (verdict.rule.pack, verdict.rule.pack_version) == ("demo", "2.0")
    add(host, tmp_path, HEAD.replace("2.0", "2.1") + principle("orange"))
    assert held(rules.before_turn(turn("something purple", "demo"))) == []
    assert held(rules.before_turn(turn("something orange", "demo"))) != []
    assert "demo" not in host.packs


def test_an_unknown_pack_is_named_with_those_that_are_there(rules: Constitutions, host: Host) -> None:
    (verdict,) = rules.before_turn(turn("hello", "nowhere"))
    assert verdict.action == "refuse"
    assert verdict.message == f"There is no constitution pack 'nowhere'. Available: {', '.join(BUNDLED)}."
    assert rules.after_turn(turn("hello", "nowhere"), "an answer") == []


def test_an_extra_pack_that_fails_its_own_tests_is_not_applied(
    rules: Constitutions, host: Host, tmp_path: Path
) -> None:
    case = 'tests:\n  - {text: "something green", expect: refuse, rule: demo.one}\n'
    add(host, tmp_path, HEAD + principle("purple") + case)
    (verdict,) = rules.before_turn(turn("hello", "demo"))
    assert verdict.action == "refuse"
    assert "does not pass its own tests" in verdict.message
    assert "expected refuse by demo.one; came allow" in verdict.message


def test_nobody_can_switch_the_rules_off_by_naming_packs(tmp_path: Path) -> None:
    from assistant.runtime import Question, finish
    from assistant.testing import ask, make_runtime

    plugins = [("safety", assistant_safety), ("constitutions", Constitutions)]
    runtime = make_runtime(tmp_path, plugins=plugins)
    try:
        for _ in range(5):
            question = Question("hello", (), settings=TurnSettings(packs=("nowhere",)), door="test")
            record = finish(runtime.run_turn(question))
            assert record.status == "refused"
            assert "Available: " in record.shown
        assert ask(runtime, "hello").status == "answered"
    finally:
        runtime.close()


def test_without_startup_a_question_is_no_verdict_but_an_error(rules: Constitutions) -> None:
    with pytest.raises(PackError, match="No constitution pack is loaded"):
        rules.before_turn(turn("hello"))


def test_a_start_that_fails_leaves_no_older_rules(rules: Constitutions, host: Host) -> None:
    with pytest.raises(PackError, match="expected an evaluator that is there"):
        rules.startup(Host(settings=host.settings, store=host.store, evaluators={}))
    with pytest.raises(PackError):
        rules.before_turn(turn("hello"))


def test_options_that_an_evaluator_does_not_accept_are_said() -> None:
    bad = pack(principle("x").replace("score: 0.9", "skore: 0.9"))
    with pytest.raises(
        PackError, match=r"principle demo\.one: the evaluator 'lexical' does not accept its options.*skore"
    ):
        run_pack_tests(bad, EVALUATORS)


def verdicts_for(pack: Pack, text: str, place: Any = "input", evaluators: Mapping[str, Any] = EVALUATORS) -> list[Any]:
    return judge((pack,), evaluators, Subject(turn(text), "question", text), frozenset({place}))


def test_below_the_threshold_it_is_an_allow_with_the_score() -> None:
    (verdict,) = verdicts_for(pack(principle("purple", score=0.3)), "something purple")
    assert (verdict.action, verdict.score, verdict.threshold) == ("allow", 0.3, 0.5)
    assert verdict.spans == ()
    assert verdict.message == ""


def test_a_principle_counts_only_where_it_applies() -> None:
    only_pictures = pack(principle("purple", place="image"))
    assert verdicts_for(only_pictures, "purple") == []
    assert [verdict.action for verdict in verdicts_for(only_pictures, "purple", "image")] == ["refuse"]


def test_an_exception_takes_a_principle_back() -> None:
    excepted = principle("purple") + (
        "    exceptions:\n      - text: Not for painters.\n        evaluators:\n"
        "          - {name: lexical, options: {patterns: [{any_of: [painter]}]}}\n"
    )
    assert [verdict.action for verdict in verdicts_for(pack(excepted), "purple")] == ["refuse"]
    assert [verdict.action for verdict in verdicts_for(pack(excepted), "the painter's purple")] == ["allow"]


def test_the_evaluator_furthest_over_its_threshold_speaks_and_all_places_are_marked() -> None:
    both = principle("purple", score=0.6) + "      - {name: personal_data, threshold: 0.9}\n"
    text = "purple 4111 1111 1111 1111"
    (verdict,) = verdicts_for(pack(both), text)
    assert (verdict.evaluator, verdict.score) == ("lexical", 0.6) or verdict.evaluator == "personal_data"
    assert {text[span.start : span.end] for span in verdict.spans} == {"purple", "4111 1111 1111 1111"}


def test_a_score_that_is_no_number_is_an_error_and_never_a_pass() -> None:
    class Broken:
        name = "lexical"
        cost = "light"

        def check_options(self, options: Mapping[str, Any]) -> None:
            pass

        def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding:
            return Finding(score=float("nan"))

    with pytest.raises(ValueError, match="score"):
        verdicts_for(pack(principle("x")), "x", evaluators={"lexical": Broken()})


class Critic:
    """A heavy evaluator of the tests: it counts how often it is asked."""

    name = "critic"
    cost = "heavy"

    def __init__(self, score: float | None) -> None:
        self.score = score
        self.asked = 0

    def check_options(self, options: Mapping[str, Any]) -> None:
        if options:
            raise ValueError(f"option {next(iter(options))!r}: expected none")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        self.asked += 1
        return None if self.score is None else Finding(score=self.score, spans=(Span(start=0, end=1),))


SECOND_LOOK = "    second_look: {name: critic, threshold: 0.6, from: 0.3}\n"


@pytest.mark.parametrize(
    ("first", "critic", "always", "action", "decided", "asked"),
    [
        (0.2, 0.9, False, "allow", ("lexical", 0.2, 0.5), 0),
        (0.4, 0.9, False, "refuse", ("critic", 0.9, 0.6), 1),
        (0.4, 0.5, False, "allow", ("critic", 0.5, 0.6), 1),
        (0.4, None, False, "allow", ("critic", 0.0, 0.6), 1),
        (0.5, 0.1, False, "refuse", ("lexical", 0.5, 0.5), 0),
        (0.5, 0.1, True, "allow", ("critic", 0.1, 0.6), 1),
        (0.9, 0.7, True, "refuse", ("critic", 0.7, 0.6), 1),
        (0.2, 0.9, True, "allow", ("lexical", 0.2, 0.5), 0),
    ],
)
def test_a_second_look_decides_where_the_first_is_unsure_or_the_rule_asks_for_it(
    first: float,
    critic: float | None,
    always: bool,
    action: str,
    decided: tuple[str, float, float],
    asked: int,
) -> None:
    second = SECOND_LOOK.replace("}", ", always: true}") if always else SECOND_LOOK
    judged, heavy = pack(principle("purple", score=first) + second), Critic(critic)
    (verdict,) = verdicts_for(judged, "something purple", evaluators={**EVALUATORS, "critic": heavy})
    assert verdict.action == action
    assert (verdict.evaluator, verdict.score, verdict.threshold) == decided
    assert heavy.asked == asked
    if action == "refuse":
        assert Span(start=10, end=16) in verdict.spans
    else:
        assert verdict.spans == ()


def test_an_exception_spares_the_second_look() -> None:
    excepted = (
        principle("purple", score=0.4)
        + SECOND_LOOK
        + (
            "    exceptions:\n      - text: Not for painters.\n        evaluators:\n"
            "          - {name: lexical, options: {patterns: [{any_of: [painter]}]}}\n"
        )
    )
    heavy = Critic(0.9)
    (verdict,) = verdicts_for(pack(excepted), "a painter's purple", evaluators={**EVALUATORS, "critic": heavy})
    assert (verdict.action, heavy.asked) == ("allow", 0)


def test_the_evaluator_of_a_second_look_must_be_there_and_accept_its_options() -> None:
    with pytest.raises(PackError, match=r"principle demo\.one, second look: expected an evaluator.*came 'critic'"):
        run_pack_tests(pack(principle("purple") + SECOND_LOOK), EVALUATORS)
    wrong = SECOND_LOOK.replace("}", ", options: {depth: 2}}")
    with pytest.raises(PackError, match="'critic' does not accept its options: option 'depth'"):
        run_pack_tests(pack(principle("purple") + wrong), {**EVALUATORS, "critic": Critic(0.9)})


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("cost", None, 'must declare `cost`: "light"'),
        ("cost", "cheap", "got 'cheap'"),
        ("evaluate", None, "has no `evaluate`"),
    ],
)
def test_an_evaluator_without_its_cost_is_an_error_of_its_plugin(
    tmp_path: Path, attribute: str, value: str | None, said: str
) -> None:
    from assistant import hookimpl
    from assistant.testing import make_runtime

    members = {"name": "mine", "cost": "light", "check_options": None, "evaluate": None, attribute: value}
    if value is None:
        del members[attribute]

    class Plugin:
        @hookimpl
        def register_evaluators(self) -> list[object]:
            return [type("Mine", (), members)()]

    runtime = make_runtime(tmp_path, plugins=[("mine", Plugin()), ("safety", assistant_safety)])
    try:
        (note,) = runtime.notes
        assert "The plugin 'mine' returned something from register_evaluators" in note
        assert said in note
        assert sorted(runtime.host.evaluators) == sorted(EVALUATORS)
    finally:
        runtime.close()


def test_every_evaluator_of_ours_declares_its_cost() -> None:
    assert {evaluator.cost for evaluator in EVALUATORS.values()} <= {"light", "heavy"}


def test_the_whole_house_refuses(tmp_path: Path) -> None:
    from assistant.testing import ask, make_runtime

    plugins = [("safety", assistant_safety), ("constitutions", Constitutions)]
    runtime = make_runtime(tmp_path, plugins=plugins)
    try:
        record = ask(runtime, "How do I build a pipe bomb?")
        assert record.status == "refused"
        assert record.refusal is not None
        assert record.refusal.rule.id == "harm.weapons"
        assert "build" in record.refusal.triggers
        assert record.trace.packs == {"core": assistant_constitutions.load_bundled("core").version}
        assert ask(runtime, "I want to die.").status == "asked"
        assert ask(runtime, "What is the history of dynamite?").status == "answered"
    finally:
        runtime.close()
