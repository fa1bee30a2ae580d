"""Starting and stopping the program."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from assistant.api.server import address_for_others, address_of, check_reachable, listen, own_address, serve
from assistant.errors import PortInUse, SettingsError
from assistant.settings import Settings


def test_a_port_in_use_is_named_with_what_to_type(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port} is taken.*assistant serve --port {port + 1}"):
            serve(Settings(data_dir=tmp_path, port=port), open_browser=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_computers_are_kept_out(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="no accounts"):
        serve(Settings(data_dir=tmp_path, host=host), open_browser=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.5"])
def test_this_computer_is_let_in(tmp_path: Path, host: str) -> None:
    check_reachable(Settings(data_dir=tmp_path, host=host))


@pytest.mark.parametrize(
    ("settings", "own", "typed"),
    [
        ({"host": "0.0.0.0"}, "192.168.1.5", "http://192.168.1.5:7860"),
        ({"host": ""}, "192.168.1.5", "http://192.168.1.5:7860"),
        ({"host": "::"}, "fd00::5", "http://[fd00::5]:7860"),
        ({"host": "0.0.0.0"}, "", ""),
        ({"host": "127.0.0.1"}, "192.168.1.5", ""),
        ({"host": "192.168.1.5"}, "192.168.1.5", ""),
        ({"host": "0.0.0.0", "public_url": "https://chat.example.org"}, "192.168.1.5", "https://chat.example.org"),
        ({"public_url": "https://chat.example.org"}, "", "https://chat.example.org"),
    ],
)
def test_what_other_computers_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], own: str, typed: str
) -> None:
    monkeypatch.setattr("assistant.api.server.own_address", lambda family: own)
    assert address_for_others(Settings(data_dir=tmp_path, **settings), "http://127.0.0.1:7860") == typed


def test_a_computer_knows_its_address_and_never_names_itself_alone() -> None:
    found = own_address(socket.AF_INET)
    if not found:
        pytest.skip("This computer is in no network; run it on one that is.")
    assert not ipaddress.ip_address(found).is_loopback
    with listen(found, 0) as listener:  # it is one of our own: it can be listened on
        assert address_of(listener).startswith(f"http://{found}:")


def test_port_0_takes_a_free_one() -> None:
    listener = listen("127.0.0.1", 0)
    with listener:
        assert address_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_package_imports_neither_gradio_nor_uvicorn() -> None:
    heavy = ("gradio", "uvicorn", "torch")
    code = f"import sys, assistant.api, assistant.ui; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT; run it on Linux or macOS")
def test_the_program_says_where_it_is_and_stops_at_ctrl_c_with_a_page_open(tmp_path: Path) -> None:
    code = (
        "import sys; from assistant.api import serve; from assistant.settings import load_settings;"
        "sys.exit(serve(load_settings(port=0), open_browser=False))"
    )
    environment = os.environ | {
        "GLASSBOX_DATA_DIR": str(tmp_path),
        "http_proxy": "http://127.0.0.1:9",  # must not be asked for our own page
        "no_proxy": "",
        "NO_PROXY": "",
    }
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert program.stderr is not None
        line = program.stderr.readline()
        assert line.startswith("Glassbox is at http://127.0.0.1:")
        address = line.split()[3]
        with urllib.request.urlopen(f"{address}/gradio_api/heartbeat/test", timeout=10) as open_page:
            assert open_page.readline().startswith(b"data")
            begin = time.monotonic()
            program.send_signal(signal.SIGINT)
            assert program.wait(timeout=20) == 0
            assert time.monotonic() - begin < 10
        assert "Traceback" not in program.stderr.read()
    finally:
        program.kill()
        program.wait()


def test_a_model_that_is_not_there_is_said_before_the_page_opens(tmp_path: Path) -> None:
    from assistant.errors import UnknownModel

    with pytest.raises(UnknownModel, match="'nope'"):
        serve(Settings(data_dir=tmp_path, model="nope", port=0), open_browser=False)
