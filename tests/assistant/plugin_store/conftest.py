from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assistant.plugin_store.declaration import Declaration
from assistant.plugin_store.lock import Locked, hashes, packages, read_lock, write_lock

Put = Callable[..., Locked]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Puts a plugin of one file among the installed ones: ``put("name", "source", "before_turn")``."""

    def put_in(name: str, source: str, *hooks: str, trusted: bool = False, **declared: Any) -> Locked:
        folder = f"{name}-1.0-test"
        place = packages(tmp_path) / folder
        place.mkdir(parents=True)
        (place / f"{name}.py").write_text("from assistant import *\n" + source, encoding="utf-8")
        locked = Locked(
            name=f"package-{name}",
            version="1.0",
            source="a test",
            folder=folder,
            sha256="0" * 64,
            files=hashes(place),
            entries={name: f"{name}:Plugin" if "class Plugin" in source else name},
            hooks=hooks,
            declaration=Declaration(hooks=hooks, **declared),
            trusted=trusted,
            installed_at=datetime.now(UTC),
        )
        lock = read_lock(tmp_path)
        write_lock(tmp_path, lock.model_copy(update={"plugins": lock.plugins | {locked.name: locked}}))
        return locked

    return put_in


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    source: str = "",
    declared: str | None = None,
    entry: bool = True,
    requires: str = "",
    extra: dict[str, str] | None = None,
) -> Path:
    """A wheel of one package, written by hand, so that nothing has to be built."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {f"{module}/__init__.py": source, **(extra or {})}
    if declared is not None:
        files[f"{module}/assistant.toml"] = declared
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if entry:
        files[f"{info}/entry_points.txt"] = f"[assistant]\n{module} = {module}\n"
    record = "".join(f"{path},,\n" for path in files)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(zipfile.ZipInfo(each), text)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), record + f"{info}/RECORD,,\n")
    return path


@pytest.fixture
def wheel() -> Callable[..., Path]:
    """Writes a wheel."""
    return make_wheel


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
