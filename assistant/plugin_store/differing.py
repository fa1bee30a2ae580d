"""What an update changes: in what it declares, and in its files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from assistant.plugin_store.lock import Locked, packages
from assistant.plugin_store.package import Package

MOST_LINES = 200
"""So many lines of the differences in text are shown."""


def differences(before: Locked, after: Package, data_dir: Path, *, most: int = MOST_LINES) -> Iterator[str]:
    """What changes from the installed version to a new one, in lines for a person.

    Args:
        before: what is installed.
        after: what would be.
        data_dir: where the installed files lie.
        most: lines of text that are shown; the rest is counted.
    """
    yield f"version: {before.version} -> {after.version}"
    old = dict(line.split(": ", 1) for line in before.declaration.lines())
    new = dict(line.split(": ", 1) for line in after.declaration.lines()) if after.declaration else {}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name, 'not said')} -> {new.get(name, 'not said')}"
    installed = {path: digest for path, digest in before.files.items() if _counts(path)}
    coming = {path: content for path, content in after.files.items() if _counts(path)}
    for path in sorted(installed.keys() | coming.keys()):
        if path not in coming:
            yield f"file removed: {path}"
        elif path not in installed:
            yield f"file added: {path}"
        elif installed[path] != sha256(coming[path]).hexdigest():
            yield f"file changed: {path}"
    lines = list(_text(packages(data_dir) / before.folder, installed, coming))
    yield from lines[:most]
    if len(lines) > most:
        yield f"... and {len(lines) - most} more lines"


def _counts(path: str) -> bool:
    """pip writes its own notes beside a package; they say nothing about it."""
    return ".dist-info/" not in path


def _text(folder: Path, installed: Mapping[str, str], coming: Mapping[str, bytes]) -> Iterator[str]:
    for path in sorted(installed.keys() | coming.keys()):
        try:
            before = (folder / path).read_text(encoding="utf-8").splitlines() if path in installed else []
            after = coming[path].decode("utf-8").splitlines() if path in coming else []
        except (OSError, UnicodeDecodeError):
            continue  # no text, or the file is gone: its line above says that it differs
        if before != after:
            yield from difflib.unified_diff(before, after, f"installed/{path}", f"new/{path}", lineterm="", n=2)
