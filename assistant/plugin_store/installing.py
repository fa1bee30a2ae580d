"""Install, update and remove plugins: first everything is shown, then it is done, and what was done is locked."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from assistant.errors import InputError, PluginLoadError
from assistant.plugin_store.declaration import Declaration
from assistant.plugin_store.differing import differences
from assistant.plugin_store.hook_data import IN_A_CHILD
from assistant.plugin_store.lock import (
    Brought,
    Lock,
    Locked,
    hashes,
    home,
    one_at_a_time,
    own_folder,
    packages,
    read_lock,
    write_lock,
)
from assistant.plugin_store.package import GROUP, Package, read_folder, read_wheel
from assistant.plugin_store.pip import Pip, all_here

REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(==[A-Za-z0-9.!+_-]+)?")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be installed. ``wheel`` is ``None`` for a folder: it is built when the plan is carried out, because
    building runs code of its author."""

    source: str
    package: Package
    wheel: Path | None
    brought: tuple[Path, ...]
    previous: Locked | None
    trusted: bool

    def lines(self, data_dir: Path) -> Iterator[str]:
        """Everything that a person should know before going on."""
        package = self.package
        yield f"{package.name} {package.version}, from {self.source}"
        what = "wheel" if self.wheel else "folder"
        yield f"SHA-256 of the {what}: {package.sha256}"
        for name, value in package.entries.items():
            yield f"plugin {name} ({value}); hooks found in its source: {', '.join(package.hooks) or 'none'}"
        if package.declaration is None:
            yield "it declares nothing (it has no assistant.toml)"
        else:
            yield from (f"it declares {line}" for line in package.declaration.lines())
        for path in self.brought:
            yield f"brings along {path.name}, SHA-256 {sha256(path.read_bytes()).hexdigest()}"
        if self.wheel is None:
            yield "to build it, code of its author runs on this computer"
        if package.entries and self.trusted:
            yield "it runs inside the program: it may do whatever you may do"
        elif package.entries:
            yield "it runs in a child process, with limits (docs/plugins.md says what it can still do)"
        if self.previous is not None:
            yield "what changes:"
            yield from (f"  {line}" for line in differences(self.previous, package, data_dir))


def make_plan(source: str, data_dir: Path, room: Path, pip: Pip, *, trusted: bool) -> Plan:
    """Look at what is to be installed. Nothing of it is executed.

    Args:
        source: a name, a name with a version, the URL of a wheel, a folder, or a wheel.
        data_dir: where plugins are kept.
        room: an empty folder for what is fetched.
        pip: how packages are fetched.
        trusted: whether it is to run inside the program.

    Raises:
        InputError: it cannot be found or read, is no plugin, or cannot work here.
        SettingsError: the lock file cannot be read.
    """
    lock = read_lock(data_dir)
    wheel: Path | None
    path = Path(source)
    if path.is_dir():
        wheel, package = None, read_folder(path)
    else:
        wheel = path if path.suffix == ".whl" and path.is_file() else pip.fetch(_fetchable(source), room / "wheel")
        package = read_wheel(wheel)
    _must_be_free(package, lock)
    hooks = _hooks(package)
    inside = sorted(set(hooks) - IN_A_CHILD)
    if package.declaration is not None and package.declaration.model:
        inside.append("a question to a model of the house")
    if inside and not trusted:
        raise InputError(
            f"{package.name} needs what a child process cannot have: {', '.join(inside)}.",
            hint="If you trust its author with all that you may do on this computer, install it with --trust.",
        )
    brought = _fetch_missing(wheel, room, pip) if wheel else ()
    return Plan(source, package, wheel, brought, lock.plugins.get(package.name), trusted)


def carry_out(plan: Plan, data_dir: Path, room: Path, pip: Pip, start: Callable[[Locked], None]) -> Locked:
    """Install what was planned, try to start it, and lock it.

    Args:
        plan: as it was shown.
        data_dir: where plugins are kept.
        room: an empty folder for what is built.
        pip: how packages are fetched.
        start: starts each plugin of it once; raises where one cannot be started.

    Raises:
        InputError: it cannot be built, or the built wheel is not what was shown.
        PluginLoadError: it cannot be started. Nothing is installed then.
        SettingsError: the lock file cannot be read.
    """
    package, wheel, brought = plan.package, plan.wheel, plan.brought
    if wheel is None:
        wheel = pip.build(Path(plan.source), room / "built")
        package = read_wheel(wheel)
        _same_as_shown(plan.package, package)
        brought = _fetch_missing(wheel, room, pip)
    with one_at_a_time(data_dir):
        lock = read_lock(data_dir)
        folder = f"{package.name}-{package.version}-{package.sha256[:12]}"
        place = packages(data_dir) / folder
        present = lock.plugins.get(package.name)
        if place.exists() and (present is None or present.folder != folder):
            shutil.rmtree(place)  # left by an install that was broken off
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            half = Path(tempfile.mkdtemp(prefix="half-", dir=place.parent))
            try:
                pip.unpack([wheel, *brought], half / "files")
                (half / "files").rename(place)
            finally:
                shutil.rmtree(half, ignore_errors=True)
        locked = Locked(
            name=package.name,
            version=package.version,
            source=plan.source,
            folder=folder,
            sha256=package.sha256,
            files=hashes(place),
            entries=package.entries,
            hooks=_hooks(package),
            declaration=package.declaration or Declaration(hooks=package.hooks),
            trusted=plan.trusted,
            brought=tuple(_brought(each) for each in brought),
            installed_at=datetime.now(UTC),
        )
        if present is not None and present.folder == folder and present.files != locked.files:
            shutil.rmtree(place)
            raise InputError(
                f"The files of {package.name} were changed after it was installed; they are removed.",
                hint="Install it again.",
            )
        try:
            start(locked)
        except PluginLoadError:
            if present is None or present.folder != folder:
                shutil.rmtree(place, ignore_errors=True)
            raise
        write_lock(data_dir, lock.model_copy(update={"plugins": lock.plugins | {package.name: locked}}))
        # A program that is running may still start the version of before: only older ones go.
        for old in packages(data_dir).glob(f"{package.name}-*"):
            if old.name not in (folder, present.folder if present else ""):
                shutil.rmtree(old, ignore_errors=True)
    return locked


def remove(name: str, data_dir: Path) -> Locked:
    """Uninstall a package, by its name or by that of a plugin in it. Nothing of it is executed.

    Raises:
        InputError: it is not installed here.
        SettingsError: the lock file cannot be read.
    """
    with one_at_a_time(data_dir):
        lock = read_lock(data_dir)
        found = [each for each in lock.plugins.values() if name == each.name or name in each.entries]
        if not found:
            there = ", ".join(sorted(lock.plugins)) or "none"
            here = any(entry.name == name for entry in entry_points(group=GROUP))
            raise InputError(
                f"{name!r} was not installed with `assistant plugins install`; installed so: {there}.",
                hint=f"It is a part of the Python environment; to leave it out: assistant plugins disable {name}"
                if here
                else "",
            )
        rest = {key: each for key, each in lock.plugins.items() if each is not found[0]}
        write_lock(data_dir, lock.model_copy(update={"plugins": rest}))
        for folder in packages(data_dir).glob(f"{found[0].name}-*"):
            shutil.rmtree(folder, ignore_errors=True)
        for entry in found[0].entries:
            shutil.rmtree(own_folder(data_dir, entry), ignore_errors=True)
            (home(data_dir) / "starting" / entry).unlink(missing_ok=True)
    return found[0]


def _hooks(package: Package) -> tuple[str, ...]:
    """The hooks that it may implement: those that it declares, or where it declares nothing, those in its source."""
    return package.declaration.hooks if package.declaration is not None else package.hooks


def _fetchable(source: str) -> str:
    """A source that pip may fetch.

    Raises:
        InputError: it is no name and no URL of a wheel.
    """
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise InputError(f"{source} is not encrypted; anybody on the way could change it.", hint="Use https.")
        if not parts.path.endswith(".whl"):
            raise InputError(
                f"Expected the URL of a wheel (.whl); came {source!r}.",
                hint="Unpack another form into a folder, look at it, and install the folder.",
            )
        return source
    if not REQUIREMENT.fullmatch(source):
        raise InputError(
            f"There is no folder and no wheel {source!r}, and it is no name of a package.",
            hint="As in: my-plugin, my-plugin==1.2, https://example.org/my_plugin-1-py3-none-any.whl, ./folder",
        )
    return source


def _must_be_free(package: Package, lock: Lock) -> None:
    """Raise where another package brings a plugin of the same name already."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", package.name):
        raise InputError(f"Expected a package's name of letters, digits, dots and hyphens; came {package.name!r}.")
    taken = {entry.name: entry.dist.name if entry.dist else "this environment" for entry in entry_points(group=GROUP)}
    for other in lock.plugins.values():
        if other.name != package.name:
            taken |= dict.fromkeys(other.entries, other.name)
    for name in package.entries:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise InputError(f"Expected a plugin's name of letters, digits, hyphens and underscores; came {name!r}.")
        if name in taken:
            raise InputError(
                f"There is a plugin {name!r} already: {taken[name]} brings it.", hint="Uninstall it first."
            )


def _same_as_shown(shown: Package, built: Package) -> None:
    """Raise where a built wheel is something else than what the folder said."""
    for what, before, after in (
        ("name", shown.name, built.name),
        ("entry points", shown.entries, built.entries),
        ("declaration", shown.declaration, built.declaration),
    ):
        if before != after:
            raise InputError(f"The wheel that was built has another {what} than the folder: {after}, not {before}.")


def _fetch_missing(wheel: Path, room: Path, pip: Pip) -> tuple[Path, ...]:
    if all_here(read_wheel(wheel).requires):
        return ()
    report = room / "report"
    report.mkdir(exist_ok=True)
    missing = pip.missing(wheel, report)
    return tuple(pip.fetch(each, room / f"brought-{number}") for number, each in enumerate(missing))


def _brought(wheel: Path) -> Brought:
    name, version, *_ = wheel.name.split("-")
    return Brought(name=name, version=version, sha256=sha256(wheel.read_bytes()).hexdigest())


def packs_of(locked: Locked, data_dir: Path) -> Sequence[Path]:
    """The files of the constitution packs that an installed package brings."""
    place = packages(data_dir) / locked.folder
    inside = [Path(path).parent for path in locked.files if path.count("/") == 1 and path.endswith("/assistant.toml")]
    return [place / inside[0] / each for each in locked.declaration.packs] if inside else []
