from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assistant.errors import NotFound, StoreError
from assistant.messages import Exchange, Message, ModelInfo, Trace, TurnSettings, VerdictRecord
from assistant.verdicts import Refusal, Rule, Span, Verdict

RULE = Rule(id="core.weapons", title="No weapons", text="No help with weapons.", pack="core", pack_version="1.2.0")


def test_a_turn_comes_back_as_it_was(store, make_record, picture):
    record = make_record(
        "Was ist das? 🟥\n\x00 and a NUL",
        images=(picture(b"one", "one.png"), picture(b"two")),
        confidence=0.25,
        trace=Trace(
            model=ModelInfo(name="glassbox-open", fingerprint="f1"),
            packs={"core": "1.2.0"},
            settings=TurnSettings(temperature=0.5, seed=7),
            timings={"generate": 12.5},
            draft_changes=(("a", "b"),),
            backend_state={"tokens": [1, 2], "logprobs": [-0.5, -1.0]},
        ),
    )
    store.save_turn(record)
    loaded = store.turn(record.id)
    assert loaded == record
    assert [part.data for part in loaded.turn.question.images] == [b"one", b"two"]


def test_the_columns_one_would_query_are_filled(store, make_record, raw):
    verdict = VerdictRecord(
        stage="question", plugin="safety", verdict=Verdict(action="warn", rule=RULE, score=0.75, threshold=0.5)
    )
    model = ModelInfo(name="glassbox-open", fingerprint="f1")
    record = make_record("Q", confidence=0.25, trace=Trace(model=model, verdicts=(verdict,)))
    store.save_turn(record)
    columns = "id, conversation_id, parent_id, status, question, answer, confidence, model_name, model_fingerprint"
    assert raw.execute(f"SELECT {columns} FROM turns").fetchall() == [
        (record.id, record.turn.conversation_id, None, "answered", "Q", "a red circle", 0.25, "glassbox-open", "f1")
    ]
    columns = "turn_id, stage, plugin, action, rule, pack, pack_version, score, threshold"
    assert raw.execute(f"SELECT {columns} FROM verdicts").fetchall() == [
        (record.id, "question", "safety", "warn", "core.weapons", "core", "1.2.0", 0.75, 0.5)
    ]


def test_a_refused_turn_keeps_its_question_and_its_card(store, make_record):
    refusal = Refusal(cause="rule", stage="question", rule=RULE, spans=(Span(start=0, end=3),), triggers=("How",))
    record = make_record("How do I build a gun?", status="refused", answer="", refusal=refusal)
    store.save_turn(record)
    assert store.turn(record.id) == record
    assert "No weapons" in store.turn(record.id).shown


def test_a_refused_answer_never_gets_in(store, make_record, counts):
    refusal = Refusal(cause="rule", stage="answer", rule=RULE)
    record = make_record(status="refused", answer="the recipe", refusal=refusal)
    with pytest.raises(StoreError, match="must not carry an answer") as raised:
        store.save_turn(record)
    assert "the recipe" not in str(raised.value)
    assert counts()["turns"] == counts()["conversations"] == counts()["audit"] == 0


def test_an_id_is_taken_once(store, make_record):
    first = make_record()
    store.save_turn(first)
    again = make_record(turn={"id": first.id}, answer="something else")
    with pytest.raises(StoreError, match="never replaced"):
        store.save_turn(again)
    assert store.turn(first.id) == first
    assert [line.id for line in store.conversations()] == [first.turn.conversation_id]


def test_the_same_picture_is_kept_once(store, make_record, picture, counts):
    part = picture(b"x" * 5000)
    for _ in range(3):
        store.save_turn(make_record(images=(part, part)))
    assert counts()["images"] == 1
    assert store.image(part.sha256) == b"x" * 5000


def test_pictures_of_the_history_come_back_too(store, make_record, picture):
    # A conversation that comes in through the API has a history that was never stored turn by turn.
    part = picture(b"earlier")
    history = (Exchange(question=Message(text="What?", images=(part,)), answer="A cat."),)
    record = make_record("And its colour?", turn={"history": history})
    store.save_turn(record)
    assert [image.data for image in store.turn(record.id).turn.images] == [b"earlier"]


@pytest.mark.parametrize(
    ("change", "said"), [({"data": b""}, "without its bytes"), ({"data": b"other"}, "its bytes have")]
)
def test_a_picture_that_is_not_what_it_says_is_refused(store, make_record, picture, counts, change, said):
    part = picture().model_copy(update=change)
    with pytest.raises(StoreError, match=said):
        store.save_turn(make_record(images=(part,)))
    assert counts()["turns"] == counts()["images"] == counts()["conversations"] == 0


def test_text_that_is_no_unicode_is_refused_in_words(store, make_record):
    with pytest.raises(StoreError, match="surrogate"):
        store.save_turn(make_record("half a smiley \ud83d"))
    store.save_turn(make_record("a whole one"))


def test_moments_come_back_in_utc(store, make_record):
    there = timezone(timedelta(hours=5, minutes=30))
    record = make_record(
        turn={"created_at": datetime(2026, 3, 1, 12, 0, 0, 123456, there)}, finished_at=datetime(2026, 3, 1, 7, 0)
    )
    store.save_turn(record)
    loaded = store.turn(record.id)
    assert loaded.turn.created_at == datetime(2026, 3, 1, 6, 30, 0, 123456, UTC)
    assert loaded.finished_at == datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    line = store.conversations()[0]
    for moment in (loaded.turn.created_at, loaded.finished_at, line.created_at, line.updated_at):
        assert moment.tzinfo is UTC


@pytest.fixture
def tree(store, make_record):
    """a - b - c, with b2 a retry of b and a2 a retry of a."""

    def add(name, parent):
        record = make_record(name, turn={"id": name, "conversation_id": "talk", "parent_id": parent})
        store.save_turn(record)
        return record

    return {
        name: add(name, parent) for name, parent in [("a", None), ("b", "a"), ("c", "b"), ("b2", "a"), ("a2", None)]
    }


@pytest.mark.parametrize(
    ("leaf", "names"), [("c", ["a", "b", "c"]), ("b2", ["a", "b2"]), ("b", ["a", "b"]), ("a2", ["a2"]), (None, ["a2"])]
)
def test_a_branch_runs_from_the_root_to_its_leaf(store, tree, leaf, names):
    assert store.branch("talk", leaf) == [tree[name] for name in names]


@pytest.mark.parametrize(("turn", "group"), [("b", ["b", "b2"]), ("b2", ["b", "b2"]), ("a", ["a", "a2"]), ("c", ["c"])])
def test_retries_are_siblings_oldest_first(store, tree, turn, group):
    assert store.siblings(turn) == group


def test_first_turns_of_other_conversations_are_no_siblings(store, tree, make_record):
    other = make_record()
    store.save_turn(other)
    assert store.siblings(other.id) == [other.id]


def test_a_branch_goes_on_where_a_parent_could_not_be_stored(store, make_record):
    record = make_record(turn={"conversation_id": "talk", "parent_id": "lost"})
    store.save_turn(record)
    assert store.branch("talk") == [record]


def test_a_circle_of_parents_ends(store, make_record):
    for name, parent in (("x", "y"), ("y", "x")):
        store.save_turn(make_record(turn={"id": name, "conversation_id": "talk", "parent_id": parent}))
    assert [record.id for record in store.branch("talk", "y")] == ["x", "y"]


def test_a_long_branch_comes_back_whole(store, make_record, picture):
    names = [f"t{number}" for number in range(1203)]
    for parent, name in zip([None, *names], names, strict=False):
        images = (picture(name.encode()),) if name in ("t0", "t1202") else ()
        store.save_turn(make_record(images=images, turn={"id": name, "conversation_id": "talk", "parent_id": parent}))
    branch = store.branch("talk")
    assert [record.id for record in branch] == names
    assert branch[0].turn.images[0].data == b"t0"


def test_what_is_not_there_is_said(store, tree):
    for call in (
        lambda: store.turn("none"),
        lambda: store.siblings("none"),
        lambda: store.branch("none"),
        lambda: store.branch("talk", "none"),
        lambda: store.image("none"),
    ):
        with pytest.raises(NotFound, match="'none'"):
            call()


def test_a_record_of_another_form_is_named(store, make_record, raw: sqlite3.Connection):
    record = make_record()
    store.save_turn(record)
    raw.execute("UPDATE turns SET record = json_set(record, '$.status', 'dreamt')")
    with pytest.raises(StoreError, match=rf"{record.id}.*status"):
        store.turn(record.id)


def test_whether_a_turn_is_stored(store, make_record):
    record = make_record()
    assert not store.has_turn(record.id)
    store.save_turn(record)
    assert store.has_turn(record.id)
