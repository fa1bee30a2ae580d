from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from assistant import Host, hookimpl
from assistant.cli.health import machine
from assistant.cli.health.check import guarded
from assistant.settings import Settings
from assistant.testing import FakeModel

Checks = dict[str, dict[str, str]]


def checks(result: Result) -> Checks:
    return {each["name"]: each for each in json.loads(result.stdout)["checks"]}


@pytest.fixture(autouse=True)
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ordinary port may be in use where the tests run."""
    monkeypatch.setenv("GLASSBOX_PORT", "0")


def test_all_is_well(cli: Callable[..., Result], house: Any, folder: Path):
    model = FakeModel("red")
    house(model)
    result = cli("doctor", "--json")
    found = checks(result)
    assert result.exit_code == 0, result.stdout
    assert json.loads(result.stdout)["ok"] is True
    assert list(found) == [
        *("Python", "torch", "gradio", "data folder", "port", "chromium", "extras"),
        *("database", "plugins", "model"),
    ]
    assert {each["state"] for each in found.values()} <= {"ok", "warn"}
    assert "“red”" in found["model"]["found"]
    assert model.turns[0].question.images[0].width == 64
    assert [path.name for path in folder.iterdir()] == ["glassbox.sqlite3"]
    assert json.loads(cli("audit", "verify", "--json").stdout)["leaves"] == 0  # the question was not stored


def test_what_is_wrong_is_said_with_what_to_do(cli: Callable[..., Result], house: Any, folder: Path):
    class FailsToStart:
        @hookimpl
        def startup(self, host: Host) -> None:
            raise ValueError("no network")

    house(FakeModel(fault="raise"), [("late", FailsToStart())])
    folder.mkdir()
    (folder / "glassbox.sqlite3").write_bytes(b"no database " * 1000)
    result = cli("doctor", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False
    failed = {name: each for name, each in checks(result).items() if each["state"] == "fail"}
    assert set(failed) == {"database", "plugin late", "model"}
    assert "no network" in failed["plugin late"]["found"]
    assert "planted fault" in failed["model"]["found"]
    assert all(each["todo"] for each in failed.values())
    text = cli("doctor").stdout
    assert "fail  database: " in text
    assert "      -> " in text


def test_a_disabled_plugin_is_no_failure(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, house: Any):
    monkeypatch.setenv("GLASSBOX_DISABLED_PLUGINS", '["flumph"]')

    def use(settings: Settings) -> Any:
        from assistant.testing import make_runtime

        return make_runtime(settings.data_dir, database_url=settings.database_url, plugins=[("flumph", object())])

    monkeypatch.setattr("assistant.cli.common.open_runtime", use)
    result = cli("doctor", "--json")
    assert result.exit_code == 0
    assert checks(result)["plugin flumph"]["state"] == "ok"


def test_a_model_that_says_nothing(cli: Callable[..., Result], house: Any):
    house(FakeModel(" "))
    assert checks(cli("doctor", "--json"))["model"]["state"] == "fail"


SPLIT_PAIR = """
import sys, types
from assistant.cli.health import machine
from assistant.settings import Settings
check = machine.check_torch(Settings())
print(check.state, check.found, check.todo, sep="|")
"""


def look_at_torch(folder: Path, torch: str | None, torchvision: str) -> list[str]:
    """What is said where these two sources stand in the place of the libraries."""
    for name, source in (("torch", torch), ("torchvision", torchvision)):
        if source is not None:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(source)
    script = f"import sys; sys.path.insert(0, {str(folder)!r})\n{SPLIT_PAIR}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip().split("|")


def test_a_cpu_torch_beside_the_ordinary_torchvision_is_recognised(tmp_path: Path):
    state, found, todo = look_at_torch(
        tmp_path,
        "__version__ = '2.99.0+cpu'",
        "raise RuntimeError('operator torchvision::nms does not exist')",
    )
    assert state == "fail"
    assert "torch 2.99.0+cpu" in found
    assert "not built for each other" in found
    assert todo == "Type: python -m pip install --force-reinstall torch torchvision"


def test_a_torch_that_cannot_be_imported(tmp_path: Path):
    state, found, todo = look_at_torch(tmp_path, "raise ImportError('libcudart.so.99: no such file')", "")
    assert state == "fail"
    assert "libcudart.so.99" in found
    assert todo


def test_a_torchvision_that_cannot_be_imported(tmp_path: Path):
    state, found, todo = look_at_torch(tmp_path, "__version__ = '2.99.0'", "raise ImportError('half of it is gone')")
    assert (state, "half of it is gone" in found, "not built" in found, bool(todo)) == ("fail", True, False, True)


def test_a_port_in_use_is_a_warning_with_a_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        check = machine.check_port(Settings(port=taken.getsockname()[1]))
    assert check.state == "warn"
    assert "assistant serve --port" in check.todo


def test_a_host_that_cannot_be():
    assert machine.check_port(Settings(host="192.0.2.1", port=7860)).state == "fail"


def test_a_data_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    check = machine.check_data_folder(Settings(data_dir=tmp_path / "file" / "data"))
    assert check.state == "fail"
    assert "GLASSBOX_DATA_DIR" in check.todo


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    assert machine.check_data_folder(Settings(data_dir=tmp_path)).state == "warn"


def test_a_gradio_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    check = machine.check_gradio(Settings())
    assert check.state == "fail"
    assert "pip install" in check.todo


def test_extras_are_named_with_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        machine, "requires", lambda _: ["pluggy>=1", 'nobody-has-this>=1; extra == "big"', "pytest; extra == 'dev'"]
    )
    assert machine.check_extras(Settings()).found == "big without nobody-has-this; dev complete"


def test_a_check_that_breaks_is_a_failure_and_no_crash():
    def broken(settings: Settings) -> Any:
        raise ZeroDivisionError("oh")

    check = guarded("thing", broken, Settings())
    assert (check.state, "ZeroDivisionError" in check.found) == ("fail", True)
