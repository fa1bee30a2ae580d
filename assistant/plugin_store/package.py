"""What stands in a package before it is installed. It is read as data: nothing of it is executed."""

from __future__ import annotations

import ast
import configparser
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path

from assistant.errors import InputError
from assistant.plugin_author.project import read_project
from assistant.plugin_store.declaration import FILE, Declaration, read_declaration

GROUP = "assistant"
MOST_BYTES = 500_000_000
"""A wheel that unpacks to more is not opened."""
LEFT_OUT = frozenset({".git", ".venv", "__pycache__", "build", "dist", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it came. ``files`` are its contents by path, ``sha256`` is over the wheel, or over all files of a
    folder. ``hooks`` are found in its source by the mark ``hookimpl``. ``requires`` are what else it needs."""

    name: str
    version: str
    entries: dict[str, str]
    declaration: Declaration | None
    hooks: tuple[str, ...]
    requires: tuple[str, ...]
    sha256: str
    files: Mapping[str, bytes]


def read_wheel(path: Path) -> Package:
    """Read a wheel.

    Raises:
        InputError: it is none, or no plugin's.
    """
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            infos = [each for each in archive.infolist() if not each.is_dir()]
            size = sum(each.file_size for each in infos)
            if size > MOST_BYTES:
                raise InputError(f"{path.name} unpacks to {size:,} bytes; expected at most {MOST_BYTES:,}.")
            files = {each.filename: archive.read(each) for each in infos}
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no wheel that can be read: {error}.") from error
    metadata = HeaderParser().parsestr(_info(files, "METADATA", path))
    entries = configparser.ConfigParser()
    entries.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    try:
        entries.read_string(_info(files, "entry_points.txt", path, optional=True))
    except configparser.Error as error:
        raise InputError(f"{path.name}: its entry points cannot be read: {error}.") from error
    package = Package(
        name=str(metadata["Name"]),
        version=str(metadata["Version"]),
        entries=dict(entries[GROUP]) if GROUP in entries else {},
        declaration=_declared(files, path.name),
        hooks=hooks_in(files),
        requires=tuple(map(str, metadata.get_all("Requires-Dist") or ())),
        sha256=sha256(content).hexdigest(),
        files=files,
    )
    return _a_plugin(package, path.name)


def read_folder(folder: Path) -> Package:
    """Read the folder of a package as its author keeps it, before it is built.

    Raises:
        InputError: it is no plugin's.
    """
    project = read_project(folder)
    total = sha256()
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or LEFT_OUT & set(relative.parts) or relative.suffix == ".pyc":
            continue
        content = path.read_bytes()
        total.update(f"{relative.as_posix()}\0{sha256(content).hexdigest()}\n".encode())
        if path.is_relative_to(project.sources):
            files[path.relative_to(project.sources).as_posix()] = content
    code = {path: content for path, content in files.items() if "/" in path and not path.startswith("tests/")}
    package = Package(
        name=project.name,
        version=project.version,
        entries=project.entries,
        declaration=project.declaration,
        hooks=hooks_in(code),
        requires=(),
        sha256=total.hexdigest(),
        files=code,
    )
    return _a_plugin(package, str(folder))


def hooks_in(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The functions that Python sources mark with ``hookimpl``; sources that cannot be parsed have none."""
    found: set[str] = set()
    for path, content in files.items():
        if path.endswith(".py"):
            try:
                tree = ast.parse(content)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            found.update(_marked(tree))
    return tuple(sorted(found))


def _marked(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                name = mark.func if isinstance(mark, ast.Call) else mark
                if getattr(name, "id", getattr(name, "attr", "")) == "hookimpl":
                    yield node.name


def _info(files: Mapping[str, bytes], name: str, path: Path, *, optional: bool = False) -> str:
    found = [each for each in files if each.count("/") == 1 and each.endswith(f".dist-info/{name}")]
    if not found and optional:
        return ""
    if len(found) != 1:
        raise InputError(f"{path.name} is no wheel: expected one {name}; there are {len(found)}.")
    return files[found[0]].decode("utf-8", errors="replace")


def _declared(files: Mapping[str, bytes], name: str) -> Declaration | None:
    found = [each for each in files if each.count("/") == 1 and each.endswith(f"/{FILE}")]
    if len(found) > 1:
        raise InputError(f"{name}: expected one {FILE}; there are {', '.join(found)}.")
    if not found:
        return None
    return read_declaration(files[found[0]].decode("utf-8", errors="replace"), f"{name}: {found[0]}")


def _a_plugin(package: Package, name: str) -> Package:
    if not package.entries and not (package.declaration and package.declaration.packs):
        raise InputError(
            f"{name} is no plugin: it has no entry point in the group {GROUP!r}, and declares no packs.",
            hint="docs/plugins.md says what a plugin is.",
        )
    return package
