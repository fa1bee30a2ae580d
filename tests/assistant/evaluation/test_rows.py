from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import InputError
from assistant.evaluation.rows import Asked, Row, read_pictures, spread

from .conftest import SCHEMA, Write, row


def test_rows_are_read_as_they_are(write: Write):
    qa = [{"question": "how many?", "answer": "2", "type": "count"}, {"question": "", "answer": "1", "type": None}]
    path = write(
        [
            row("a", "vqa", qa=qa, meta='{"style": "sketch"}', split="val"),
            row("b", "label", label="Apple", meta='{"coarse": "Fruit"}'),
            row("c", "caption", texts=["one", "", "two"], meta="no json"),
        ]
    )
    file = read_pictures(path)
    assert file.rows == (
        Row("a", "vqa", (), "", (Asked("how many?", "2", "count"),), "", "sketch", "val"),
        Row("b", "label", (), "Apple", (), "Fruit", "", "train"),
        Row("c", "caption", ("one", "two"), "", (), "", "", "train"),
    )
    assert file.splits == {"train": 2, "val": 1}
    assert (file.total, file.problems) == (3, ())
    assert file.sha256 == sha256(path.read_bytes()).hexdigest()


def test_a_limit_takes_rows_from_the_whole_file_each_with_its_own_picture(write: Write):
    file = read_pictures(write([row(str(n), "label", label="x", image=b"%d" % n) for n in range(1000)]), limit=4)
    assert [each.id for each in file.rows] == ["0", "250", "500", "750"]
    assert file.images == (b"0", b"250", b"500", b"750")
    assert len(file.all_rows) == 1000


@given(st.integers(1, 500), st.integers(1, 500))
def test_spread_is_even(total: int, limit: int):
    places = spread(total, limit)
    assert len(places) == min(total, limit)
    steps = {after - before for before, after in zip(places, [*places[1:], total], strict=True)}
    assert max(steps) - min(steps) <= 1
    assert places[0] == 0


def test_a_split_is_chosen_by_name(write: Write):
    path = write([row("a", "label", label="x"), row("b", "label", label="y", split="val")])
    file = read_pictures(path, split="val")
    assert [each.id for each in file.all_rows] == ["b"]
    assert len(file.images) == 1
    with pytest.raises(InputError, match=r"“test”; it has: train, val"):
        read_pictures(path, split="test")
    without = write([row("a", "label", label="x")], schema=SCHEMA.remove(SCHEMA.get_field_index("split")))
    assert read_pictures(without).splits == {}
    with pytest.raises(InputError, match="no column “split”"):
        read_pictures(without, split="val")


def test_rows_without_what_their_task_needs_are_named(write: Write):
    file = read_pictures(
        write(
            [
                row("good", "label", label="x"),
                row("odd", "poem"),
                row("no truth", "statement", texts=["It is red."], label="perhaps"),
                row("no statement", "statement", label="true"),
                row("no label", "label"),
                row("no name", "naming", texts=[""]),
                row("no question", "vqa"),
                row("no caption", "caption", texts=None),
            ]
        )
    )
    assert [each.id for each in file.rows] == ["good"]
    assert [each.id for each in file.problems] == [
        *("odd", "no truth", "no statement", "no label", "no name", "no question", "no caption"),
    ]
    assert "poem" in file.problems[0].why
    assert "perhaps" in file.problems[1].why


def test_a_file_without_one_usable_row_is_refused(write: Write):
    with pytest.raises(InputError, match=r"no row that can be used \(1 rows\).*a: it has no label"):
        read_pictures(write([row("a", "label")]))
    with pytest.raises(InputError, match=r"no row that can be used \(0 rows\)"):
        read_pictures(write([]))


def test_files_that_are_none(tmp_path: Path, write: Write):
    with pytest.raises(InputError, match="There is no file"):
        read_pictures(tmp_path / "nowhere.parquet")
    with pytest.raises(InputError, match="is a folder"):
        read_pictures(tmp_path)
    text = tmp_path / "text.parquet"
    text.write_text("hello " * 100)
    with pytest.raises(InputError, match="not a Parquet file"):
        read_pictures(text)
    text.write_bytes(b"")
    with pytest.raises(InputError, match="not a Parquet file"):
        read_pictures(text)
    whole = write([row("a", "label", label="x")])
    whole.write_bytes(whole.read_bytes()[:-50])
    with pytest.raises(InputError, match="cut off"):
        read_pictures(whole)


def test_a_damaged_picture_column_is_one_sentence(write: Write):
    path = write([row("a", "label", label="x", image=bytes(range(256)) * 200)])
    data = path.read_bytes()
    at = data.index(bytes(range(200)))
    path.write_bytes(data[: at - 400] + b"\xff" * 300 + data[at - 100 :])
    with pytest.raises(InputError, match=r"damaged|not a Parquet file"):
        read_pictures(path)


@pytest.mark.parametrize("name", ["id", "image", "task", "texts", "label", "qa", "meta"])
def test_a_missing_column_is_named_with_those_that_are_expected(write: Write, name: str):
    path = write([row("a", "label", label="x")], schema=SCHEMA.remove(SCHEMA.get_field_index(name)))
    with pytest.raises(InputError, match=f"no column “{name}”. Expected: id .*It has: ") as caught:
        read_pictures(path)
    assert "bytes of a picture file" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"), [("image", pa.string()), ("texts", pa.string()), ("qa", pa.list_(pa.int8()))]
)
def test_a_column_of_another_type_is_named(write: Write, name: str, kind: pa.DataType):
    schema = SCHEMA.set(SCHEMA.get_field_index(name), pa.field(name, kind))
    path = write([{**row("a", "label", label="x"), name: None}], schema=schema)
    with pytest.raises(InputError, match=f"column “{name}”.*its type is (string|list<element: int8>)"):
        read_pictures(path)


def test_without_pyarrow_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        read_pictures(tmp_path / "some.parquet")
