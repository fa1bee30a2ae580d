from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assistant.messages import ImagePart, Message, Turn, TurnRecord
from assistant.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{path}")
    yield store
    store.close()


@pytest.fixture
def picture() -> Callable[..., ImagePart]:
    def make(data: bytes = b"a picture", name: str = "") -> ImagePart:
        return ImagePart(
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="image/png",
            width=2,
            height=3,
            name=name,
            data=data,
        )

    return make


@pytest.fixture
def make_record() -> Callable[..., TurnRecord]:
    """Makes finished turns, each a second later than the one before."""
    made = 0

    def make(
        text: str = "What is this?",
        *,
        images: tuple[ImagePart, ...] = (),
        turn: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TurnRecord:
        nonlocal made
        made += 1
        moment = START + timedelta(seconds=made)
        turn_fields = {"question": Message(text=text, images=images), "created_at": moment, **(turn or {})}
        fields = {"status": "answered", "answer": "a red circle", "finished_at": moment, **fields}
        return TurnRecord(turn=Turn(**turn_fields), **fields)

    return make


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, past the store and its guards, as somebody with a database browser has it."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def counts(raw: sqlite3.Connection) -> Callable[[], dict[str, int]]:
    """How many rows each table has."""

    def count() -> dict[str, int]:
        names = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: raw.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}

    return count
