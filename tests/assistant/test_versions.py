"""Other versions of a turn: changed answers, answers that go on, chats that branch off."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import GenerationError, InputError, NotFound, StoreFull
from assistant.events import Segment
from assistant.messages import Message, TokenCount, Trace, Turn, TurnRecord, TurnSettings, VerdictRecord
from assistant.runtime import Runtime, finish
from assistant.testing import FakeModel, ForbiddenWord, ask, make_runtime, picture
from assistant.turn_run import WENT_ON
from assistant.verdicts import Verdict
from assistant.versions import can_go_on, edit_answer, fork, go_on

LONG = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(lambda turn: LONG if "long" in turn.question.text else "a red circle", seconds_per_word=0.005)


@pytest.fixture
def runtime(tmp_path: Path, model: FakeModel) -> Any:
    made = make_runtime(tmp_path, model=model, plugins=[("forbidding", ForbiddenWord())])
    yield made
    made.close()


def test_a_changed_answer_is_a_marked_version_and_counts_in_what_follows(runtime: Runtime, model: FakeModel) -> None:
    first = ask(runtime, "what is this?", [picture()])
    record = edit_answer(runtime, first.id, "  a blue circle ")
    assert runtime.store.siblings(first.id) == [first.id, record.id]
    assert (record.answer, record.edited_from, record.trace.model, record.confidence) == (
        "a blue circle",
        first.id,
        None,
        None,
    )
    assert runtime.store.turn(record.id).turn.images == first.turn.images
    assert runtime.store.turn(first.id).answer == "a red circle"
    ask(runtime, "and its size?", conversation_id=first.turn.conversation_id)
    assert [each.answer for each in model.turns[-1].history] == ["a blue circle"]
    assert runtime.store.verify_audit().ok


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "not changed"), ("a red circle", "not changed"), ("x" * 20_001, "20,001"), ("how forbidden", "Not kept")],
)
def test_an_answer_that_cannot_be_kept_is_a_sentence(runtime: Runtime, text: str, said: str) -> None:
    first = ask(runtime, "what is this?", [picture()])
    with pytest.raises(InputError, match=said):
        edit_answer(runtime, first.id, text)
    assert runtime.store.siblings(first.id) == [first.id]


def test_a_refused_turn_gets_no_answer_by_hand(runtime: Runtime) -> None:
    refused = ask(runtime, "something forbidden")
    with pytest.raises(InputError, match="refused question has no answer"):
        edit_answer(runtime, refused.id, "here it is")
    with pytest.raises(NotFound):
        edit_answer(runtime, "0" * 32, "x")


def test_a_stopped_answer_goes_on_from_the_same_words(runtime: Runtime) -> None:
    stop = threading.Event()
    events = runtime.run_turn(runtime.follow(None, question("a long story", [picture()])), stop)
    record = None
    for event in events:
        if isinstance(event, Segment):
            stop.set()
        record = getattr(event, "record", record)
    assert record is not None
    assert record.status == "stopped"
    assert can_go_on(record)
    whole = finish(runtime.run_turn(go_on(runtime, record.id)))
    assert whole.answer == LONG
    assert record.answer
    assert runtime.generator().backend.turns[-1].begun == record.answer  # type: ignore[attr-defined]
    assert WENT_ON in whole.trace.notes
    assert whole.turn.settings.seed == record.turn.settings.seed
    assert runtime.store.siblings(record.id) == [record.id, whole.id]
    assert not can_go_on(whole)


def test_an_answer_that_was_cut_off_gets_more_room(runtime: Runtime) -> None:
    turn = Turn(question=ask(runtime, "hello").turn.question, settings=TurnSettings(max_tokens=5))
    tokens = TokenCount(read=1, written=5, cut_off=True)
    cut = TurnRecord(turn=turn, status="answered", answer="one two thr", trace=Trace(tokens=tokens))
    runtime.store.save_turn(cut)
    assert can_go_on(cut)
    asked = go_on(runtime, cut.id)
    assert asked.settings.max_tokens == 256
    assert asked.begun == "one two"  # the last word may be a part of one


@pytest.mark.parametrize(
    ("answer", "begun"),
    [
        ("one", "one"),
        ("a word and " + "x" * 41, "a word and " + "x" * 41),
        ("这是一个没有空格的句子", "这是一个没有空格的句子"),
        ("First this.\n\none two", "one"),
        ("one two\n\nAsk somebody.", "one"),
    ],
)
def test_what_the_model_gets_is_what_it_wrote_up_to_a_whole_word(runtime: Runtime, answer: str, begun: str) -> None:
    duties = [
        VerdictRecord(stage="question", plugin="duty", verdict=Verdict(action="disclaim", message=message))
        for message in ("First this.", "Ask somebody.")
    ]
    tokens = TokenCount(read=1, written=5, cut_off=True)
    trace = Trace(tokens=tokens, verdicts=tuple(duties))
    cut = TurnRecord(turn=Turn(question=Message(text="hello")), status="answered", answer=answer, trace=trace)
    runtime.store.save_turn(cut)
    assert go_on(runtime, cut.id).begun == begun


def test_a_model_that_cannot_go_on_is_named_and_no_turn_is_made(runtime: Runtime, model: FakeModel) -> None:
    tokens = TokenCount(read=1, written=5, cut_off=True)
    cut = TurnRecord(
        turn=Turn(question=Message(text="hello")), status="answered", answer="one two", trace=Trace(tokens=tokens)
    )
    runtime.store.save_turn(cut)
    model.can_go_on = False
    with pytest.raises(GenerationError, match="'fake' cannot go on with an answer"):
        go_on(runtime, cut.id)
    record = finish(runtime.run_turn(runtime.follow(None, replace(question("hello"), begun="one"))))
    assert record.status == "failed"
    assert "cannot go on" in record.error


def test_a_whole_answer_has_nothing_to_go_on_with(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match="is whole"):
        go_on(runtime, ask(runtime, "hello").id)


def test_a_fork_copies_everything_up_to_a_turn_and_leaves_the_old_chat_alone(
    runtime: Runtime, model: FakeModel
) -> None:
    first = ask(runtime, "what is this?", [picture()])
    chat = first.turn.conversation_id
    second = ask(runtime, "something forbidden", conversation_id=chat)
    ask(runtime, "third", conversation_id=chat)
    copy = fork(runtime, second.id)
    records = runtime.store.branch(copy)
    assert [each.turn.question.text for each in records] == ["what is this?", "something forbidden"]
    assert [each.status for each in records] == ["answered", "refused"]
    assert records[0].turn.images[0].data == first.turn.images[0].data
    assert not {each.id for each in records} & {each.id for each in runtime.store.branch(chat)}
    assert len(runtime.store.branch(chat)) == 3
    ask(runtime, "and its colour?", conversation_id=copy)
    assert model.turns[-1].images == first.turn.images
    runtime.store.delete_conversation(chat)
    assert len(runtime.store.branch(copy)) == 3
    assert runtime.store.verify_audit().ok


def test_a_fork_that_cannot_be_stored_leaves_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(runtime, "one")
    second = ask(runtime, "two", conversation_id=first.turn.conversation_id)
    save, saved = runtime.store.save_turn, []

    def full(record: Any) -> None:
        if saved:
            raise StoreFull("The disk has no room.")
        saved.append(save(record))

    monkeypatch.setattr(runtime.store, "save_turn", full)
    with pytest.raises(StoreFull):
        fork(runtime, second.id)
    assert len(runtime.store.conversations()) == 1


def question(text: str, images: Any = ()) -> Any:
    from assistant.runtime import Question

    return Question(text, images, door="test")
