"""Read a Parquet file of labelled pictures: which rows there are, and what is known about each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from assistant.errors import InputError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Task = Literal["statement", "label", "naming", "vqa", "caption"]
"""What a row's picture is asked: whether a sentence is true; its class; its name; some questions; a description."""
TASKS: tuple[Task, ...] = get_args(Task)

COLUMNS = {
    "id": "text",
    "image": "bytes of a picture file",
    "task": f"one of {', '.join(TASKS)}",
    "texts": "list of texts",
    "label": "text or null",
    "qa": "list of {question, answer, type}",
    "meta": "JSON text or null",
}
"""What a file must have, with what is in it. Other columns are passed over; ``split``, where it is there, is used."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that comes with a picture, its right answer, and of what kind it is (may be empty)."""

    question: str
    answer: str
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file, except for the picture.

    ``coarse`` is a wider class and ``style`` the manner of the picture, both out of ``meta`` and empty where absent.
    ``split`` says for what the set's makers meant the row (train, val, ...), and is empty where the file does not.
    """

    id: str
    task: Task
    texts: tuple[str, ...]
    label: str
    qa: tuple[Asked, ...]
    coarse: str
    style: str
    split: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that could not be used, or not wholly: which one, and why."""

    id: str
    why: str


@dataclass(frozen=True)
class PictureFile:
    """A file of labelled pictures, with the rows that were chosen from it.

    ``all_rows`` are those of the chosen split that can be used: the classes to choose among and the rareness of words
    are taken from them, however few of them are ``rows``. ``images[i]`` are the bytes of the picture of ``rows[i]``.
    """

    path: Path
    sha256: str
    total: int
    all_rows: tuple[Row, ...]
    rows: tuple[Row, ...]
    images: tuple[bytes, ...]
    problems: tuple[Problem, ...]

    @property
    def splits(self) -> dict[str, int]:
        """How many of the chosen rows belong to which split."""
        return dict(sorted(Counter(row.split for row in self.rows if row.split).items()))


def read_pictures(path: Path, *, limit: int | None = None, split: str | None = None) -> PictureFile:
    """Read a file, and choose rows from it.

    Args:
        path: a Parquet file with the columns of `COLUMNS`.
        limit: how many rows to choose at most, spread evenly over the file: always the same ones.
        split: choose only among the rows of this split.

    Raises:
        InputError: no such file, not a Parquet file, a column is missing or of another type, no row can be used, or
            pyarrow is not installed.
    """
    file = _open(path)
    _check_columns(path, file.schema_arrow)
    total = file.metadata.num_rows
    has_split = "split" in file.schema_arrow.names
    if split is not None and not has_split:
        raise InputError(f"{path.name} has no column “split”, so --split {split} cannot be chosen.")
    columns = [*COLUMNS, *(["split"] if has_split else [])]
    columns.remove("image")
    try:
        values = cast("list[dict[str, Any]]", file.read(columns=columns).to_pylist())
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if split is not None and not any(value["split"] == split for value in values):
        there = ", ".join(sorted({str(value["split"]) for value in values})) or "no row at all"
        raise InputError(f"{path.name} has no row of the split “{split}”; it has: {there}.")
    problems: list[Problem] = []
    places: list[int] = []
    rows: list[Row] = []
    for place, value in enumerate(values):
        if split is not None and value["split"] != split:
            continue
        row = _read_row(value, place)
        if isinstance(row, Problem):
            problems.append(row)
        else:
            places.append(place)
            rows.append(row)
    if not rows:
        why = f" The first row that cannot: {problems[0].id}: {problems[0].why}" if problems else ""
        raise InputError(f"{path.name} has no row that can be used ({total} rows).{why}")
    chosen = spread(len(rows), limit)
    return PictureFile(
        path=path,
        sha256=_hash(path),
        total=total,
        all_rows=tuple(rows),
        rows=tuple(rows[at] for at in chosen),
        images=_read_images(path, file, [places[at] for at in chosen]),
        problems=tuple(problems),
    )


def spread(total: int, limit: int | None) -> list[int]:
    """At most ``limit`` of ``total`` places in order, evenly apart, beginning with the first."""
    if limit is None or limit >= total:
        return list(range(total))
    return [number * total // limit for number in range(limit)]


def _open(path: Path) -> pq.ParquetFile:
    try:
        import pyarrow
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            "Reading a Parquet file needs pyarrow, which is not installed.", hint="Type: python -m pip install pyarrow"
        ) from error
    if path.is_dir():
        raise InputError(f"{path} is a folder; a Parquet file was expected.", hint="Name one file.")
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", hint="Check the path.") from error
    except pyarrow.ArrowInvalid as error:
        raise InputError(
            f"{path} is not a Parquet file, or it is cut off ({str(error).split('.')[0]}).",
            hint="Name a Parquet file of labelled pictures; docs/evaluation.md says what is in one.",
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", hint="Check its permissions.") from error


def _check_columns(path: Path, schema: Any) -> None:
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        expected = "; ".join(f"{name} ({what})" for name, what in COLUMNS.items())
        raise InputError(
            f"{path.name} has no column {', '.join(f'“{name}”' for name in missing)}. Expected: {expected}. "
            f"It has: {', '.join(schema.names) or 'none'}.",
            hint="Name a file of labelled pictures, or write one with these columns.",
        )
    for name, fits in _fitting_types().items():
        found = schema.field(name).type
        if not fits(found):
            raise InputError(
                f"The column “{name}” of {path.name} should hold {COLUMNS[name]}; its type is {found}.",
                hint="Write the file again with that type.",
            )


def _fitting_types() -> dict[str, Any]:
    from pyarrow import types

    def text(found: Any) -> bool:
        return types.is_string(found) or types.is_large_string(found) or types.is_null(found) or _is_text_code(found)

    def _is_text_code(found: Any) -> bool:
        return types.is_dictionary(found) and text(found.value_type)

    def listed(found: Any) -> bool:
        return types.is_list(found) or types.is_large_list(found)

    def asked(found: Any) -> bool:
        if not types.is_struct(found):
            return types.is_null(found)
        return {"question", "answer"} <= {found.field(at).name for at in range(found.num_fields)}

    return {
        "id": text,
        "image": lambda found: types.is_binary(found) or types.is_large_binary(found),
        "task": text,
        "texts": lambda found: types.is_null(found) or (listed(found) and text(found.value_type)),
        "label": text,
        "qa": lambda found: types.is_null(found) or (listed(found) and asked(found.value_type)),
        "meta": text,
    }


def _read_row(value: dict[str, Any], place: int) -> Row | Problem:
    name = str(value["id"]) if value["id"] is not None else f"row {place + 1}"
    task, label = value["task"], str(value["label"] or "").strip()
    texts = tuple(str(text).strip() for text in value["texts"] or () if str(text or "").strip())
    qa = tuple(
        Asked(str(each["question"]), str(each["answer"]), str(each.get("type") or ""))
        for each in value["qa"] or ()
        if each and each["question"] and each["answer"] is not None
    )
    if task not in TASKS:
        return Problem(name, f"its task is {task!r}; expected one of {', '.join(TASKS)}")
    if task == "statement" and not (texts and label.lower() in ("true", "false")):
        return Problem(name, f"a statement needs its text and the label true or false; got {texts!r} and {label!r}")
    if task == "label" and not label:
        return Problem(name, "it has no label")
    if task in ("naming", "caption") and not texts:
        return Problem(name, "it has no text")
    if task == "vqa" and not qa:
        return Problem(name, "it has no question with an answer")
    meta = _read_meta(value["meta"])
    coarse, style = (str(meta.get(key) or "").strip() for key in ("coarse", "style"))
    return Row(name, task, texts, label, qa, coarse, style, str(value.get("split") or ""))


def _read_meta(text: str | None) -> dict[str, Any]:
    try:
        meta = json.loads(text or "{}")
    except (ValueError, RecursionError):  # what is in it refines the report, and no score hangs on it
        return {}
    return cast("dict[str, Any]", meta) if isinstance(meta, dict) else {}


def _read_images(path: Path, file: pq.ParquetFile, places: Sequence[int]) -> tuple[bytes, ...]:
    """The pictures of those rows (in rising order), without the others in memory at once."""
    images: list[bytes] = []
    wanted, first = iter(places), 0
    at = next(wanted, None)
    try:
        batches: Iterable[Any] = file.iter_batches(256, columns=["image"])
        for batch in batches:
            column = batch.column(0)
            while at is not None and at < first + len(column):
                images.append(column[at - first].as_py() or b"")
                at = next(wanted, None)
            first += len(column)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return tuple(images)


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path.name} starts like a Parquet file but is damaged ({error}).", hint="Fetch it again.")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
