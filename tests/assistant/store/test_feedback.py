from __future__ import annotations

import sqlite3

import pytest

from assistant.errors import NotFound, StoreError
from assistant.messages import Appeal, Feedback
from assistant.store import ratings


@pytest.fixture
def turn_id(store, make_record):
    record = make_record()
    store.save_turn(record)
    return record.id


def test_the_last_rating_counts_and_every_one_is_kept(store, turn_id):
    assert store.feedback(turn_id) is None
    up = Feedback(turn_id=turn_id, rating="up")
    down = Feedback(
        turn_id=turn_id,
        rating="down",
        reasons=("wrong_colour", "too_short"),
        text="No.",
        correction="blue",
        created_at=up.created_at,
    )
    back = Feedback(turn_id=turn_id, rating="none")
    again = Feedback(turn_id=turn_id, rating="up")
    for event, current in ((up, up), (down, down), (back, None), (again, again)):
        store.add_feedback(event)
        assert store.feedback(turn_id) == current
    assert store.feedback_history(turn_id) == [up, down, back, again]


def test_all_feedback_says_which_counts(store, make_record, monkeypatch):
    monkeypatch.setattr(ratings, "PAGE", 2)
    records = [make_record() for _ in range(3)]
    events = []
    for record in records:
        store.save_turn(record)
    for which, rating in ((0, "up"), (1, "up"), (0, "down"), (2, "down"), (1, "none")):
        events.append(Feedback(turn_id=records[which].id, rating=rating))
        store.add_feedback(events[-1])
    assert list(store.all_feedback()) == list(zip(events, [False, False, True, True, False], strict=True))


def test_all_feedback_is_of_one_moment(store, turn_id, monkeypatch):
    monkeypatch.setattr(ratings, "PAGE", 1)
    first, second, third = (Feedback(turn_id=turn_id, rating="up") for _ in range(3))
    store.add_feedback(first)
    store.add_feedback(second)
    running = store.all_feedback()
    assert next(running) == (first, False)
    store.add_feedback(third)  # writing while somebody reads must not hang
    assert list(running) == [(second, True)]


def test_no_ratings_at_all(store):
    assert list(store.all_feedback()) == []


def test_a_rating_is_never_changed(store, turn_id, raw):
    event = Feedback(turn_id=turn_id, rating="up")
    store.add_feedback(event)
    with pytest.raises(StoreError, match="never changed"):
        store.add_feedback(event.model_copy(update={"rating": "down"}))
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        raw.execute("UPDATE feedback SET rating = 'down'")
    assert store.feedback(turn_id) == event
    assert len(store.feedback_history(turn_id)) == 1


def test_a_rating_needs_its_turn(store):
    with pytest.raises(NotFound, match="'none'"):
        store.add_feedback(Feedback(turn_id="none", rating="up"))
    with pytest.raises(NotFound, match="'none'"):
        store.add_appeal(Appeal(turn_id="none", rule="r", pack="p", pack_version="1"))
    assert store.audit_leaves() == []


def test_appeals_are_listed_by_status_and_by_turn(store, turn_id, make_record):
    other = make_record()
    store.save_turn(other)
    first = Appeal(turn_id=turn_id, rule="core.weapons", pack="core", pack_version="1.2.0", text="It is a toy.")
    second = Appeal(turn_id=other.id, rule="core.weapons", pack="core", pack_version="1.2.0")
    store.add_appeal(first)
    store.add_appeal(second)
    assert store.appeals() == store.appeals("open") == [first, second]
    assert store.appeals_of(turn_id) == [first]
    store.decide_appeal(first.id, "overturned")
    decided = first.model_copy(update={"status": "overturned"})
    assert store.appeals("overturned") == [decided]
    assert store.appeals("open") == [second]
    assert store.appeals() == [decided, second]
    assert store.audit_leaves()[-1].data["status"] == "overturned"
    assert store.verify_audit().ok
    with pytest.raises(StoreError, match="already"):
        store.add_appeal(first)
    with pytest.raises(NotFound, match="'none'"):
        store.decide_appeal("none", "upheld")
