"""What pip does: fetch a wheel, build one, say what else is needed, unpack. Never into the user's environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from assistant.errors import InputError

SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pip:
    """pip with the options that say where packages come from.

    ``no_index`` asks no package index; ``find_links`` are folders or pages with wheels.
    """

    no_index: bool = False
    find_links: tuple[str, ...] = ()

    def fetch(self, what: str, into: Path) -> Path:
        """The wheel of a name, a name with a version, or a URL. Nothing is built, so nothing of it is executed.

        Raises:
            InputError: there is none.
        """
        into.mkdir(parents=True)
        self._run("download", "--no-deps", "--only-binary", ":all:", "--dest", str(into), *self._where(), what)
        return _one_wheel(into)

    def build(self, folder: Path, into: Path) -> Path:
        """The wheel of a folder. Its build backend runs, with all that the user may do.

        Raises:
            InputError: it cannot be built.
        """
        into.mkdir(parents=True)
        isolation = ["--no-build-isolation"] if can_build_here(folder) else []
        self._run("wheel", "--no-deps", *isolation, "--wheel-dir", str(into), *self._where(), str(folder.resolve()))
        return _one_wheel(into)

    def missing(self, wheel: Path, folder: Path) -> list[str]:
        """What a wheel needs that is not in this environment, as ``name==version``.

        Raises:
            InputError: its needs cannot be met.
        """
        report = folder / "report.json"
        self._run("install", "--dry-run", "--only-binary", ":all:", "--report", str(report), *self._where(), str(wheel))
        content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        found = [each for each in content["install"] if not each["requested"]]
        return [f"{each['metadata']['name']}=={each['metadata']['version']}" for each in found]

    def unpack(self, wheels: Sequence[Path], into: Path) -> None:
        """Lay wheels out in a folder, without compiling them.

        Raises:
            InputError: it cannot be done.
        """
        options = ["--no-deps", "--no-index", "--no-compile", "--no-warn-script-location", "--target", str(into)]
        self._run("install", *options, *map(str, wheels))

    def _where(self) -> list[str]:
        links = [option for each in self.find_links for option in ("--find-links", each)]
        return [*(["--no-index"] if self.no_index else []), *links]

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", "--no-input"]
        try:
            done = subprocess.run(
                [*command, *arguments[1:]],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"pip {arguments[0]} took longer than {SECONDS:g} s.") from error
        if done.returncode == 0:
            return
        if "No module named pip" in done.stderr:
            raise InputError("pip is missing in this environment.", hint="Type: python -m ensurepip")
        lines = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR:")] or ["nothing was said"]
        reason = " ".join(line.removeprefix("ERROR: ") for line in lines[:3])
        raise InputError(f"pip {arguments[0]} failed: {reason.rstrip('.')}.")


def can_build_here(folder: Path) -> bool:
    """Whether everything that builds the folder is installed, so that nothing has to be fetched for it."""
    try:
        content: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        wanted = [Requirement(each) for each in content["build-system"]["requires"]]
        return all(each.specifier.contains(version(each.name), prereleases=True) for each in wanted)
    except (OSError, KeyError, tomllib.TOMLDecodeError, InvalidRequirement, PackageNotFoundError):
        return False


def all_here(requirements: Sequence[str]) -> bool:
    """Whether everything that is required is installed, so that pip need not look through all that these need in turn.
    Where it is not plain to see, as for extras and addresses, this is false."""
    try:
        wanted = [Requirement(each) for each in requirements]
        return all(
            not each.extras and not each.url and each.specifier.contains(version(each.name), prereleases=True)
            for each in wanted
            if each.marker is None or each.marker.evaluate({"extra": ""})
        )
    except (InvalidRequirement, PackageNotFoundError):
        return False


def _one_wheel(folder: Path) -> Path:
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise InputError(f"Expected one wheel; pip brought {len(found)}.")
    return found[0]
