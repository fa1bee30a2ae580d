from __future__ import annotations

import hashlib
import json
import sqlite3

import pytest

from assistant.messages import Appeal, Feedback, ModelInfo, Trace, VerdictRecord
from assistant.verdicts import Refusal, Rule, Verdict

RULE = Rule(id="core.weapons", title="No weapons", text="No help with weapons.", pack="core", pack_version="1.2.0")
TRIGGERS = ("audit_no_update", "audit_no_delete", "audit_in_order", "feedback_no_update")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def unguarded(raw: sqlite3.Connection) -> sqlite3.Connection:
    for name in TRIGGERS:
        raw.execute(f"DROP TRIGGER {name}")
    return raw


@pytest.fixture
def five(store, make_record):
    """Five turns in five conversations."""
    records = [make_record(f"question {number}", turn={"id": f"t{number}"}) for number in range(5)]
    for record in records:
        store.save_turn(record)
    assert store.verify_audit().ok
    return records


def found(store) -> list[int | None]:
    report = store.verify_audit()
    assert report.ok == (not report.problems)
    return [problem.index for problem in report.problems]


def rehash(raw: sqlite3.Connection, number: int) -> None:
    raw.execute(
        "UPDATE audit SET hash = ? WHERE number = ?",
        (
            sha("".join(raw.execute("SELECT previous, payload FROM audit WHERE number = ?", (number,)).fetchone())),
            number,
        ),
    )


def test_the_chain_can_be_recomputed_by_hand(store, five):
    previous = "0" * 64
    leaves = store.audit_leaves()
    for index, leaf in enumerate(leaves):
        assert (leaf.index, leaf.kind, leaf.previous) == (index, "turn", previous)
        assert leaf.hash == sha(previous + leaf.payload)
        assert leaf.payload == json.dumps(leaf.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert leaf.data["turn"] == f"t{index}"
        previous = leaf.hash
    report = store.verify_audit()
    assert (report.leaves, report.head, report.ok) == (5, previous, True)


def test_leaves_come_in_pages(store, five):
    assert [leaf.index for leaf in store.audit_leaves(2, 2)] == [2, 3]
    assert store.audit_leaves(5) == []


def test_an_empty_log_is_fine(store):
    report = store.verify_audit()
    assert (report.leaves, report.head, report.ok) == (0, "0" * 64, True)


def test_a_leaf_names_rules_and_holds_no_words(store, make_record):
    verdict = VerdictRecord(
        stage="question", plugin="safety", verdict=Verdict(action="refuse", rule=RULE, message="WORDS")
    )
    record = make_record(
        "WORDS of a question",
        status="refused",
        answer="",
        refusal=Refusal(cause="rule", stage="question", rule=RULE, triggers=("WORDS",)),
        trace=Trace(verdicts=(verdict,), packs={"core": "1.2.0"}, model=ModelInfo(name="m", fingerprint="f")),
    )
    store.save_turn(record)
    store.add_feedback(Feedback(turn_id=record.id, rating="down", text="WORDS", correction="WORDS"))
    store.add_appeal(Appeal(turn_id=record.id, rule="core.weapons", pack="core", pack_version="1.2.0", text="WORDS"))
    leaves = store.audit_leaves()
    assert [leaf.kind for leaf in leaves] == ["turn", "feedback", "appeal"]
    assert not [leaf for leaf in leaves if "WORDS" in leaf.payload]
    cited = {"stage": "question", "rule": "core.weapons", "pack": "core", "version": "1.2.0"}
    assert leaves[0].data["refused_by"] == {"cause": "rule", **cited}
    assert leaves[0].data["verdicts"] == [{"plugin": "safety", "action": "refuse", **cited}]
    assert leaves[0].data["status"] == "refused"
    assert leaves[0].data["packs"] == {"core": "1.2.0"}


def test_a_guess_at_a_question_cannot_be_checked_against_the_log(store, make_record, tmp_path):
    # The same record in two stores: without a salt the seals would be equal, and a guess could be tried out.
    from assistant.store import Store

    record = make_record("yes?")
    store.save_turn(record)
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.save_turn(record)
    assert store.audit_leaves()[0].data["seal"] != other.audit_leaves()[0].data["seal"]
    other.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET payload = '{}' WHERE number = 1",
        "UPDATE audit SET number = 9 WHERE number = 4",
        "DELETE FROM audit WHERE number = 4",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT number, kind, '{}', previous, hash FROM audit WHERE number = 1",
        "INSERT INTO audit VALUES (7, 'turn', '{}', 'a', 'b')",
        "INSERT INTO audit VALUES (-1, 'turn', '{}', 'a', 'b')",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(store, five, raw, statement):
    before = store.audit_leaves()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert store.audit_leaves() == before


def test_a_changed_leaf_is_found(store, five, unguarded):
    unguarded.execute("UPDATE audit SET payload = replace(payload, 'answered', 'refused') WHERE number = 2")
    assert found(store) == [2]
    assert "Leaf 2 was changed" in store.verify_audit().problems[0].message


def test_a_changed_leaf_with_a_new_hash_is_found(store, five, unguarded):
    unguarded.execute("UPDATE audit SET payload = replace(payload, 'answered', 'refused') WHERE number = 2")
    rehash(unguarded, 2)
    assert found(store) == [3]
    assert "Leaf 3 does not follow leaf 2" in store.verify_audit().problems[0].message


def test_a_changed_hash_is_found(store, five, unguarded):
    unguarded.execute("UPDATE audit SET hash = 'x' WHERE number = 2")
    assert found(store) == [2, 3]


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_removed_leaf_is_found_at_the_end_too(store, five, unguarded, number):
    unguarded.execute("DELETE FROM audit WHERE number = ?", (number,))
    report = store.verify_audit()
    messages = " ".join(problem.message for problem in report.problems)
    assert f"'t{number}' has no leaf" in messages
    if number < 4:
        assert f"Leaf {number} was removed." in messages
        assert report.problems[0].index == number


def test_removed_leaves_that_were_closed_up_are_found(store, five, unguarded):
    unguarded.execute("DELETE FROM audit WHERE number = 2")
    unguarded.execute("UPDATE audit SET number = number - 1 WHERE number > 2")
    report = store.verify_audit()
    assert {problem.index for problem in report.problems} == {2, 3, None}
    assert "was moved" in report.problems[0].message


def test_swapped_leaves_are_found(store, five, unguarded):
    for step in ("number = -number WHERE number IN (1, 2)", "number = 3 + number WHERE number < 0"):
        unguarded.execute(f"UPDATE audit SET {step}")
    assert set(found(store)) == {1, 2, 3}


def test_a_relabelled_leaf_is_found(store, five, unguarded):
    unguarded.execute("UPDATE audit SET kind = 'appeal' WHERE number = 3")
    assert 3 in found(store)


def test_a_leaf_that_is_no_text_is_found(store, five, unguarded):
    unguarded.execute("UPDATE audit SET payload = x'ff00' WHERE number = 3")
    assert 3 in found(store)


@pytest.mark.parametrize("column", ["answer", "status"])
def test_a_turn_that_was_changed_later_is_found(store, five, raw, column):
    raw.execute(f"UPDATE turns SET record = json_set(record, '$.{column}', 'forged') WHERE id = 't3'")
    assert found(store) == [3]
    assert "'t3' was changed after leaf 3" in store.verify_audit().problems[0].message


def test_a_turn_that_vanished_is_found(store, five, raw):
    raw.execute("DELETE FROM turns WHERE id = 't1'")
    assert found(store) == [1]
    assert "no leaf says that it was deleted" in store.verify_audit().problems[0].message


def test_a_turn_put_in_beside_the_log_is_found(store, five, raw):
    raw.execute(
        "INSERT INTO turns (id, conversation_id, created_at, status, question, answer, record, salt) SELECT 'forged', "
        "conversation_id, created_at, status, question, answer, record, salt FROM turns WHERE id = 't1'"
    )
    assert found(store) == [None]
    assert "'forged' has no leaf" in store.verify_audit().problems[0].message


def test_changed_ratings_and_appeals_are_found(store, five, unguarded):
    store.add_feedback(Feedback(turn_id="t0", rating="up", reasons=("clear",)))
    store.add_appeal(Appeal(turn_id="t0", rule="r", pack="p", pack_version="1", text="please"))
    assert found(store) == []
    unguarded.execute("UPDATE feedback SET rating = 'down'")
    unguarded.execute("UPDATE appeals SET text = 'never mind'")
    assert found(store) == [5, 6]


def test_a_hidden_deletion_is_found(store, five, unguarded):
    store.delete_conversation(five[2].turn.conversation_id)
    assert found(store) == []
    unguarded.execute("DELETE FROM audit WHERE kind = 'deletion'")
    assert found(store) == [2]
