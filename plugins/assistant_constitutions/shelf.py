"""Where added packs lie: every version under its hash, and one small file that says which of them are in force."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError

from assistant.messages import PackStamp
from assistant.packs import PackGrant, PackVersion
from assistant.verdicts import Frozen
from assistant_constitutions.errors import PackError, UnknownPack
from assistant_constitutions.loader import ALWAYS_ON, BUNDLED, MAX_BYTES, bundled_source, is_pack_id, parse_pack
from assistant_constitutions.pack import Pack

STATE_FILE = "packs.json"


class ShelfState(Frozen):
    """Which packs there are and which are in force.

    ``versions``: what was added, by id, oldest first. ``enabled``: the hash in force, by id. ``before``: the hashes
    that were in force earlier, by id, the latest last.
    """

    versions: dict[str, tuple[PackVersion, ...]] = Field(default_factory=dict)
    enabled: dict[str, str] = Field(default_factory=dict)
    before: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    grants: tuple[PackGrant, ...] = ()


class Kept(Frozen):
    """A pack as it lies on the shelf, or comes with Glassbox."""

    pack: Pack
    sha256: str

    @property
    def stamp(self) -> PackStamp:
        """Its id, version and hash."""
        return PackStamp(id=self.pack.id, version=self.pack.version, sha256=self.sha256)


def sha256_of(data: bytes) -> str:
    """The hash of a pack's file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_pack_file(path: Path) -> bytes:
    """The bytes of a pack that somebody hands in: a file, or a folder with a ``pack.yaml``.

    Raises:
        PackError: it is no ordinary file, too large, or cannot be read.
    """
    name = f"{path!s:.200}"
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            path = path / "pack.yaml"
        # Opened without following a link and without waiting for the other end of a pipe.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            raise PackError(f"{name}: expected a file; it is a link.", hint="Name the file itself.") from error
        reason = getattr(error, "strerror", None) or error
        raise PackError(f"{name}: expected a pack in YAML; it cannot be opened: {reason}.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PackError(f"{name}: expected an ordinary file; it is a folder, a pipe or a device.")
    with os.fdopen(handle, "rb") as opened:
        try:
            data = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise PackError(f"{name}: cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise PackError(f"{name}: expected at most {MAX_BYTES:,} bytes; it has more.")
    return data


def packs_in_folder(folder: Path) -> list[Path] | None:
    """The packs of a folder that holds several: its YAML files, and its folders with a ``pack.yaml``, by name.

    Returns:
        ``None`` where it is no folder, or is one pack by itself.

    Raises:
        PackError: it cannot be read, or there is no pack in it.
    """
    if folder.is_symlink() or not folder.is_dir() or (folder / "pack.yaml").exists():
        return None
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise PackError(f"{folder}: cannot be read: {error.strerror or error}.") from error
    packs = [each for each in inside if each.suffix in (".yaml", ".yml") or (each / "pack.yaml").exists()]
    if not packs:
        raise PackError(f"{folder}: expected packs, files that end in .yaml; there is none in this folder.")
    return packs


class Shelf:
    """The packs in one data folder.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / STATE_FILE
        self._lock = threading.Lock()
        self._known: dict[str, Kept] = {}
        self._bundled = {pack_id: sha256_of(bundled_source(pack_id)) for pack_id in BUNDLED}

    # The state

    def mark(self) -> tuple[int, int, int] | None:
        """Something that changes with the state file, at the price of one look at the disk; ``None`` where it is not
        there."""
        try:
            facts = os.stat(self._file)
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

    def read_bytes(self) -> bytes | None:
        """The state file as it is; ``None`` where nothing was ever changed.

        Raises:
            PackError: it cannot be read.
        """
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PackError(f"{self._file}: cannot be read: {error.strerror or error}.") from error

    def state(self, data: bytes | None = None) -> ShelfState:
        """Which packs there are, and which are in force.

        Raises:
            PackError: the file cannot be used.
        """
        data = self.read_bytes() if data is None else data
        if data is None:
            return ShelfState()
        try:
            return ShelfState.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise PackError(
                f"{self._file}: expected the list of packs that `assistant packs` writes; {where or 'it'}: "
                f"{problem['msg']}.",
                hint="Put back a copy of it, or delete it and enable the packs again.",
            ) from error

    def write(self, data: bytes) -> None:
        """Put a new state in place, in one step.

        Raises:
            PackError: the folder cannot be written.
        """
        self._put(self._file, data)

    def restore(self, data: bytes | None) -> None:
        """Put back the state of before."""
        if data is None:
            self._file.unlink(missing_ok=True)
        else:
            self.write(data)

    # The packs

    def keep(self, pack: Pack, data: bytes) -> str:
        """Keep a version of a pack under its hash; returns the hash.

        Raises:
            PackError: the folder cannot be written.
        """
        digest = sha256_of(data)
        path = self._path(pack.id, digest)
        if not path.is_file():
            self._put(path, data)
        with self._lock:
            self._known[digest] = Kept(pack=pack, sha256=digest)
        return digest

    def keep_bundled(self, kept: Kept) -> None:
        """Keep a copy of a bundled pack: with the next version of Glassbox it may be another, and turns judged by this
        one must still be replayed. A folder that cannot be written is no reason to stop."""
        pack_id = kept.pack.id
        if self._bundled.get(pack_id) == kept.sha256 and not self._path(pack_id, kept.sha256).is_file():
            with suppress(PackError):
                self._put(self._path(pack_id, kept.sha256), bundled_source(pack_id))

    def load(self, pack_id: str, digest: str) -> Kept:
        """A version of a pack, by its hash.

        Raises:
            PackError: it is not there, was changed on the disk, or cannot be used.
        """
        with self._lock:
            known = self._known.get(digest)
        if known is not None and known.pack.id == pack_id:
            return known
        data = self.source(pack_id, digest)
        kept = Kept(pack=parse_pack(data, name=f"{pack_id} ({digest[:12]})", expected_id=pack_id), sha256=digest)
        with self._lock:
            self._known[digest] = kept
        return kept

    def source(self, pack_id: str, digest: str) -> bytes:
        """The file of a version of a pack.

        Raises:
            PackError: it is not there, or was changed on the disk.
        """
        if self._bundled.get(pack_id) == digest:
            return bundled_source(pack_id)
        path = self._path(pack_id, digest)
        try:
            data = read_pack_file(path)
        except PackError as error:
            raise PackError(
                f"Pack {pack_id}, version {digest[:12]}: its file is gone. {error}", hint="Add and enable it again."
            ) from error
        if sha256_of(data) != digest:
            raise PackError(
                f"{path}: expected the hash {digest[:12]}...; came {sha256_of(data)[:12]}...: the file was changed.",
                hint="Put the file back as it was, or add the new text as a new version.",
            )
        return data

    def bundled(self, pack_id: str) -> Kept:
        """A pack as it comes with this version of Glassbox.

        Raises:
            PackError: its file cannot be used.
        """
        return self.load(pack_id, self._bundled[pack_id])

    def ids(self, state: ShelfState) -> list[str]:
        """Every pack that there is."""
        return sorted({*BUNDLED, *state.versions})

    def newest(self, state: ShelfState, pack_id: str) -> Kept:
        """The version that was added last, or the bundled one.

        Raises:
            UnknownPack: there is no such pack.
            PackError: it cannot be used.
        """
        if pack_id in self._bundled:
            return self.bundled(pack_id)
        versions = state.versions.get(pack_id)
        if not versions:
            names = ", ".join(self.ids(state))
            raise UnknownPack(f"There is no constitution pack {pack_id!r}.", hint=f"Available: {names}.")
        return self.load(pack_id, versions[-1].sha256)

    def in_force(self, state: ShelfState, pack_id: str) -> Kept:
        """The version that is enabled, or else the newest.

        Raises:
            UnknownPack: there is no such pack.
            PackError: it cannot be used.
        """
        digest = None if pack_id in ALWAYS_ON else state.enabled.get(pack_id)
        return self.load(pack_id, digest) if digest else self.newest(state, pack_id)

    def version(self, state: ShelfState, pack_id: str, version: str) -> Kept:
        """A version by its number.

        Raises:
            UnknownPack: there is no such pack, or no such version of it.
            PackError: it cannot be used.
        """
        newest = self.newest(state, pack_id)
        there = [*state.versions.get(pack_id, ()), *([] if pack_id not in self._bundled else [_as_version(newest)])]
        for each in reversed(there):
            if each.version == version:
                return self.load(pack_id, each.sha256)
        names = ", ".join(each.version for each in there)
        raise UnknownPack(f"There is no version {version} of the pack {pack_id}.", hint=f"There are: {names}.")

    def _path(self, pack_id: str, digest: str) -> Path:
        if not is_pack_id(pack_id) or not (len(digest) == 64 and digest.isalnum()):
            raise PackError(f"{pack_id!r}, {digest!r}: expected the id and the hash of a pack.")
        return self._folder / pack_id / f"{digest}.yaml"

    def _put(self, path: Path, data: bytes) -> None:
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with fresh.open("wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise PackError(
                f"{path}: cannot be written: {error.strerror or error}.",
                hint="Free some space, or choose another folder with GLASSBOX_DATA_DIR.",
            ) from error


def _as_version(kept: Kept) -> PackVersion:
    return PackVersion(version=kept.pack.version, sha256=kept.sha256)
