"""Which packs are in force: looked at before every question, and never lost by a slip."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import StoreUnavailable
from assistant.packs import PackVersion
from assistant.store.values import AuditLeaf
from assistant_constitutions import ALWAYS_ON, PackError
from assistant_constitutions.composing import Constitution
from assistant_constitutions.in_force import PacksInForce
from assistant_constitutions.loader import parse_pack
from assistant_constitutions.shelf import Shelf, ShelfState
from assistant_safety import register_evaluators

EVALUATORS = {evaluator.name: evaluator for evaluator in register_evaluators()}
PACK = """\
id: demo
version: "{version}"
title: Demo
domain: test
licence: CC0-1.0
principles:
  - id: demo.rule
    title: A rule
    text: A sentence.
    kind: harm
    applies_to: [input]
    action: refuse
    evaluators:
      - {{name: lexical, options: {{patterns: [{{any_of: [purple]}}]}}}}
"""


def no_leaf() -> AuditLeaf | None:
    return None


def put(shelf: Shelf, version: str) -> None:
    """Put a version of the pack in force, as the keeper does."""
    data = PACK.format(version=version).encode()
    digest = shelf.keep(parse_pack(data, name="demo.yaml"), data)
    versions = {"demo": (PackVersion(version=version, sha256=digest),)}
    shelf.write(ShelfState(versions=versions, enabled={"demo": digest}).model_dump_json().encode())


def in_force(folder: Path, last_change: Callable[[], AuditLeaf | None] = no_leaf) -> tuple[Shelf, PacksInForce]:
    shelf = Shelf(folder / "packs")
    packs = PacksInForce(shelf, EVALUATORS, last_change)
    packs.load()
    return shelf, packs


def versions(constitution: Constitution) -> dict[str, str]:
    return {stamp.id: stamp.version for stamp in constitution.stamps if stamp.id not in ALWAYS_ON}


def test_a_change_is_noticed_and_an_unchanged_list_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, packs = in_force(tmp_path)
    assert versions(packs.now()) == {}
    put(shelf, "1.0")
    assert versions(packs.now()) == {"demo": "1.0"}
    put(shelf, "1.1")
    assert versions(packs.now()) == {"demo": "1.1"}
    monkeypatch.setattr(Shelf, "state", lambda *_: pytest.fail("the list was read again"))
    assert packs.now() is packs.now()


def test_looking_for_a_change_costs_next_to_nothing(tmp_path: Path) -> None:
    _, packs = in_force(tmp_path)
    began = time.process_time()
    for _ in range(1_000):
        packs.now()
    assert (time.process_time() - began) / 1_000 < 100e-6  # 3 microseconds where this was written


@pytest.mark.parametrize("damage", ["state", "pack", "gone"])
def test_what_cannot_be_used_leaves_the_packs_of_before_until_it_is_mended(tmp_path: Path, damage: str) -> None:
    shelf, packs = in_force(tmp_path)
    put(shelf, "1.0")
    before = packs.now()
    put(shelf, "2.0")
    (file,) = [path for path in (tmp_path / "packs" / "demo").iterdir() if b'"2.0"' in path.read_bytes()]
    good = file.read_bytes()
    fresh = Shelf(tmp_path / "packs")  # one that does not remember the pack
    packs._shelf = fresh
    if damage == "state":
        shelf.write(b"{")
    elif damage == "pack":
        file.write_bytes(good + b"# changed\n")
    else:
        file.unlink()
    assert packs.now() is before
    assert packs.now() is before
    file.write_bytes(good)
    put(shelf, "2.0")
    assert versions(packs.now()) == {"demo": "2.0"}


def test_a_store_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    away = [True]

    def last_change() -> AuditLeaf | None:
        if away[0]:
            raise StoreUnavailable("The database is in use.")
        return None

    shelf, packs = in_force(tmp_path, last_change)
    before = packs.now()
    data = PACK.format(version="1.0").encode()
    digest = shelf.keep(parse_pack(data, name="demo.yaml"), data)
    grant = {"pack": "demo", "rule": "a.b", "digest": "0", "reason": "x", "who": "y", "at": "2026-01-01T00:00:00Z"}
    state = ShelfState.model_validate({"enabled": {"demo": digest}, "grants": [grant]})
    shelf.write(state.model_dump_json().encode())
    assert packs.now() is before
    away[0] = False
    assert versions(packs.now()) == {"demo": "1.0"}


def test_before_the_first_load_there_is_an_error_and_no_empty_constitution(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="No constitution pack is loaded"):
        PacksInForce(Shelf(tmp_path), EVALUATORS, no_leaf).now()


@pytest.mark.parametrize(
    ("pack_id", "digest"), [("..", "0" * 64), ("demo", "../../etc/passwd"), ("demo", "0" * 63 + "/"), ("a/b", "0" * 64)]
)
def test_a_list_written_by_hand_reaches_no_other_file(tmp_path: Path, pack_id: str, digest: str) -> None:
    with pytest.raises(PackError, match="expected the id and the hash of a pack"):
        Shelf(tmp_path).load(pack_id, digest)
