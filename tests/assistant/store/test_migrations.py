from __future__ import annotations

import importlib.util
import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from assistant.errors import StoreUnavailable
from assistant.store import Store, schema

ROOT = Path(__file__).parents[3]


def included(name: str | None, kind: str, parents: dict) -> bool:
    """The full-text indexes are no part of the schema: tables of their own on SQLite, an index on PostgreSQL."""
    return not (kind == "table" and str(name).startswith("turn_search")) and name != "ix_turn_search"


def differences(store: Store) -> list:
    with store._database.read() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": included}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, schema.metadata)


def test_the_migrations_build_the_tables_of_the_schema(store):
    assert differences(store) == []


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE turns ADD COLUMN extra TEXT", "DROP INDEX ix_turns_status", "DROP TABLE verdicts"],
)
def test_the_comparison_sees_a_difference(store, raw, change):
    raw.execute(change)
    assert differences(store) != []


def test_the_constant_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", "assistant.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def test_opening_again_keeps_everything(path, make_record):
    first = Store(f"sqlite:///{path}")
    record = make_record()
    first.save_turn(record)
    first.close()
    second = Store(f"sqlite:///{path}")
    assert second.turn(record.id) == record
    second.close()


def test_the_file_works_the_way_it_should(store, path):
    with store._database.read() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    assert asked == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1}
    assert waits >= 1000


def test_a_newer_database_is_left_alone(store, path, raw):
    store.close()
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match=r"newer version of Glassbox.*'9999'.*Update Glassbox") as raised:
        Store(f"sqlite:///{path}")
    assert str(path) in str(raised.value)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_the_database_of_another_program_is_left_alone(path, raw_elsewhere):
    with pytest.raises(StoreUnavailable, match=r"belongs to another program.*bookmarks"):
        Store(f"sqlite:///{raw_elsewhere}")


@pytest.fixture
def raw_elsewhere(tmp_path):
    import sqlite3

    file = tmp_path / "browser.sqlite3"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    return file


def test_opening_needs_no_alembic_once_it_is_up_to_date(store, path):
    store.close()
    script = (
        f"import sys; from assistant.store import Store; Store('sqlite:///{path}'); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment(ROOT)
    )
    assert done.stdout.strip() == "False"


def test_a_database_of_the_first_tables_opens_and_keeps_its_appeals(path, make_record):
    config = Config()
    config.set_main_option("script_location", "assistant.store:migrations")
    path.parent.mkdir()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    raw = sqlite3.connect(path)
    assert "reviewer" not in [row[1] for row in raw.execute("PRAGMA table_info(appeals)")]
    raw.execute("INSERT INTO conversations VALUES ('c', 'A chat', '2026-01-01', '2026-01-01')")
    raw.execute(
        "INSERT INTO turns (number, id, conversation_id, created_at, status, question, answer, record, salt) "
        "VALUES (1, 't', 'c', '2026-01-01', 'refused', 'q', '', '{}', 's')"
    )
    raw.execute(
        "INSERT INTO appeals (number, id, turn_id, rule, pack, pack_version, text, status, created_at, salt) "
        "VALUES (1, 'a', 't', 'r', 'p', '1', 'Why?', 'upheld', '2026-01-01 00:00:00', 's')"
    )
    raw.commit()
    raw.close()

    store = Store(f"sqlite:///{path}")
    assert differences(store) == []
    (appeal,) = store.appeals()
    assert (appeal.text, appeal.status, appeal.reviewer, appeal.reason) == ("Why?", "upheld", "", "")
    assert appeal.decided_at is None
    store.close()


@pytest.mark.install
def test_the_wheel_brings_its_migrations(tmp_path):
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    script = (
        "import assistant.store as s; print(s.__file__); store = s.Store('sqlite:///new/chats.sqlite3'); "
        "print(store.conversations(), store.verify_audit().ok)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env=environment(installed)
    )
    assert done.returncode == 0, done.stderr
    file, result = done.stdout.splitlines()
    assert file.startswith(str(installed))
    assert result == "[] True"


def environment(first: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(first)}
