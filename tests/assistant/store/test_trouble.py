"""A full disk, a file that may not be written, a damaged one: what the person is told, and what is left."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event

from assistant.errors import NotFound, StoreFull, StoreUnavailable
from assistant.store import Store, problems

ROOT = Path(__file__).parents[3]


def test_a_full_database_says_so_and_stays_usable(store, path, make_record, picture, counts):
    kept = make_record()
    store.save_turn(kept)
    before = counts()
    limit = "PRAGMA max_page_count=1"  # SQLite raises it to the pages that are in use

    def narrow(connection, *_):
        connection.execute(limit)

    event.listen(store._database.engine, "checkout", narrow)
    big = make_record("big", images=(picture(b"x" * 300_000),), turn={"conversation_id": "new"})
    with pytest.raises(StoreFull) as raised:
        store.save_turn(big)
    assert str(path) in str(raised.value)
    assert "no room" in str(raised.value)
    assert "Free some space" in str(raised.value)
    assert counts() == before
    assert store.turn(kept.id) == kept
    assert store.verify_audit().ok

    limit = "PRAGMA max_page_count=1073741823"
    store.save_turn(big)
    assert store.turn(big.id) == big
    assert store.verify_audit().ok


def test_a_full_disk_says_so_and_stays_usable(make_record, picture):
    """On a file system of two megabytes of its own."""
    folder = Path(tempfile.mkdtemp())
    mounted = shutil.which("mount") and os.geteuid() == 0
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]).returncode:
        pytest.skip("a file system can only be mounted by the superuser")
    store = None
    try:
        store = Store(f"sqlite:///{folder}/chats.sqlite3")
        saved = []
        told = ""
        for number in range(100):
            record = make_record(images=(picture(bytes([number]) * 100_000),))
            try:
                store.save_turn(record)
            except StoreFull as error:
                told = str(error)
                break
            saved.append(record)
        assert "bytes are free" in told
        assert 2 < len(saved) < 20
        with pytest.raises(StoreFull):
            store.save_turn(make_record(images=(picture(b"y" * 1_000_000),)))
        assert [store.turn(record.id) for record in saved] == saved
        assert len(store.conversations()) == len(saved)
        assert store.verify_audit().ok
        (folder / "filler").write_bytes(b"")
        with suppress(OSError), (folder / "filler").open("ab", buffering=0) as filler:
            while True:
                filler.write(b"x" * 512)
        with pytest.raises(StoreFull):
            Store(f"sqlite:///{folder}/other.sqlite3")
        with pytest.raises(StoreFull):
            Store(f"sqlite:///{folder}/new/other.sqlite3")
        with pytest.raises(StoreFull):
            store.save_turn(make_record("x" * 100_000))
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
        store.save_turn(record)
        assert store.turn(record.id) == record
    finally:
        if store is not None:
            store.close()
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_while_the_folder_is_made(tmp_path, monkeypatch):
    def no_room(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", no_room)
    with pytest.raises(StoreFull, match="no room"):
        Store(f"sqlite:///{tmp_path}/data/chats.sqlite3")


@pytest.mark.parametrize(("free", "kind"), [(10, StoreFull), (10**12, StoreUnavailable)])
def test_an_input_output_error_on_a_full_disk_is_a_full_disk(monkeypatch, tmp_path, free, kind):
    monkeypatch.setattr(problems, "_free_bytes", lambda file: free)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = 778  # SQLITE_IOERR_WRITE
    assert type(problems.explain(error, "The database", tmp_path / "x")) is kind


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match=r"data.*Choose a folder"):
        Store(f"sqlite:///{tmp_path}/data/chats.sqlite3")
    with pytest.raises(StoreUnavailable, match=r"data.*Choose a folder"):
        Store(f"sqlite:///{tmp_path}/data/deeper/chats.sqlite3")


def test_a_file_that_is_a_folder(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="not a folder") as raised:
        Store(f"sqlite:///{path}")
    assert str(path) in str(raised.value)


UNPRIVILEGED = """
import os, sys
from assistant.errors import StoreUnavailable
from assistant.messages import Message, Turn, TurnRecord
from assistant.store import Store
folder = sys.argv[1]
store = Store(f"sqlite:///{folder}/chats.sqlite3")
store.close()
os.chmod(f"{folder}/chats.sqlite3", 0o444)
os.chmod(folder, 0o555)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
for place in (f"{folder}/chats.sqlite3", f"{folder}/other.sqlite3", f"{folder}/deep/other.sqlite3"):
    try:
        Store(f"sqlite:///{place}")
        print("opened")
    except StoreUnavailable as error:
        print(place in str(error), str(error))
"""


def test_a_file_and_a_folder_that_may_not_be_written():
    folder = Path(tempfile.mkdtemp())  # not tmp_path: the unprivileged user must be able to get there
    try:
        folder.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, str(folder / "data")],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split(" ")[0] for line in lines] == ["True"] * 3, done.stdout
        assert "may not be written" in lines[0]
        assert all("GLASSBOX_DATA_DIR" in line for line in lines)
    finally:
        (folder / "data").chmod(0o755)
        shutil.rmtree(folder)


def test_a_database_that_turns_read_only_while_in_use(store, make_record, counts):
    def freeze(connection, *_):
        connection.execute("PRAGMA query_only=ON")

    event.listen(store._database.engine, "checkout", freeze)
    with pytest.raises(StoreUnavailable, match="read but not written"):
        store.save_turn(make_record())
    assert counts()["turns"] == 0


def test_a_file_that_is_no_database(path):
    path.parent.mkdir()
    path.write_bytes(b"This is a letter to my grandmother. " * 100)
    with pytest.raises(StoreUnavailable, match=r"damaged.*Move it away") as raised:
        Store(f"sqlite:///{path}")
    assert str(path) in str(raised.value)
    assert path.read_bytes().startswith(b"This is a letter")


def test_a_damaged_file_says_so_when_the_damage_is_met(store, path, make_record):
    for _ in range(200):
        store.save_turn(make_record("x" * 500))
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 20] + b"\xa5" * (len(whole) - 4096 * 20))
    with pytest.raises(StoreUnavailable, match=r"damaged.*Move it away") as raised:
        Store(f"sqlite:///{path}").verify_audit()
    assert str(path) in str(raised.value)


def test_a_file_that_was_cut_off(store, path, make_record):
    for _ in range(50):
        store.save_turn(make_record("x" * 500))
    store.close()
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(StoreUnavailable, match=r"damaged.*Move it away"):
        Store(f"sqlite:///{path}").conversations()


def test_another_program_that_writes_for_too_long(store, make_record, raw):
    def hurry(connection, *_):
        connection.execute("PRAGMA busy_timeout=50")

    event.listen(store._database.engine, "checkout", hurry)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="in use"):
        store.save_turn(make_record())
    raw.execute("ROLLBACK")
    store.save_turn(make_record())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not an address", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////tmp/never/made.sqlite3?timeout=abc", "option that cannot be used"),
        ("postgresql://host:abc/db", "cannot be read"),
        ("oracle+nodriver://somewhere/db", "driver|cannot be used"),
        ("postgresql://user:hunter2@127.0.0.1:1/db", "The database postgresql"),
    ],
)
def test_an_address_that_cannot_work(url, said):
    with pytest.raises(StoreUnavailable, match=said) as raised:
        Store(url)
    assert "hunter2" not in str(raised.value)
    assert not Path("/tmp/never").exists()
    assert raised.value.hint


def test_a_closed_store_says_so(store, make_record):
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.save_turn(make_record())
    with pytest.raises(StoreUnavailable, match="closed"):
        store.conversations()


def test_the_folder_of_the_chats_is_for_its_owner(store, path):
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_the_store_as_it_was(store, make_record, counts, monkeypatch):
    """The last step of saving a turn breaks; nothing of the earlier steps may stay."""
    from assistant.store import audit

    before = counts()
    monkeypatch.setattr(audit, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    record = make_record()
    with pytest.raises(KeyboardInterrupt):
        store.save_turn(record)
    monkeypatch.undo()
    assert counts() == before
    with pytest.raises(NotFound):
        store.turn(record.id)
    store.save_turn(record)
