"""Nothing that is installed bricks the program: packages that raise, exit, end the program or hang while they are
imported leave start, list and uninstall working. In programs of their own, with a real install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..serving import start_and_end

pytestmark = [pytest.mark.install, pytest.mark.timeout(2400)]

WAYS = {
    "raises": "raise RuntimeError('half installed')",
    "exits": "raise SystemExit(3)",
    "ends": "import os; os._exit(3)",
    "hangs": "import time; time.sleep(3600)",
}
HEAD = "import os\nfrom pathlib import Path\nfrom assistant import hookimpl\n"
TAIL = "@hookimpl\ndef turn_finished(record):\n    pass\n"
AFTER_THE_TRIAL = "seen = Path(os.environ['HOME'], 'seen')\nif seen.exists():\n    {way}\nseen.touch()\n"
"""Works once: when it is installed."""
WHEN_ASKED_TO = "if '{name}' in os.environ.get('BRICK', '').split():\n    {way}\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


SOON = {"GLASSBOX_IMPORT_SECONDS": "5"}
"""Nobody has to wait for long until the one that hangs is given up."""


def write_wheel(folder: Path, name: str, body: str) -> Path:
    """A wheel with a plugin for each way to fail, written by hand, so that nothing has to be built."""
    info = f"{name}-1.dist-info"
    entries = "".join(f"{name}_{way} = {name}.{way}\n" for way in WAYS)
    files = {
        f"{name}/__init__.py": "",
        f"{name}/assistant.toml": 'hooks = ["turn_finished"]\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[assistant]\n{entries}",
    }
    for way, code in WAYS.items():
        files[f"{name}/{way}.py"] = HEAD + body.format(name=way, way=code) + TAIL
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    return path


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSBOX_")}
    return kept | {"GLASSBOX_DATA_DIR": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"), **more}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "assistant.cli.main", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path, **more),
            stdin=subprocess.DEVNULL,
            timeout=400,
        )

    return command


def states(run: Run, **more: str) -> dict[str, str]:
    done = run("plugins", "list", "--json", **more)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row["state"] for row in json.loads(done.stdout)}


def serves(folder: Path, *options: str, **more: str) -> None:
    """The page starts, answers, and ends."""
    start_and_end(sys.executable, folder, environment(folder, **more), *options)


def test_in_a_child_process(run: Run, tmp_path: Path) -> None:
    done = run("plugins", "install", write_wheel(tmp_path, "bricks", AFTER_THE_TRIAL), "--yes")
    assert done.returncode == 0, done.stderr
    found = states(run, **SOON)
    assert {found[f"bricks_{way}"] for way in WAYS} == {"broken"}
    assert {state for name, state in found.items() if not name.startswith("bricks")} == {"working"}
    serves(tmp_path, **SOON)
    done = run("plugins", "uninstall", "bricks")
    assert done.returncode == 0, done.stderr
    assert not any(name.startswith("bricks") for name in states(run))


def test_inside_the_program(run: Run, tmp_path: Path) -> None:
    done = run("plugins", "install", write_wheel(tmp_path, "bricks", WHEN_ASKED_TO), "--yes", "--trust")
    assert done.returncode == 0, done.stderr
    assert {states(run)[f"bricks_{way}"] for way in WAYS} == {"working"}
    found = states(run, BRICK="raises exits hangs", **SOON)
    assert {name: state for name, state in found.items() if name.startswith("bricks")} == {
        "bricks_raises": "broken",
        "bricks_exits": "broken",
        "bricks_hangs": "broken",
        "bricks_ends": "working",
    }
    first = run("plugins", "list", BRICK="ends")
    assert first.returncode == 3  # it ended the program; from then on it is left out
    assert states(run, BRICK="ends")["bricks_ends"] == "broken"
    serves(tmp_path, BRICK="ends")
    assert run("plugins", "enable", "bricks_ends").returncode == 0
    serves(tmp_path, "--safe-mode", BRICK="ends")
    assert states(run)["bricks_ends"] == "working"
    done = run("plugins", "uninstall", "bricks", BRICK="ends")
    assert done.returncode == 0, done.stderr
    assert not any(name.startswith("bricks") for name in states(run, BRICK="ends"))
