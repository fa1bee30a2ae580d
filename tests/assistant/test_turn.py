"""One turn: what happens in which order, and that every failure ends in a finished message."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from assistant import Receipt, Turn, TurnRecord, TurnSettings, Verdict, hookimpl
from assistant.errors import NotFound, StoreFull
from assistant.events import Finished, Segment, StepStarted
from assistant.messages import Feedback
from assistant.runtime import Question, Runtime, finish
from assistant.testing import (
    FAULTS,
    FORBIDDEN_RULE,
    FakeModel,
    Fault,
    FaultyPlugin,
    ForbiddenWord,
    ask,
    make_runtime,
    picture,
)

MARKER = "zyxmarkerzyx"


class Listener:
    """Keeps every finished turn."""

    def __init__(self) -> None:
        self.records: list[TurnRecord] = []

    @hookimpl(phase="observe")
    def turn_finished(self, record: TurnRecord) -> None:
        self.records.append(record)


@pytest.fixture
def runtimes() -> Iterator[list[Runtime]]:
    made: list[Runtime] = []
    yield made
    for runtime in made:
        runtime.close()


@pytest.fixture
def make(tmp_path: Path, runtimes: list[Runtime]) -> Any:
    def build(**options: Any) -> Runtime:
        runtimes.append(make_runtime(tmp_path, **options))
        return runtimes[-1]

    return build


def test_an_answer_streams_and_is_stored(make: Any) -> None:
    runtime = make(model=FakeModel("word " * 60 + "end", seconds_per_word=0.002))
    events = list(runtime.run_turn(Question("what is this?", [picture()], door="test")))
    shown = "".join(event.text for event in events if isinstance(event, Segment))
    assert isinstance(events[-1], Finished)
    record = events[-1].record
    assert shown == record.answer == "word " * 60 + "end"
    assert sum(isinstance(event, Segment) for event in events) > 2
    steps = [event.step for event in events if isinstance(event, StepStarted)]
    assert steps == ["intake", "rules", "loading", "reading", "writing", "checking", "storing"]
    assert runtime.store.turn(record.id).answer == record.answer
    assert record.confidence == 0.9
    assert record.trace.model is not None
    assert record.trace.model.name == "fake"


def test_a_second_question_is_about_the_same_picture_and_knows_the_first(make: Any) -> None:
    model = FakeModel("fine")
    runtime = make(model=model)
    first = ask(runtime, "what is this?", [picture()])
    second = ask(runtime, "and its colour?", conversation_id=first.turn.conversation_id)
    assert second.turn.parent_id == first.id
    assert [each.answer for each in model.turns[1].history] == ["fine"]
    assert model.turns[1].images[0].data


def test_a_retry_is_a_sibling_with_the_same_pictures(make: Any) -> None:
    runtime = make()
    first = ask(runtime, "what is this?", [picture()])
    second = finish(runtime.run_turn(runtime.retry(first.id)))
    assert second.id != first.id
    assert second.turn.parent_id is None
    assert second.turn.question.images[0].sha256 == first.turn.question.images[0].sha256
    assert runtime.store.siblings(first.id) == [first.id, second.id]


def test_a_refused_question_never_reaches_the_model_and_is_not_history(make: Any) -> None:
    model = FakeModel("fine")
    runtime = make(model=model, plugins=[("rules", ForbiddenWord(MARKER, ["before_turn"]))])
    refused = ask(runtime, f"tell me the {MARKER} now")
    assert refused.status == "refused"
    assert refused.refusal is not None
    assert refused.refusal.triggers == (MARKER,)
    assert refused.refusal.rule == FORBIDDEN_RULE
    assert model.turns == []
    ask(runtime, "something else", conversation_id=refused.turn.conversation_id)
    assert model.turns[0].history == ()
    card = refused.shown
    for part in (
        "No forbidden things",
        "Nothing forbidden",
        "test.forbidden",
        "test-pack 1.2",
        MARKER,
        "Ask about something",
    ):
        assert part in card


@pytest.mark.parametrize("hook", ["check_segment", "after_turn"])
def test_a_refused_answer_is_in_no_event_row_log_or_export(
    make: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    caplog.set_level(logging.DEBUG)
    listener = Listener()
    model = FakeModel("some words first " * 20 + f"the {MARKER} and more " * 3, seconds_per_word=0.001)
    runtime = make(model=model, plugins=[("rules", ForbiddenWord(MARKER, [hook])), ("listener", listener)])
    events = list(runtime.run_turn(Question("tell me", door="test")))
    record = events[-1].record
    assert record.status == "refused"
    assert record.answer == ""
    assert all(MARKER not in repr(event) for event in events)
    assert MARKER not in listener.records[0].model_dump_json()
    assert MARKER not in caplog.text
    runtime.close()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert MARKER.encode() not in file.read_bytes(), file


def test_nothing_is_shown_before_a_plugin_that_may_refuse_the_whole_answer(make: Any) -> None:
    runtime = make(model=FakeModel("word " * 100 + MARKER), plugins=[("rules", ForbiddenWord(MARKER, ["after_turn"]))])
    events = list(runtime.run_turn(Question("tell me", door="test")))
    assert not any(isinstance(event, Segment) for event in events)


@pytest.mark.parametrize("hook", ["before_turn", "check_segment", "after_turn", "turn_finished"])
@pytest.mark.parametrize("on_failure", ["closed", "open"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_plugin_ends_in_a_finished_message(
    make: Any, fault: Fault, hook: Any, on_failure: Literal["closed", "open"]
) -> None:
    runtime = make(plugins=[("bad", FaultyPlugin(fault, hook, on_failure))])
    begin = time.monotonic()
    record = ask(runtime, "hello")
    assert time.monotonic() - begin < 10
    assert record.turn.question.text == "hello"
    if fault == "none":
        assert record.status == "answered"
    elif on_failure == "open" or hook == "turn_finished":
        assert record.status == "answered"
        assert any("'bad'" in note for note in record.trace.notes)
    else:
        assert record.status == "refused"
        assert record.refusal is not None
        assert record.refusal.cause == "check_failed"
        assert record.refusal.plugin == "bad"
        assert "'bad'" in record.shown
    assert runtime.store.turn(record.id).status == record.status


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_model_ends_in_a_finished_message(make: Any, fault: Fault) -> None:
    runtime = make(model=FakeModel(fault=fault), first_token_seconds=0.3)
    record = ask(runtime, "hello")
    assert record.status == "failed"
    assert "'fake'" in record.shown
    assert record.turn.question.text == "hello"


def test_a_model_that_writes_nothing(make: Any) -> None:
    assert "wrote nothing" in ask(make(model=FakeModel("")), "hello").shown


def test_stop_keeps_what_was_shown(make: Any) -> None:
    runtime = make(model=FakeModel("word " * 500, seconds_per_word=0.005))
    stop = threading.Event()
    shown = ""
    record = None
    for event in runtime.run_turn(Question("go on", door="test"), stop):
        if isinstance(event, Segment):
            shown += event.text
            stop.set()
        if isinstance(event, Finished):
            record = event.record
    assert record is not None
    assert record.status == "stopped"
    assert record.answer.startswith(shown)
    assert 0 < len(record.answer) < 2000
    assert runtime.store.turn(record.id).status == "stopped"


def test_a_page_that_goes_away_leaves_a_stopped_turn_and_a_free_model(make: Any) -> None:
    runtime = make(model=FakeModel("word " * 500, seconds_per_word=0.005))
    question = runtime.follow(None, Question("go on", door="test"))
    events = runtime.run_turn(question)
    for event in events:
        if isinstance(event, Segment):
            break
    events.close()  # type: ignore[attr-defined]
    (record,) = runtime.store.branch(question.conversation_id or "")
    assert record.status == "stopped"
    assert record.answer
    assert ask(make(), "next").status == "answered"


def test_bad_input_is_a_finished_message_and_is_not_stored(make: Any) -> None:
    runtime = make()
    for question, expected in [
        (Question("", door="test"), "no question"),
        (Question("a" * 100_000, door="test"), "100,000 characters"),
        (Question("what?", [b"no picture"], door="test"), "not a picture"),
        (Question("what?", [Path("/nowhere/x.png")], door="test"), "There is no file"),
    ]:
        record = finish(runtime.run_turn(question))
        assert record.status == "failed"
        assert expected in record.error
    assert runtime.store.conversations() == []


def test_an_unknown_model_is_named_with_those_that_there_are(make: Any) -> None:
    record = finish(make().run_turn(Question("hello", settings=TurnSettings(model="gpt"), door="test")))
    assert record.status == "failed"
    assert "'gpt'" in record.error
    assert "fake" in record.error


def test_an_answer_that_cannot_be_stored_is_still_shown_and_says_so(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = make()

    def full(record: TurnRecord) -> None:
        raise StoreFull("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(runtime.store, "save_turn", full)
    record = ask(runtime, "hello")
    assert record.answer == "a red circle"
    assert any("could not be stored" in note and "disk is full" in note for note in record.trace.notes)


def test_a_chat_that_is_deleted_while_it_answers_stays_deleted(make: Any) -> None:
    def answer(turn: Turn) -> str:
        if turn.history:
            runtime.store.delete_conversation(turn.conversation_id)
        return "fine"

    runtime = make(model=FakeModel(answer))
    first = ask(runtime, "hello")
    second = ask(runtime, "go on", conversation_id=first.turn.conversation_id)
    assert second.answer == "fine"
    assert any("deleted while it was running" in note for note in second.trace.notes)
    assert runtime.store.conversations() == []


class Revises:
    """Changes every answer that it has not changed yet."""

    def __init__(self, new: str) -> None:
        self.new = new

    @hookimpl(phase="judge")
    def after_turn(self, answer: str) -> Verdict | None:
        return None if answer == self.new else Verdict(action="revise", replacement=self.new)


def test_a_revised_answer_is_shown_instead_and_the_change_is_traced(make: Any) -> None:
    events = list(make(plugins=[("r", Revises("a blue circle"))]).run_turn(Question("hello", door="test")))
    assert [event.text for event in events if isinstance(event, Segment)] == ["a blue circle"]
    assert events[-1].record.trace.draft_changes == (("a red circle", "a blue circle"),)


def test_a_revised_answer_is_checked_again(make: Any) -> None:
    plugins = [("r", Revises(f"now {MARKER}")), ("rules", ForbiddenWord(MARKER, ["check_segment"]))]
    record = ask(make(plugins=plugins), "hello")
    assert record.status == "refused"
    assert MARKER not in record.model_dump_json()


def test_an_observer_that_tries_to_decide_is_a_failure_of_its_plugin(make: Any) -> None:
    class Late:
        @hookimpl(phase="observe", on_failure="open")
        def after_turn(self) -> Verdict:
            return Verdict(action="refuse", rule=FORBIDDEN_RULE)

    runtime = make(plugins=[("late", Late())])
    assert runtime.check("an answer", role="answer").refusal is None
    record = ask(runtime, "hello")
    assert record.status == "answered"
    assert any("'late'" in note for note in record.trace.notes)


def test_disclaimers_are_added_once_and_warnings_become_notes(make: Any) -> None:
    class Adds:
        @hookimpl
        def before_turn(self) -> list[Verdict]:
            return [Verdict(action="disclaim", message="Be careful."), Verdict(action="warn", message="A note.")]

        @hookimpl(phase="observe")
        def after_turn(self) -> Verdict:
            return Verdict(action="disclaim", message="Be careful.")

    record = ask(make(plugins=[("adds", Adds())]), "hello")
    assert record.answer == "a red circle\n\nBe careful."
    assert record.trace.notes == ("A note.",)


class Emergency:
    """Says first what cannot wait."""

    rule = FORBIDDEN_RULE.model_copy(update={"severity": "critical"})

    @hookimpl
    def before_turn(self) -> list[Verdict]:
        return [
            Verdict(action="disclaim", rule=FORBIDDEN_RULE, message="Be careful."),
            Verdict(action="disclaim", rule=self.rule, message="Call for help."),
        ]


def test_a_critical_duty_is_shown_before_the_answer(make: Any) -> None:
    runtime = make(plugins=[("emergency", Emergency())])
    events = list(runtime.run_turn(Question("hello", door="test")))
    shown = [event.text for event in events if isinstance(event, Segment)]
    assert shown[0] == "Call for help.\n\n"
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.record.answer == "Call for help.\n\na red circle\n\nBe careful."


@pytest.mark.parametrize("model", [FakeModel(""), FakeModel(fault="raise")])
def test_a_critical_duty_stays_where_the_model_fails(make: Any, model: FakeModel) -> None:
    record = ask(make(model=model, plugins=[("emergency", Emergency())]), "hello")
    assert record.status == "failed"
    assert record.error
    assert record.answer == "Call for help."


@pytest.mark.parametrize("refused", ["before_turn", "check_segment"])
def test_a_critical_duty_stays_as_a_note_where_a_rule_refuses(make: Any, refused: str) -> None:
    def refuse(self: object) -> Verdict:
        return Verdict(action="refuse", rule=FORBIDDEN_RULE)

    refuses = type("Refuses", (), {refused: hookimpl(refuse)})
    record = ask(make(plugins=[("emergency", Emergency()), ("refuses", refuses())]), "hello")
    assert record.status == "refused"
    assert record.trace.notes == ("Call for help.",)


def test_ask_ends_the_turn_with_a_question(make: Any) -> None:
    class Asks:
        @hookimpl
        def before_turn(self) -> Verdict:
            return Verdict(action="ask", rule=FORBIDDEN_RULE, message="Is it your own?")

    record = ask(make(plugins=[("asks", Asks())]), "hello")
    assert record.status == "asked"
    assert "Is it your own?" in record.shown


def test_the_strongest_verdict_decides_and_all_are_traced(make: Any) -> None:
    def plugin(action: Any, severity: Any) -> object:
        class One:
            @hookimpl
            def before_turn(self) -> Verdict:
                return Verdict(
                    action=action,
                    rule=FORBIDDEN_RULE.model_copy(update={"id": action + severity, "severity": severity}),
                )

        return One()

    plugins = [("a", plugin("refuse", "low")), ("b", plugin("ask", "critical")), ("c", plugin("refuse", "high"))]
    record = ask(make(plugins=plugins), "hello")
    assert record.refusal is not None
    assert record.refusal.rule.id == "refusehigh"
    assert len(record.trace.verdicts) == 3


def test_a_required_plugin_that_does_not_work_refuses_every_turn(make: Any) -> None:
    record = ask(make(required_plugins=frozenset({"constitutions"})), "hello")
    assert record.status == "refused"
    assert "'constitutions'" in record.shown


def test_a_plugin_whose_start_fails_is_broken(make: Any) -> None:
    class Fails:
        @hookimpl
        def startup(self) -> None:
            raise ValueError("no pack")

    runtime = make(plugins=[("fails", Fails())], required_plugins=frozenset({"fails"}))
    (status,) = [each for each in runtime.plugins() if each.name == "fails"]
    assert status.state == "broken"
    assert ask(runtime, "hello").status == "refused"


def test_checking_a_text_uses_the_same_hooks_and_stores_nothing(make: Any) -> None:
    runtime = make(plugins=[("rules", ForbiddenWord(MARKER, ["before_turn", "check_segment", "after_turn"]))])
    for role in ("question", "answer"):
        result = runtime.check(f"the {MARKER}", role=role)
        assert result.refusal is not None
        assert result.refusal.rule.id == "test.forbidden"
        assert runtime.check("harmless", role=role).refusal is None
    assert runtime.store.conversations() == []


def test_feedback_goes_to_the_plugins_and_without_one_the_person_is_told(make: Any) -> None:
    runtime = make()
    record = ask(runtime, "hello")
    assert not runtime.give_feedback(Feedback(turn_id=record.id, rating="up")).stored

    class Keeps:
        @hookimpl
        def record_feedback(self, feedback: Feedback) -> Receipt:
            return Receipt(stored=True, message=f"kept {feedback.rating}")

    runtime = make(plugins=[("keeps", Keeps())])
    assert runtime.give_feedback(Feedback(turn_id=record.id, rating="up")).message == "kept up"
    with pytest.raises(NotFound):
        runtime.give_feedback(Feedback(turn_id="nothing", rating="up"))


def test_a_refusal_can_be_appealed_and_an_answer_cannot(make: Any) -> None:
    runtime = make(plugins=[("rules", ForbiddenWord(MARKER, ["before_turn"]))])
    refused = ask(runtime, MARKER)
    assert runtime.appeal(refused.id, "It is about chess.").stored
    (appeal,) = runtime.store.appeals_of(refused.id)
    assert (appeal.rule, appeal.pack, appeal.pack_version, appeal.text) == (
        "test.forbidden",
        "test-pack",
        "1.2",
        "It is about chess.",
    )
    with pytest.raises(NotFound):
        runtime.appeal(ask(runtime, "hello").id)


def test_two_questions_at_once_are_answered_one_after_the_other(make: Any) -> None:
    running: list[int] = []
    most = 0

    class Counts(FakeModel):
        def stream(self, turn: Turn, should_stop: Any) -> Any:
            nonlocal most
            running.append(1)
            most = max(most, len(running))
            yield from super().stream(turn, should_stop)
            running.pop()

    runtime = make(model=Counts("word " * 20, seconds_per_word=0.002))
    records: list[TurnRecord] = []
    threads = [threading.Thread(target=lambda: records.append(ask(runtime, "hello"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.status for record in records] == ["answered"] * 4
    assert most == 1


def test_the_trace_accounts_for_hooks_and_time(make: Any) -> None:
    record = ask(
        make(plugins=[("rules", ForbiddenWord(MARKER, ["before_turn", "check_segment", "after_turn"]))]), "hello"
    )
    assert [call.hook for call in record.trace.hooks] == ["before_turn", "check_segment", "after_turn"]
    assert all(call.outcome == "ok" for call in record.trace.hooks)
    assert set(record.trace.timings) >= {"intake", "rules", "writing", "checking"}


def test_explaining_a_word_goes_by_its_index(make: Any) -> None:
    from assistant import Explanation

    class Explains:
        @hookimpl(phase="observe")
        def explain_word(self, trace: Any, word: int) -> Explanation:
            return Explanation(method="m", title="t", word=trace.words[word].text, text=str(word))

    runtime = make(model=FakeModel("red and red"), plugins=[("e", Explains())])
    record = ask(runtime, "hello", [picture()])
    assert [(each.word, each.text) for each in runtime.explain(record.id, 2)] == [("red", "2")]
    with pytest.raises(NotFound, match="3 words"):
        runtime.explain(record.id, 3)
