"""What only PostgreSQL has: its own guards, its own index, and writers in several programs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy

from assistant.messages import Feedback, TurnRecord
from assistant.store import Store

from .conftest import POSTGRESQL

pytestmark = pytest.mark.skipif(
    not POSTGRESQL, reason="needs a server: set DATABASE_URL=postgresql://USER@HOST/postgres"
)


@pytest.fixture
def server(url: str) -> Iterator[sqlalchemy.Connection]:
    """The database past the store."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET payload = '{}' WHERE number = 1", "append-only"),
        ("UPDATE audit SET number = 9 WHERE number = 1", "append-only"),
        ("DELETE FROM audit", "append-only"),
        ("TRUNCATE audit", "append-only"),
        ("INSERT INTO audit VALUES (7, 'turn', '{}', 'a', 'b')", "append-only"),
        ("INSERT INTO audit VALUES (-1, 'turn', '{}', 'a', 'b')", "append-only"),
        ("UPDATE feedback SET rating = 'down'", "never changed"),
    ],
)
def test_the_database_itself_refuses_to_change_the_log(
    store: Store, make_record: Callable[..., TurnRecord], server: sqlalchemy.Connection, statement: str, said: str
) -> None:
    record = make_record()
    store.save_turn(record)
    store.add_feedback(Feedback(turn_id=record.id, rating="up"))
    before = store.audit_leaves()
    with pytest.raises(sqlalchemy.exc.DBAPIError, match=said):
        server.execute(sqlalchemy.text(statement))
    assert store.audit_leaves() == before
    assert store.verify_audit().ok


@pytest.mark.parametrize("words", ["photo", "PHOTO", "jardin", "été", "ete", "square.png", "кот", "red sq"])
def test_words_are_found_by_the_index(store: Store, make_record: Callable[..., TurnRecord], words: str) -> None:
    store.save_turn(make_record("Une Photographie d'ÉTÉ au jardin, red_square.png; чёрный КОТ, red-square.png"))
    (hit,) = store.search(words)
    assert hit.turn_id
    assert hit.marks


def test_the_index_is_the_one_that_the_search_asks(store: Store, server: sqlalchemy.Connection) -> None:
    server.exec_driver_sql("SET enable_seqscan = off")
    plan = "EXPLAIN SELECT 1 FROM turn_texts WHERE words_of(turn_texts.text) @@ to_tsquery('simple', 'a:*')"
    assert "ix_turn_search" in "\n".join(row[0] for row in server.exec_driver_sql(plan))


def test_a_text_larger_than_an_index_entry_is_kept_and_found(
    store: Store, make_record: Callable[..., TurnRecord]
) -> None:
    long = " ".join(f"word{number}" for number in range(150_000))
    store.save_turn(make_record(f"lighthouse {long} farewell"))
    assert len(store.search("lighthouse")) == 1
    assert len(store.search("farewell")) == 1  # beyond the index: by looking through the texts


def _write(url: str, program: int, records: list[str]) -> None:
    store = Store(url)
    for text in records:
        store.save_turn(TurnRecord.model_validate_json(text))
    store.close()


def test_several_programs_write_one_chain(url: str, store: Store, make_record: Callable[..., TurnRecord]) -> None:
    texts = [[make_record(f"{program} {number}").model_dump_json() for number in range(10)] for program in range(3)]
    spawn = multiprocessing.get_context("spawn")
    programs = [spawn.Process(target=_write, args=(url, at, each)) for at, each in enumerate(texts)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(100)
        assert program.exitcode == 0
    assert len(store.audit_leaves()) == 30
    assert store.verify_audit().ok
