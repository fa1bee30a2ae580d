from __future__ import annotations

import sqlite3

import pytest

from assistant.errors import NotFound, StoreError
from assistant.messages import Appeal, Feedback, TurnRecord
from assistant.store import ratings
from assistant.verdicts import Refusal, Rule


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
    decided = store.decide_appeal(first.id, "overturned", reviewer="Ada", reason="A toy is no weapon.")
    assert decided.decided_at is not None
    assert decided == first.model_copy(
        update={
            "status": "overturned",
            "reviewer": "Ada",
            "reason": "A toy is no weapon.",
            "decided_at": decided.decided_at,
        }
    )
    assert store.appeal(first.id) == decided
    assert store.appeals("overturned") == [decided]
    assert store.appeals("open") == [second]
    assert store.appeals() == [decided, second]
    leaf = store.audit_leaves()[-1].data
    said = {name: leaf[name] for name in ("status", "who", "rule", "pack", "version", "appeal")}
    assert said == {
        "status": "overturned",
        "who": "Ada",
        "rule": "core.weapons",
        "pack": "core",
        "version": "1.2.0",
        "appeal": first.id,
    }
    assert "toy" not in store.audit_leaves()[-1].payload
    assert store.verify_audit().ok
    with pytest.raises(StoreError, match="already"):
        store.add_appeal(first)
    with pytest.raises(NotFound, match="'none'"):
        store.decide_appeal("none", "upheld", reviewer="Ada", reason="So it is.")
    with pytest.raises(StoreError, match="decided already: overturned by Ada"):
        store.decide_appeal(first.id, "upheld", reviewer="Bob", reason="No.")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE appeals SET reason = 'Because I say so.'",
        "UPDATE appeals SET reviewer = 'Eve'",
        "UPDATE appeals SET status = 'upheld'",
        "UPDATE appeals SET status = 'open', reviewer = NULL, reason = NULL, decided_at = NULL",
    ],
)
def test_a_decision_that_was_changed_is_found(store, turn_id, raw, change):
    appeal = Appeal(turn_id=turn_id, rule="core.weapons", pack="core", pack_version="1.2.0")
    store.add_appeal(appeal)
    store.decide_appeal(appeal.id, "overturned", reviewer="Ada", reason="A toy is no weapon.")
    assert store.verify_audit().ok
    raw.execute(change)
    problems = store.verify_audit().problems
    assert [each.index for each in problems] == [store.audit_leaves()[-1].index]
    assert "decision about the appeal" in problems[0].message


def test_a_decision_beside_the_log_is_found(store, turn_id, raw):
    appeal = Appeal(turn_id=turn_id, rule="core.weapons", pack="core", pack_version="1.2.0")
    store.add_appeal(appeal)
    raw.execute("UPDATE appeals SET status = 'overturned'")
    assert "beside the log" in store.verify_audit().problems[0].message


def test_every_rule_has_its_refusals_and_decided_appeals(store, make_record):
    def refused(rule: str, version: str = "1.0", action: str = "refuse") -> TurnRecord:
        cited = Rule(id=rule, title="t", text="t", pack="p", pack_version=version)
        refusal = Refusal(cause="rule", stage="question", action=action, rule=cited)
        status = "asked" if action == "ask" else "refused"
        record = make_record(status=status, refusal=refusal, answer="")
        store.save_turn(record)
        return record

    def appealed(record: TurnRecord) -> Appeal:
        rule = record.refusal.rule
        appeal = Appeal(turn_id=record.id, rule=rule.id, pack=rule.pack, pack_version=rule.pack_version)
        store.add_appeal(appeal)
        return appeal

    store.save_turn(make_record())
    refused("a")
    store.decide_appeal(appealed(refused("a")).id, "upheld", reviewer="Ada", reason="Yes.")
    for _ in range(2):
        store.decide_appeal(appealed(refused("b", action="ask")).id, "overturned", reviewer="Ada", reason="No.")
    again = refused("a", version="1.1")
    appealed(again)
    appealed(again)  # twice against one refusal: it counts once
    found = [tuple(each.model_dump().values()) for each in store.rule_tallies()]
    assert found == [("a", "p", "1.0", 2, 1, 1, 0), ("b", "p", "1.0", 2, 2, 0, 2), ("a", "p", "1.1", 1, 1, 0, 0)]
