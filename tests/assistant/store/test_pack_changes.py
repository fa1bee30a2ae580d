from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/chats.sqlite3")
    yield store
    store.close()


def test_a_change_of_packs_has_its_leaf(store: Store) -> None:
    assert store.last_pack_change() is None
    leaf = store.record_pack_change(lambda: {"pack": "parking", "change": "add"})
    assert (leaf.index, leaf.kind, leaf.data["pack"]) == (0, "pack", "parking")
    second = store.record_pack_change(lambda: {"pack": "parking", "change": "enable"})
    assert second.previous == leaf.hash
    assert store.last_pack_change() == second
    assert store.verify_audit().ok


def test_a_change_that_fails_has_none(store: Store) -> None:
    def fail() -> dict[str, str]:
        raise InputError("not like this")

    with pytest.raises(InputError, match="not like this"):
        store.record_pack_change(fail)
    assert store.audit_leaves() == []


def test_two_operators_change_one_after_the_other(tmp_path: Path, store: Store) -> None:
    other = Store(f"sqlite:///{tmp_path}/chats.sqlite3")
    at_work: list[str] = []
    together: list[bool] = []

    def change(name: str) -> dict[str, str]:
        together.append(bool(at_work))
        at_work.append(name)
        threading.Event().wait(0.05)
        at_work.remove(name)
        return {"who": name}

    stores = (store, other, store, other)
    threads = [
        threading.Thread(target=each.record_pack_change, args=(lambda n=number: change(str(n)),))
        for number, each in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert together == [False] * 4
    assert {leaf.data["who"] for leaf in store.audit_leaves()} == {"0", "1", "2", "3"}
    assert store.verify_audit().ok
