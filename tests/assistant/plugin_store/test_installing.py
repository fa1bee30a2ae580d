"""``assistant plugins install`` and ``uninstall``, with real wheels and the real pip, without a network."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assistant.cli.main import app
from assistant.errors import InputError
from assistant.plugin_author.writing import write_plugin
from assistant.plugin_store.installing import make_plan
from assistant.plugin_store.lock import packages, read_lock
from assistant.plugin_store.package import hooks_in, read_wheel
from assistant.plugin_store.pip import Pip, all_here
from assistant.store import Store

pytestmark = pytest.mark.timeout(400)

Wheel = Callable[..., Path]
CHECK = "from assistant import hookimpl\n@hookimpl\ndef before_turn(turn):\n    return None\n"
DECLARED = 'hooks = ["before_turn"]\n'


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "data"
    monkeypatch.setenv("GLASSBOX_DATA_DIR", str(place))
    return place


def run(*arguments: str, input: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["plugins", *arguments], input=input, prog_name="assistant")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_install_over_update_to_uninstall(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    first = wheel(tmp_path / "one", "sky-rules", "1.0", CHECK, DECLARED)
    refused = run("install", str(first), "--no-index", input="n\n")
    assert refused.exit_code == 2
    assert "Nothing was installed" in refused.stderr
    assert not (data / "plugins" / "lock.json").exists()

    done = run("install", str(first), "--no-index", input="y\n")
    assert done.exit_code == 0, done.stderr
    locked = read_lock(data).plugins["sky-rules"]
    assert locked.sha256 == read_wheel(first).sha256
    assert locked.sha256 in done.stderr
    assert "it declares hooks: before_turn" in done.stderr
    assert "it declares network: none" in done.stderr
    assert "in a child process" in done.stderr
    assert set(locked.files) == {
        path.relative_to(packages(data) / locked.folder).as_posix()
        for path in (packages(data) / locked.folder).rglob("*")
        if path.is_file()
    }
    row = next(each for each in json.loads(run("list", "--json").stdout) if each["name"] == "sky_rules")
    assert (row["state"], row["version"], row["distribution"]) == ("working", "1.0", "sky-rules")
    assert row["runs"] == "in a child process"

    source = CHECK.replace("return None", "return  # nothing")
    declared = 'hooks = ["before_turn"]\nnetwork = ["example.org"]\n'
    second = wheel(tmp_path / "two", "sky-rules", "1.1", source, declared)
    done = run("install", str(second), "--no-index", "--yes")
    assert done.exit_code == 0, done.stderr
    for line in (
        "version: 1.0 -> 1.1",
        "network: none -> example.org",
        "file changed: sky_rules/__init__.py",
        "-    return None",
        "+    return  # nothing",
    ):
        assert line in done.stderr
    assert read_lock(data).plugins["sky-rules"].version == "1.1"

    gone = run("uninstall", "sky_rules")
    assert gone.exit_code == 0
    assert read_lock(data).plugins == {}
    assert list(packages(data).iterdir()) == []
    again = run("uninstall", "sky_rules")
    assert again.exit_code == 2
    leaves = [leaf.data for leaf in Store(f"sqlite:///{data}/glassbox.sqlite3").audit_leaves()]
    assert [(leaf["kind"], leaf["plugin"], leaf["what"], leaf["version"]) for leaf in leaves] == [
        ("plugin", "sky-rules", "installed", "1.0"),
        ("plugin", "sky-rules", "installed", "1.1"),
        ("plugin", "sky-rules", "uninstalled", "1.1"),
    ]
    assert leaves[0]["sha256"] == locked.sha256


def test_one_that_cannot_be_started_is_not_installed(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    path = wheel(tmp_path / "w", "sky-half", source="raise RuntimeError('half')\n", declared="hooks = []\n")
    result = run("install", str(path), "--no-index", "--yes")
    assert result.exit_code == 2
    assert "Not installed" in result.stderr
    assert "half" in result.stderr
    assert read_lock(data).plugins == {}
    assert list(packages(data).iterdir()) == []


def test_a_folder_is_built_and_its_packs_are_added_and_not_on(data: Path, tmp_path: Path) -> None:
    write_plugin("pack", "sky-pack", tmp_path)
    done = run("install", str(tmp_path / "sky-pack"), "--no-index", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "code of its author runs" in done.stderr
    assert "assistant packs enable sky-pack" in done.stderr
    listed = CliRunner().invoke(app, ["packs", "list", "--json"])
    rows = json.loads(listed.stdout)
    pack = next(each for each in rows["packs"] if each["id"] == "sky-pack")
    assert pack["state"] == "off"


def test_a_name_from_a_folder_and_what_it_needs_from_there(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    needs = "import sky_help\n" + CHECK
    wheel(tmp_path / "w", "sky-needs", source=needs, declared=DECLARED, requires="sky-help>=1")
    wheel(tmp_path / "w", "sky-help", "1.5", source="x = 1\n", entry=False)
    done = run("install", "sky-needs", "--no-index", "--find-links", str(tmp_path / "w"), "--yes")
    assert done.exit_code == 0, done.stderr
    assert "brings along sky_help-1.5" in done.stderr
    (brought,) = read_lock(data).plugins["sky-needs"].brought
    assert (brought.name, brought.version) == ("sky_help", "1.5")


@pytest.mark.parametrize(
    ("requires", "here"),
    [
        ([], True),
        (["glassbox"], True),
        (["pytest>=1", 'nobody-has-this; extra == "more"', 'nobody-has-this; python_version < "3"'], True),
        (["pytest>=1000"], False),
        (["nobody-has-this"], False),
        (["glassbox[sso]"], False),
        (["pytest @ https://example.org/pytest-1-py3-none-any.whl"], False),
        (["pytest >>> 1"], False),
    ],
)
def test_what_is_here_already_is_not_looked_for(requires: list[str], here: bool) -> None:
    assert all_here(requires) is here


def test_the_url_of_a_wheel(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    path = wheel(tmp_path / "w", "sky-url", source=CHECK, declared=DECLARED)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=os.fspath(tmp_path / "w"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/{path.name}"
        plan = make_plan(address, data, tmp_path, Pip(no_index=True), trusted=False)
    finally:
        server.shutdown()
        server.server_close()
    assert plan.package.sha256 == read_wheel(path).sha256
    assert plan.previous is None


def plan(source: object, data: Path, room: Path, **options: Any) -> Any:
    return make_plan(str(source), data, room, Pip(no_index=True), trusted=options.get("trusted", False))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("http://example.org/x-1-py3-none-any.whl", "not encrypted"),
        ("https://example.org/x-1.tar.gz", "URL of a wheel"),
        ("git+https://example.org/x", "no name of a package"),
        ("../nothing/here", "no name of a package"),
        ("--index-url=x", "no name of a package"),
        ("-r", "no name of a package"),
    ],
)
def test_a_source_that_cannot_be_taken_says_why(source: str, says: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        plan(source, data, tmp_path)


def test_what_is_no_plugin_says_so(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    with pytest.raises(InputError, match="is no plugin"):
        plan(wheel(tmp_path / "w", "sky-lib", entry=False), data, tmp_path)
    (tmp_path / "torn.whl").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="no wheel that can be read"):
        plan(tmp_path / "torn.whl", data, tmp_path)
    with pytest.raises(InputError, match="hooks"):
        plan(wheel(tmp_path / "w", "sky-odd", declared="hooks = 3\n"), data, tmp_path)
    with pytest.raises(InputError, match="fields are"):
        plan(wheel(tmp_path / "w", "sky-odder", declared="wishes = []\n"), data, tmp_path)


def test_what_must_run_inside_needs_trust(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    source = "from assistant import hookimpl\n@hookimpl\ndef startup(host):\n    pass\n"
    for name, declared in (("sky-a", None), ("sky-b", 'hooks = ["startup"]\n'), ("sky-c", "model = true\n")):
        with pytest.raises(InputError, match="--trust"):
            plan(wheel(tmp_path / "w", name, source=source, declared=declared), data, tmp_path)


def test_the_name_of_another_plugin_is_taken(data: Path, tmp_path: Path, wheel: Wheel) -> None:
    with pytest.raises(InputError, match="glassbox brings it"):
        plan(wheel(tmp_path / "w", "safety", source=CHECK), data, tmp_path)


def test_uninstall_of_what_came_another_way_says_what_to_do(data: Path) -> None:
    result = run("uninstall", "safety")
    assert result.exit_code == 2
    assert "assistant plugins disable safety" in result.stderr


def test_hooks_are_found_without_running_anything() -> None:
    source = (
        "import assistant\nraise SystemExit\n"
        "class A:\n    @assistant.hookimpl(phase='judge')\n    def after_turn(self): ...\n"
        "@hookimpl\ndef before_turn(): ...\n@other\ndef check_segment(): ...\n"
    )
    assert hooks_in({"a.py": source.encode(), "b.py": b"def (", "c.txt": b"@hookimpl\ndef x(): ..."}) == (
        "after_turn",
        "before_turn",
    )
