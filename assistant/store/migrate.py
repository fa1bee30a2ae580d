"""Brings a database to the newest form of the tables, with the migrations inside this package."""

from __future__ import annotations

import threading
from typing import Final

from sqlalchemy import Connection, inspect, text

from assistant.errors import StoreUnavailable
from assistant.store.schema import REVISION

_ONE_AT_A_TIME: Final = threading.Lock()  # alembic keeps the running migration in a global


def migrate(connection: Connection, place: str) -> None:
    """Upgrade to the newest tables, inside the transaction of the connection.

    Args:
        connection: a connection that may write.
        place: the database in words, for messages.

    Raises:
        StoreUnavailable: the tables come from a newer version of the program, or from another program.
    """
    found = _revision(connection, place)
    if found == REVISION:
        return

    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "assistant.store:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreUnavailable(
            f"{place} was written by a newer version of Glassbox (its tables are of revision {found!r}, this version "
            f"knows up to {REVISION!r}).",
            hint="Update Glassbox, or choose another folder (GLASSBOX_DATA_DIR).",
        )
    config.attributes["connection"] = connection
    try:
        with _ONE_AT_A_TIME:
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"{place} could not be brought to the newest tables: {error}.",
            hint="Nothing was changed. Install Glassbox again; if it stays, report it.",
        ) from error


def _revision(connection: Connection, place: str) -> str | None:
    """The revision that the database says it has; ``None`` for an empty one."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StoreUnavailable(
            f"{place} belongs to another program: it has tables ({', '.join(sorted(tables)[:3])}) but none of ours.",
            hint="Choose another file for Glassbox.",
        )
    return None
