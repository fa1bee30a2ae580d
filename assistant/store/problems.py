"""Turns whatever a database or a disk raises into a `StoreError` that a person can act on."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from assistant.errors import StoreError, StoreFull, StoreUnavailable

LOW_SPACE = 1_000_000
"""Bytes. SQLite reports some writes to a full disk as a plain input/output error; below this much it was the disk."""

_MOVE_AWAY = "Move it away, together with the files beside it that end in -wal and -shm; then an empty one is made."


@contextmanager
def explained(place: str, file: Path | None) -> Generator[None]:
    """Raise nothing but errors of ours from the block.

    Args:
        place: the database in words, as it is named in messages.
        file: the SQLite file, where it is one.

    Raises:
        StoreFull: the disk has no room.
        StoreUnavailable: the database cannot be opened, read or written.
        StoreError: the data cannot be stored as it is.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        raise explain(error, place, file) from error
    except (UnicodeError, PydanticSerializationError) as error:
        raise StoreError(
            f"The text cannot be stored in {place}: it is not valid Unicode ({error}).",
            hint="Take out the half character (a lone surrogate) and try again.",
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{place} holds a value that this version of Glassbox cannot read: {error}.",
            hint="Run `assistant audit verify` to see whether it was changed.",
        ) from error


def explain(error: Exception, place: str, file: Path | None) -> StoreError:
    """The error in our words: which file, what happened, what to do."""
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, OSError):
        return _of_the_system(cause, place, file)
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(file)):
        return _full(place, file)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreUnavailable(f"{place} is damaged, or is not a database of Glassbox: {cause}.", hint=_MOVE_AWAY)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(
            f"{place} is in use: another program has been writing to it for too long ({cause}).",
            hint="Close the other program, or wait and try again.",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreUnavailable(
            f"{place} may be read but not written: {cause}.",
            hint="Allow writing to the file and to its folder, or choose another folder (GLASSBOX_DATA_DIR).",
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailable(
            f"{place} cannot be opened: {cause}.",
            hint="Check that it is a file, not a folder, and that it may be read and written; or choose another "
            "folder (GLASSBOX_DATA_DIR).",
        )
    if isinstance(error, IntegrityError):
        return StoreError(f"{place} refused a row that contradicts what is stored: {cause}.")
    if isinstance(cause, ImportError):
        return StoreUnavailable(
            f"{place} needs a database driver that is not installed: {cause}.",
            hint="Install it, or leave the database address empty to use an SQLite file.",
        )
    return StoreUnavailable(f"{place} cannot be used: {cause}.", hint="Check the database address and the file.")


def _of_the_system(error: OSError, place: str, file: Path | None) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(place, file)
    what = error.strerror or str(error)
    named = f" ({error.filename})" if error.filename else ""
    return StoreUnavailable(
        f"{place} cannot be opened: {what}{named}.",
        hint="Choose a folder that exists and may be written (GLASSBOX_DATA_DIR).",
    )


def _full(place: str, file: Path | None) -> StoreFull:
    free = _free_bytes(file)
    left = "" if free is None else f" ({free:,} bytes are free on that disk)"
    return StoreFull(
        f"{place} has no room left to write to{left}. Nothing of this change was kept.",
        hint="Free some space on that disk and try again.",
    )


def _is_full(file: Path | None) -> bool:
    free = _free_bytes(file)
    return free is not None and free < LOW_SPACE


def _free_bytes(file: Path | None) -> int | None:
    if file is None:
        return None
    try:
        return shutil.disk_usage(file.parent).free
    except OSError:
        return None
