from __future__ import annotations

import pytest

from assistant.errors import NotFound, StoreError
from assistant.messages import Appeal, Feedback, Trace, VerdictRecord
from assistant.verdicts import Rule, Verdict

RULE = Rule(id="core.weapons", title="No weapons", text="No help with weapons.", pack="core", pack_version="1.2.0")
LONG = "What are the many coloured things on the left side of this very crowded picture?"


@pytest.mark.parametrize(
    ("text", "name", "title"),
    [
        ("What is this?", "cat.png", "What is this?"),
        ("  two\n\nlines ", "", "two lines"),
        ("", "cat.png", "cat.png"),
        ("  ", "", "Picture"),
        (LONG, "", "What are the many coloured things on the left side of this…"),
        ("x" * 60, "", "x" * 60),
        ("x" * 61, "", "x" * 59 + "…"),
        ("x" * 60 + " y", "", "x" * 59 + "…"),
    ],
)
def test_the_title_is_the_first_question_or_the_picture(store, make_record, picture, text, name, title):
    store.save_turn(make_record(text, images=(picture(name=name),)))
    assert [line.title for line in store.conversations()] == [title]
    assert len(title) <= 60


def test_the_title_stays_with_the_first_question(store, make_record):
    store.save_turn(make_record("first", turn={"conversation_id": "talk"}))
    store.save_turn(make_record("second", turn={"conversation_id": "talk"}))
    assert store.conversations()[0].title == "first"


def test_the_list_has_the_newest_first_and_pages(store, make_record):
    records = {}
    for name in ("a", "b", "c", "a"):
        records[name] = make_record(turn={"conversation_id": name})
        store.save_turn(records[name])
    lines = store.conversations()
    assert [(line.id, line.turns) for line in lines] == [("a", 2), ("c", 1), ("b", 1)]
    assert lines[0].updated_at == records["a"].finished_at
    assert lines[0].created_at < lines[2].created_at
    assert store.conversations(limit=1, offset=1) == lines[1:2]
    assert store.conversations(limit=10, offset=3) == []


def test_a_turn_that_ended_earlier_does_not_move_the_conversation_back(store, make_record):
    early, late = make_record(turn={"conversation_id": "a"}), make_record(turn={"conversation_id": "a"})
    store.save_turn(late)
    store.save_turn(early)
    assert store.conversations()[0].updated_at == late.finished_at


def test_renaming_changes_the_title_only(store, make_record):
    store.save_turn(make_record(turn={"conversation_id": "a"}))
    before = store.conversations()[0]
    store.rename_conversation("a", "  My\n cats ")
    assert store.conversations()[0] == before.model_copy(update={"title": "My cats"})
    with pytest.raises(StoreError, match="at least one character"):
        store.rename_conversation("a", " ")
    with pytest.raises(NotFound, match="'none'"):
        store.rename_conversation("none", "x")


def test_deleting_takes_everything_of_the_conversation_and_nothing_else(store, make_record, picture, counts):
    shared, own = picture(b"shared"), picture(b"own")
    verdict = VerdictRecord(stage="question", plugin="safety", verdict=Verdict(action="warn", rule=RULE))
    turn = {"conversation_id": "gone"}
    gone = make_record(images=(shared, own), turn=turn, trace=Trace(verdicts=(verdict,)))
    kept = make_record(images=(shared,), trace=Trace(verdicts=(verdict,)))
    for record in (gone, kept):
        store.save_turn(record)
        store.add_feedback(Feedback(turn_id=record.id, rating="up"))
        store.add_appeal(Appeal(turn_id=record.id, rule="r", pack="p", pack_version="1"))
    store.delete_conversation("gone")

    assert [line.id for line in store.conversations()] == [kept.turn.conversation_id]
    assert store.turn(kept.id) == kept
    assert store.image(shared.sha256) == b"shared"
    with pytest.raises(NotFound):
        store.image(own.sha256)
    with pytest.raises(NotFound):
        store.turn(gone.id)
    assert store.feedback(gone.id) is None
    assert store.appeals_of(gone.id) == []
    rows = counts()
    assert {name: rows[name] for name in ("turns", "verdicts", "feedback", "appeals", "images", "turn_images")} == (
        dict.fromkeys(("turns", "verdicts", "feedback", "appeals", "images", "turn_images"), 1)
    )
    leaves = store.audit_leaves()
    assert [leaf.kind for leaf in leaves] == ["turn", "feedback", "appeal"] * 2 + ["deletion"]
    assert leaves[-1].data["conversation"] == "gone"
    assert leaves[-1].data["removed"] == {"turns": 1, "feedback": 1, "appeals": 1}
    assert store.verify_audit().ok


def test_deleting_what_is_not_there_changes_nothing(store, counts):
    with pytest.raises(NotFound, match="'none'"):
        store.delete_conversation("none")
    assert counts()["audit"] == 0


def test_deleted_words_are_in_no_file_any_more(store, make_record, path, picture):
    data = b"PICTURE-BYTES" * 2000
    store.save_turn(
        make_record("SECRET-QUESTION", answer="SECRET-ANSWER", images=(picture(data),), turn={"conversation_id": "a"})
    )
    store.save_turn(make_record("KEPT-QUESTION"))
    record = store.branch("a")[0]
    store.add_feedback(Feedback(turn_id=record.id, rating="down", text="SECRET-RATING"))
    words = (b"SECRET-QUESTION", b"SECRET-ANSWER", b"SECRET-RATING", b"PICTURE-BYTES")

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert all(word in on_disk() for word in words)
    store.delete_conversation("a")
    assert not [word for word in words if word in on_disk()]
    assert b"KEPT-QUESTION" in on_disk()
