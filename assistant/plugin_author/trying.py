"""Try a plugin in its author's folder: its own tests, and what Glassbox expects of every plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from assistant.errors import InputError
from assistant.plugin_author.contract import Check
from assistant.plugin_author.project import read_project

TESTS_SECONDS = 600.0
CONTRACT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. ``own`` is whether its own tests pass, ``None`` where it has none; ``output`` is what they
    printed."""

    own: bool | None
    output: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds. A plugin without tests of its own is not fine."""
        return self.own is True and bool(self.checks) and all(each.ok for each in self.checks)


def try_plugin(folder: Path) -> Tried:
    """Run a plugin's tests and the contract checks, each in a program of its own with a time limit.

    Raises:
        InputError: the folder is no plugin's, or pytest is missing.
    """
    read_project(folder)
    own, output = _own_tests(folder)
    return Tried(own, output, tuple(_contract(folder)))


def _own_tests(folder: Path) -> tuple[bool | None, str]:
    if not (folder / "tests").is_dir():
        return None, "There is no folder tests.\n"
    if find_spec("pytest") is None:
        raise InputError("Its tests need pytest, which is not installed.", hint="Type: pip install pytest")
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    try:
        done = _python(folder, arguments, TESTS_SECONDS)
    except subprocess.TimeoutExpired:
        return False, f"Its tests took longer than {TESTS_SECONDS:g} s.\n"
    return done.returncode == 0, done.stdout + done.stderr


def _contract(folder: Path) -> list[Check]:
    arguments = ["-m", "assistant.plugin_author.contract", str(folder)]
    try:
        done = _python(folder, arguments, CONTRACT_SECONDS)
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else ""
        return [*_read(said), Check("time", False, f"The checks took longer than {CONTRACT_SECONDS:g} s.")]
    checks = _read(done.stdout)
    if done.returncode not in (0, 1) or not checks:
        last = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        checks.append(Check("the checks", False, f"The program ended with code {done.returncode}: {last[0]}"))
    return checks


def _python(folder: Path, arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a Python program in the plugin's folder.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    )


def _read(lines: str) -> list[Check]:
    return [Check(**json.loads(line)) for line in lines.splitlines() if line.startswith("{")]


def _environment(folder: Path) -> dict[str, str]:
    """The person's settings stay out of the tests; the plugin need not be installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSBOX_")}
    sources = folder / "src" if (folder / "src").is_dir() else folder
    path = os.pathsep.join(filter(None, [str(sources), os.environ.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path}
