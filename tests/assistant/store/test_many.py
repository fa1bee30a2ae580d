"""Many threads and many programs at once, and one that dies in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from assistant.messages import Feedback
from assistant.store import Store

from .conftest import POSTGRESQL

ROOT = Path(__file__).parents[3]
THREADS, TURNS = 8, 10 if POSTGRESQL else 50
"""A server takes a round trip for each statement, and its writers wait for one another."""

WRITER = """
import sys
from assistant.messages import Message, Turn, TurnRecord
from assistant.store import Store
path, turns = sys.argv[1], int(sys.argv[2])
store = Store(f"sqlite:///{path}")
for number in range(turns):
    record = TurnRecord(turn=Turn(question=Message(text="q")), status="answered", answer="a")
    store.save_turn(record)
    print(record.id, flush=True)
"""


def start_writer(path: Path, turns: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(turns)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_threads_lose_nothing(store, make_record, picture):
    records = [
        [
            make_record(f"{thread}-{number}", images=(picture(b"shared"),), turn={"conversation_id": f"c{thread}"})
            for number in range(TURNS)
        ]
        for thread in range(THREADS)
    ]
    together = threading.Barrier(THREADS)

    def work(mine):
        together.wait()
        for record in mine:
            store.save_turn(record)
            assert store.turn(record.id) == record
            store.add_feedback(Feedback(turn_id=record.id, rating="up"))
            assert store.feedback(record.id) is not None

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, records, timeout=60))
    assert {line.id: line.turns for line in store.conversations()} == {f"c{n}": TURNS for n in range(THREADS)}
    for mine in records:
        assert [store.turn(record.id) for record in mine] == mine
    report = store.verify_audit()
    assert (report.ok, report.leaves) == (True, 2 * THREADS * TURNS)
    assert sum(current for _, current in store.all_feedback()) == THREADS * TURNS


def test_a_reader_sees_whole_turns_only_and_does_not_wait_for_a_writer(store, make_record):
    record = make_record(turn={"conversation_id": "talk"})
    store.save_turn(record)
    with store._database.write() as connection:
        from assistant.store import turns

        second = make_record(turn={"conversation_id": "talk", "parent_id": record.id})
        turns.save(connection, second, second.model_dump_json())
        with ThreadPoolExecutor(1) as pool:
            seen = pool.submit(store.branch, "talk").result(timeout=5)
    assert seen == [record]
    assert store.branch("talk") == [record, second]


@pytest.mark.parametrize("attempt", range(10))
def test_stores_opened_at_once_in_one_program(path, attempt):
    together = threading.Barrier(6)

    def make(_):
        together.wait()
        return Store(f"sqlite:///{path}")

    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(make, range(6), timeout=60))
    assert all(store.conversations() == [] for store in stores)
    for store in stores:
        store.close()


def test_different_databases_made_at_once_in_one_program(tmp_path):
    # alembic keeps the running migration in a global
    together = threading.Barrier(6)

    def make(number):
        together.wait()
        return Store(f"sqlite:///{tmp_path}/{number}.sqlite3")

    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(make, range(6), timeout=60))
    assert all(store.conversations() == [] for store in stores)
    for store in stores:
        store.close()


def test_threads_take_turns_before_they_meet_at_the_file(store, make_record, path):
    # With no patience for the file's own lock, two writers that reach it together would fail.
    event.listen(store._database.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA busy_timeout=0"))
    records = [make_record() for _ in range(80)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(store.save_turn, records, timeout=60))
    assert len(store.conversations()) == 80


def test_programs_that_start_at_once_share_one_chain(path):
    path.parent.mkdir()
    writers = [start_writer(path, 20) for _ in range(3)]
    ids = []
    for writer in writers:
        out, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err
        ids += out.split()
    store = Store(f"sqlite:///{path}")
    assert len(set(ids)) == 60
    assert {leaf.data["turn"] for leaf in store.audit_leaves()} == set(ids)
    assert store.verify_audit().ok
    store.close()


def test_a_program_that_is_killed_loses_nothing_it_had_saved(path):
    path.parent.mkdir()
    writer = start_writer(path, 100_000)
    assert writer.stdout is not None
    ids = [writer.stdout.readline().strip() for _ in range(40)]
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read()  # not communicate: that would leave out what readline has read ahead
    writer.wait(timeout=30)
    ids += rest.split("\n")[:-1]
    store = Store(f"sqlite:///{path}")
    assert all(store.turn(turn_id).answer == "a" for turn_id in ids)
    report = store.verify_audit()
    assert report.ok
    assert report.leaves - len(ids) in (0, 1)  # the last one may have been saved and not yet said
    store.close()
