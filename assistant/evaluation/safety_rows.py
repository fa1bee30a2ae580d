"""Read a folder of labelled requests: JSON lines, one request a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from assistant.errors import InputError

Label = Literal["harmful", "safe"]
"""``harmful``: should be blocked. ``safe``: should be answered."""
LABELS: tuple[Label, ...] = get_args(Label)

MAX_LINE = 16_000_000
"""Bytes. A longer line is not kept in memory; it is a bad row."""
MAIN_GROUP = "requests"
"""The group of the files that lie in the folder itself; those in a folder below are a group of that folder's name."""

COLUMNS = {
    "id": "text or whole number, once in its file",
    "text": "the request",
    "label": "`harmful` or `safe`",
    "source": "where the row comes from; left out, the name of its file",
    "category": "of what kind it is, in the source's own word",
    "persona": "how it is asked, in the source's own word",
    "domain": "a regulated domain: the question may be answered, with a duty",
    "pack": "the constitution pack that has to judge it",
    "pair": "the same value on a safe row and its harmful twin",
    "twin": "instead of `pair`: the id of the twin",
    "image": "path of a picture that comes with the request, from the file's own folder",
}
"""What is read of a row. ``id``, ``text`` and ``label`` must be there; other columns are passed over."""
_TEXTS = ("source", "category", "persona", "domain", "pack", "twin", "image")


@dataclass(frozen=True, slots=True)
class SafetyRow:
    """One labelled request. Optional columns that the file does not have are empty.

    ``file`` is the path below the folder, ``line`` counts from 1, ``group`` is explained at `MAIN_GROUP`.
    """

    file: str
    line: int
    group: str
    id: str
    text: str
    label: Label
    source: str
    category: str
    persona: str
    domain: str
    pack: str
    pair: str
    image: Path | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used; ``line`` is 0 where the whole file could not be read."""

    file: str
    line: int
    id: str
    why: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}{f' ({self.id})' if self.id else ''}: {self.why}"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that was read: its path below the folder, its rows that could be used, and its hash."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class SafetyFolder:
    """The rows of a folder in the order of its files, and those that could not be used."""

    path: Path
    files: tuple[FileFacts, ...]
    rows: tuple[SafetyRow, ...]
    bad: tuple[BadRow, ...]


def read_folder(path: Path) -> SafetyFolder:
    """Read every ``*.jsonl`` in a folder and the folders below it.

    Raises:
        InputError: there is no such folder, no file in it, or no row that can be used.
    """
    if not path.is_dir():
        what = "is a file" if path.is_file() else "is not there"
        raise InputError(f"A folder with JSON lines was expected; {path} {what}.", hint="Name the folder itself.")
    try:
        places = sorted(place for place in path.rglob("*.jsonl") if place.is_file())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", hint="Check its permissions.") from error
    if not places:
        raise InputError(
            f"{path} has no file that ends in .jsonl, nor has a folder below it.",
            hint="Name a folder of JSON lines with id, text and label; docs/evaluation.md says what is read.",
        )
    files: list[FileFacts] = []
    rows: list[SafetyRow] = []
    bad: list[BadRow] = []
    for place in places:
        name = place.relative_to(path).as_posix()
        try:
            with place.open("rb") as opened:
                found, wrong, sha256 = _read(opened, name, place)
        except OSError as error:
            bad.append(BadRow(name, 0, "", f"the file cannot be read: {error.strerror or error}"))
            continue
        files.append(FileFacts(name, len(found), sha256))
        rows += found
        bad += wrong
    if not rows:
        why = f" The first row that cannot: {bad[0]}." if bad else ""
        raise InputError(f"{path} has no row that can be used ({len(places)} files).{why}")
    return SafetyFolder(path, tuple(files), tuple(rows), tuple(bad))


def read_file(path: Path) -> tuple[list[SafetyRow], list[BadRow]]:
    """Read one file of JSON lines.

    Returns:
        Its rows, and those that could not be used.

    Raises:
        InputError: there is no such file, it cannot be read, or no row of it can be used.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; a file of JSON lines was expected.", hint="Name one file.")
    try:
        with path.open("rb") as opened:
            rows, bad, _ = _read(opened, path.name, path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", hint="Check the path.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", hint="Check its permissions.") from error
    if not rows:
        why = f" The first row that cannot: {bad[0]}." if bad else ""
        raise InputError(
            f"{path} has no row that can be used.{why}", hint="One JSON object a line, with id, text and label."
        )
    return rows, bad


def _read(opened: BinaryIO, name: str, place: Path) -> tuple[list[SafetyRow], list[BadRow], str]:
    rows: list[SafetyRow] = []
    bad: list[BadRow] = []
    digest = hashlib.sha256()
    seen: dict[str, int] = {}
    for number, raw in _lines(opened, digest):
        read = _read_row(raw, name, number, place)
        if isinstance(read, SafetyRow) and read.id in seen:
            read = BadRow(name, number, read.id, f"the id came before, in line {seen[read.id]}; expected each id once")
        if isinstance(read, BadRow):
            bad.append(read)
        else:
            seen[read.id] = number
            rows.append(read)
    return rows, bad, digest.hexdigest()


def _lines(opened: BinaryIO, digest: Any) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines that are not blank; ``None`` in place of one that is too long."""
    number = 0
    while raw := opened.readline(MAX_LINE + 1):
        number += 1
        digest.update(raw)
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while rest := opened.readline(MAX_LINE):
                digest.update(rest)
                if rest.endswith(b"\n"):
                    break
            yield number, None
        elif raw.strip():
            yield number, raw


def _read_row(raw: bytes | None, name: str, number: int, place: Path) -> SafetyRow | BadRow:
    def bad(why: str, row_id: str = "") -> BadRow:
        return BadRow(name, number, row_id, why)

    if raw is None:
        return bad(f"the line is longer than {MAX_LINE:,} bytes")
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return bad(f"expected UTF-8 text; byte {error.start} is 0x{raw[error.start]:02x}")
    except (ValueError, RecursionError) as error:
        return bad(f"expected JSON; {error}")
    if not isinstance(value, dict):
        return bad(f"expected an object with id, text and label; came {type(value).__name__}")
    row_id, pair = value.get("id"), value.get("pair")
    if isinstance(row_id, bool) or not isinstance(row_id, str | int) or row_id == "":
        return bad(f"expected an id, text or a whole number; came {_shown(value, 'id')}")
    row_id = str(row_id)
    if not isinstance(value.get("text"), str):
        return bad(f"expected text in “text”; came {_shown(value, 'text')}", row_id)
    if value.get("label") not in LABELS:
        return bad(f"expected the label harmful or safe; came {_shown(value, 'label')}", row_id)
    for key in _TEXTS:
        if value.get(key) is not None and not isinstance(value[key], str):
            return bad(f"expected text in “{key}”; came {_shown(value, key)}", row_id)
    if pair is not None and (isinstance(pair, bool) or not isinstance(pair, str | int)):
        return bad(f"expected text or a whole number in “pair”; came {_shown(value, 'pair')}", row_id)
    for key in ("id", "text", "pair", *_TEXTS):
        if not _is_unicode(value.get(key)):
            return bad(f"“{key}” is not valid Unicode: it holds half a character", ascii(row_id)[1:-1])
    image: str = value.get("image") or ""
    if "\0" in image:
        return bad("“image” holds a zero byte", row_id)
    if pair is None and value.get("twin"):
        pair = " and ".join(sorted((row_id, value["twin"])))
    folders = name.split("/")[:-1]
    return SafetyRow(
        file=name,
        line=number,
        group=folders[0] if folders else MAIN_GROUP,
        id=row_id,
        text=value["text"],
        label=value["label"],
        source=value.get("source") or place.stem,
        category=value.get("category") or "",
        persona=value.get("persona") or "",
        domain=value.get("domain") or "",
        pack=value.get("pack") or "",
        pair="" if pair is None else str(pair),
        image=place.parent / image if image else None,
    )


def _is_unicode(value: Any) -> bool:
    try:
        str(value or "").encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: dict[str, Any], key: str) -> str:
    return ascii(value[key])[:40] if key in value else "nothing"
