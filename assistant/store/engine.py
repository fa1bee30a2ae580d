"""The connection to the database: one writer, many readers, and no error that is not ours."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from assistant.errors import StoreUnavailable
from assistant.store.migrate import migrate
from assistant.store.problems import explained

BUSY_MILLISECONDS = 10_000
"""How long a connection waits for another program to finish writing."""


WRITERS = 0x61A55B0C
"""The number of the lock that PostgreSQL's writers wait for."""

_POSTGRESQL = ("postgresql", "postgres")


class Database:
    """An open database. Reading and writing are `with` blocks; each is one transaction that holds or leaves no trace.

    Raises:
        StoreUnavailable: it cannot be opened, is damaged, or comes from a newer version of the program.
        StoreFull: the disk has no room for it.
    """

    def __init__(self, url: str) -> None:
        address = _address(url)
        self.file = _file_of(address)
        self.place = f"The database {self.file or address.render_as_string(hide_password=True)}"
        self._writer = threading.Lock()
        self._closed = False
        with explained(self.place, self.file):
            self.engine = _engine(address, self.place)
            if self.file is not None:
                _check_file(self.file, self.place)
        # PostgreSQL's writers wait for a lock at their beginning, and must then see what the one before them wrote.
        level = {} if self.file is not None else {"isolation_level": "READ COMMITTED"}
        self._writing_engine = self.engine.execution_options(glassbox_writes=True, **level)
        try:
            if self.file is not None:
                self._use_wal()
            with self.write() as connection:
                migrate(connection, self.place)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A snapshot: what others write meanwhile is not seen."""
        with explained(self.place, self.file):
            self._check_open()
            with self.engine.begin() as connection:
                yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """The one writer. An exception inside undoes everything."""
        with explained(self.place, self.file), self._writer:
            self._check_open()
            with self._writing_engine.begin() as connection:
                yield connection

    def forget_deleted(self) -> None:
        """Bring the file up to date with the write-ahead log and empty the log, so that deleted text is in neither.

        Readers that are still at work keep the log for a moment longer; then SQLite empties it later by itself.
        """
        if self.file is None:
            return
        with explained(self.place, self.file), self._writer:
            self._check_open()
            with self._raw_cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout=250")
                # The deletion itself holds already; where emptying the log fails, SQLite does it at another time.
                with suppress(sqlite3.OperationalError):
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")

    def size(self) -> int:
        """Bytes on the disk, the write-ahead log included."""
        if self.file is None:
            with self.read() as connection:
                return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
        parts = (self.file, self.file.with_name(self.file.name + "-wal"))
        with explained(self.place, self.file):
            self._check_open()
            return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """Let go of the file. Later calls raise `StoreUnavailable`."""
        self._closed = True
        self.engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self.place} has been closed.", hint="Open a new Store.")

    def _use_wal(self) -> None:
        # The mode stays in the file, so only the first to open it switches. While one does, SQLite turns the others
        # away at once instead of letting them wait; so the waiting is done here.
        deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
        with explained(self.place, self.file), self._raw_cursor() as cursor:
            while True:
                try:
                    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                        cursor.execute("PRAGMA journal_mode=WAL").fetchone()
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                time.sleep(0.01)

    @contextmanager
    def _raw_cursor(self) -> Generator[Any]:
        raw = self.engine.raw_connection()
        try:
            yield raw.cursor()
        finally:
            raw.close()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        # The one driver that is tested; without a name, the database's own default would be taken.
        return address.set(drivername="postgresql+psycopg") if address.drivername in _POSTGRESQL else address
    except (ArgumentError, ValueError) as error:
        raise StoreUnavailable(
            f"The database address cannot be read: {error}.",
            hint="Write it as sqlite:///folder/file.sqlite3 or postgresql://...",
        ) from error


def _engine(address: URL, place: str) -> Engine:
    try:
        if address.get_backend_name() != "sqlite":
            engine = create_engine(
                address, pool_pre_ping=True, isolation_level="REPEATABLE READ", pool_size=8, max_overflow=32
            )
            if address.get_backend_name() == "postgresql":
                event.listen(engine, "begin", _take_turns)
            return engine
        engine = create_engine(address, pool_size=8, max_overflow=32)
    except (TypeError, ValueError) as error:
        raise StoreUnavailable(
            f"{place} has an address with an option that cannot be used: {error}.",
            hint="Write the address as sqlite:///folder/file.sqlite3.",
        ) from error
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _take_turns(connection: Connection) -> None:
    # One writer at a time among all programs, as on SQLite: each leaf of the audit chain follows the one before.
    if connection.get_execution_options().get("glassbox_writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")


def _prepare_connection(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, too late for a consistent snapshot; `_begin` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA secure_delete=ON")  # deleted text is overwritten, not only unlinked
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another wrote in between; taking the write
    # lock at the beginning waits instead.
    writes = connection.get_execution_options().get("glassbox_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _file_of(address: URL) -> Path | None:
    if address.get_backend_name() != "sqlite":
        return None
    if not address.database or address.database == ":memory:":
        raise StoreUnavailable(
            f"The database {address.render_as_string()!r} names no file.",
            hint="Write the address as sqlite:///folder/file.sqlite3.",
        )
    return Path(address.database)


def _check_file(file: Path, place: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        raise StoreUnavailable(
            f"{place} may not be written.",
            hint="Allow writing to the file and to its folder, or choose another folder (GLASSBOX_DATA_DIR).",
        )
