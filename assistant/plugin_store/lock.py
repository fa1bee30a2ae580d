"""``plugins/lock.json`` in the data folder: what is installed, with the hash of every file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from assistant.errors import SettingsError
from assistant.plugin_store.declaration import Declaration
from assistant.verdicts import Frozen


class Brought(Frozen):
    """A package that came along because the plugin needs it."""

    name: str
    version: str
    sha256: str


class Locked(Frozen):
    """One installed package. ``folder`` is its name among the packages, ``sha256`` that of the wheel, ``files`` are the
    hashes of what lies there. ``hooks`` are those that it may implement. ``trusted``: it runs inside the program."""

    name: str
    version: str
    source: str
    folder: str
    sha256: str
    files: dict[str, str]
    entries: dict[str, str]
    hooks: tuple[str, ...]
    declaration: Declaration = Declaration()
    trusted: bool = False
    brought: tuple[Brought, ...] = ()
    installed_at: datetime


class Lock(Frozen):
    """Everything that is installed, by the name of the package."""

    version: Literal[1] = 1
    plugins: dict[str, Locked] = Field(default_factory=dict)


def home(data_dir: Path) -> Path:
    """The folder of installed plugins."""
    return data_dir / "plugins"


def packages(data_dir: Path) -> Path:
    """Where their files lie, a folder for each version."""
    return home(data_dir) / "packages"


def own_folder(data_dir: Path, name: str) -> Path:
    """The only folder that a plugin in a child process may write to."""
    return home(data_dir) / "own" / name


def read_lock(data_dir: Path) -> Lock:
    """What is installed.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = home(data_dir) / "lock.json"
    try:
        return Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Lock()
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what `plugins install` wrote"
        raise SettingsError(
            f"{path} cannot be read: {reason}. No installed plugin is loaded.",
            hint="Put back a copy of it, or delete it and install the plugins again.",
        ) from error


def write_lock(data_dir: Path, lock: Lock) -> None:
    """Keep it, in one step: the file is never half written."""
    path = home(data_dir) / "lock.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(lock.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


@contextmanager
def one_at_a_time(data_dir: Path) -> Generator[None]:
    """Two programs that install at once wait for each other, where the system can do that."""
    home(data_dir).mkdir(parents=True, exist_ok=True)
    with (home(data_dir) / "lock.wait").open("w") as file:
        try:
            import fcntl
        except ImportError:  # no such thing on this system
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by path; compiled leftovers are thrown away first, never trusted.

    Raises:
        OSError: a file cannot be read.
        ValueError: there is a link in it, which could point anywhere.
    """
    found: dict[str, str] = {}
    for place, folders, names in os.walk(folder):
        for name in [each for each in folders if each == "__pycache__"]:
            shutil.rmtree(Path(place) / name)
            folders.remove(name)
        for name in (*folders, *names):
            path = Path(place) / name
            if path.is_symlink():
                raise ValueError(f"{path.relative_to(folder).as_posix()} is a link")
            if name in names:
                found[path.relative_to(folder).as_posix()] = sha256(path.read_bytes()).hexdigest()
    return found


def what_changed(data_dir: Path, locked: Locked) -> str:
    """In words, how the files of a plugin differ from the lock; empty where they are as they were installed."""
    try:
        found = hashes(packages(data_dir) / locked.folder)
    except (OSError, ValueError) as error:
        return f"its files cannot be read: {error}"
    changed = [path for path in sorted(found.keys() & locked.files.keys()) if found[path] != locked.files[path]]
    gone, new = sorted(locked.files.keys() - found.keys()), sorted(found.keys() - locked.files.keys())
    parts = [
        f"{paths[0]} {what}" + (f", and {len(paths) - 1} more" if len(paths) > 1 else "")
        for paths, what in ((changed, "was changed"), (gone, "is missing"), (new, "was added"))
        if paths
    ]
    return "; ".join(parts)
