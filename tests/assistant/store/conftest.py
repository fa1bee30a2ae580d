from __future__ import annotations

import hashlib
import inspect
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from assistant.messages import ImagePart, Message, Turn, TurnRecord
from assistant.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)

POSTGRESQL = os.environ.get("DATABASE_URL", "")
"""A PostgreSQL server on which each test makes a database of its own, as in ``postgresql://me@127.0.0.1/postgres``."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """On a server, what is about SQLite's file and speaks its dialect past the store is left out."""
    here = [each for each in items if Path(__file__).parent in each.path.parents]
    for item in here if POSTGRESQL else ():
        asked = set(inspect.signature(item.function).parameters)  # type: ignore[attr-defined]
        if {"path", "raw", "unguarded"} & asked or item.path.name == "test_trouble.py":
            item.add_marker(pytest.mark.skip(reason="about SQLite's file"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.sqlite3"


@pytest.fixture
def url(path: Path) -> Iterator[str]:
    """An empty database: a file of SQLite, or where ``DATABASE_URL`` names a server, one there."""
    if not POSTGRESQL:
        yield f"sqlite:///{path}"
        return
    address = sqlalchemy.make_url(POSTGRESQL).set(drivername="postgresql+psycopg")
    name = f"glassbox_test_{uuid.uuid4().hex[:12]}"
    server = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield address.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
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
def counts(url: str) -> Iterator[Callable[[], dict[str, int]]]:
    """How many rows each table has."""
    engine = sqlalchemy.create_engine(url)

    def count() -> dict[str, int]:
        with engine.connect() as connection:
            names = sqlalchemy.inspect(connection).get_table_names()
            return {
                name: connection.execute(sqlalchemy.text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in names
            }

    yield count
    engine.dispose()
