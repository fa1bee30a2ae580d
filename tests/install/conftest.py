from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """A fresh virtual environment with a folder to work in, away from the checkout."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        names = {"base": str(self.folder / "venv"), "platbase": str(self.folder / "venv")}
        return Path(sysconfig.get_path("purelib", "venv", vars=names))

    def install(self, *arguments: str | Path) -> None:
        """Install something with pip, without what it depends on."""
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-deps", "--quiet"]
        command += ["--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def borrow_packages(self, *, with_editable: bool) -> None:
        """Let it see the packages of the environment that runs the tests; with those that are installed editable, or
        without, so that the checkout is out of reach."""
        line = "import site; site.addsitedir({0!r})\n" if with_editable else "{0}\n"
        borrowed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        (self.packages / "borrowed.pth").write_text("".join(line.format(each) for each in borrowed))

    def environment(self, data: Path) -> Mapping[str, str]:
        """For programs that run in it: nothing of ours comes along, and the data folder is the test's own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GLASSBOX_"))}
        return kept | {"GLASSBOX_DATA_DIR": str(data), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def run(self, arguments: Sequence[str | Path], data: Path, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run its interpreter in the empty folder."""
        return subprocess.run(
            [self.python, *arguments],
            capture_output=True,
            text=True,
            input=input,
            cwd=self.folder,
            env=self.environment(data),
            timeout=100,
        )

    def assistant(self, *arguments: str | Path, data: Path, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of ours."""
        return self.run(["-m", "assistant.cli.main", *arguments], data, input)


def make_place(folder: Path) -> Place:
    """A fresh virtual environment in that folder."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder / "venv")
    return Place(folder)


@pytest.fixture(scope="session")
def place_with_plugins(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Glassbox as it is being developed, with other people's two plugins really installed."""
    place = make_place(tmp_path_factory.mktemp("plugins"))
    place.borrow_packages(with_editable=True)
    for name in ("third_party_plugin", "broken_plugin"):
        place.install("--no-build-isolation", ROOT / "tests" / name)
    return place


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="session")
def place_with_wheel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The wheel, in a place from which the checkout cannot be reached."""
    place = make_place(tmp_path_factory.mktemp("wheel"))
    place.install(next(built.glob("*.whl")))
    place.borrow_packages(with_editable=False)
    return place
