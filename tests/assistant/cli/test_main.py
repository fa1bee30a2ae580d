from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from assistant.errors import PortInUse
from assistant.settings import Settings

HEAVY = ("torch", "gradio", "sqlalchemy", "PIL", "numpy", "fastapi", "alembic", "pyarrow")

SEE_IMPORTS = """
import sys
from assistant.cli.main import app
code = None
try:
    app(sys.argv[1:], prog_name="assistant")
except SystemExit as end:
    code = end.code
heavy = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"exit code {{code}}, imported {{heavy}}" if code or heavy else 0)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["serve"], ["ask"], ["check"], ["plugins"], ["plugins", "disable"], ["feedback"], ["audit"], ["doctor"]),
        *(["evaluate"], ["evaluate", "vision"], ["evaluate", "safety"], ["train"]),
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments: list[str]):
    script = SEE_IMPORTS.format(heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script, *arguments, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage: assistant" in done.stdout


def test_the_first_help_waits_for_nothing_but_the_command_line():
    """It is what a stranger types first: it builds no types, and loads no plugin's code but that of its commands."""
    script = SEE_IMPORTS.format(heavy=(*HEAVY, "pydantic", "pluggy", "assistant.messages", "assistant.extensions"))
    done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_misspelt_command_is_misuse_and_gets_a_suggestion(cli: Callable[..., Result]):
    result = cli("akk", "hello")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "ask" in result.stderr


def test_version(cli: Callable[..., Result]):
    result = cli("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("glassbox ")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, bool]]:
    """What the server was started with."""
    calls: list[tuple[Settings, bool]] = []

    def serve(settings: Settings, *, open_browser: bool, before: Callable[..., None]) -> int:
        calls.append((settings, open_browser))
        if settings.port == 1:
            raise PortInUse("Another program listens on port 1.", hint="Choose another.")
        return 0

    module: Any = types.ModuleType("assistant.api.server")
    module.serve = serve
    monkeypatch.setitem(sys.modules, "assistant.api.server", module)
    return calls


def test_without_a_command_it_serves(cli: Callable[..., Result], served: list[tuple[Settings, bool]], folder: Path):
    assert cli().exit_code == 0
    settings, open_browser = served[0]
    assert (settings.data_dir, settings.port, settings.safe_mode, open_browser) == (folder, 7860, False, True)


def test_serve_hands_its_options_on(cli: Callable[..., Result], served: list[tuple[Settings, bool]]):
    options = ["--host", "0.0.0.0", "--port", "0", "--model", "m", "--safe-mode", "--no-browser"]
    assert cli("serve", *options).exit_code == 0
    settings, open_browser = served[0]
    assert (settings.host, settings.port, settings.model) == ("0.0.0.0", 0, "m")
    assert settings.safe_mode
    assert not open_browser


def test_an_error_is_one_message_and_no_traceback(cli: Callable[..., Result], served: list[tuple[Settings, bool]]):
    result = cli("serve", "--port", "1")
    assert result.exit_code == 2
    assert result.stderr == "Error: Another program listens on port 1. Choose another.\n"
    assert result.stdout == ""


def test_a_port_that_cannot_be_is_misuse(cli: Callable[..., Result], served: list[tuple[Settings, bool]]):
    assert cli("serve", "--port", "70000").exit_code == 2
    assert not served


def test_a_setting_that_cannot_be_is_named(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GLASSBOX_PORT", "many")
    result = cli("feedback", "stats")
    assert result.exit_code == 2
    assert "port" in result.stderr
    assert "many" in result.stderr


def test_a_database_that_cannot_be_opened_is_one_message(cli: Callable[..., Result], folder: Path):
    folder.mkdir()
    (folder / "glassbox.sqlite3").write_bytes(b"no database " * 1000)
    for arguments in (["ask", "hello"], ["check"], ["feedback", "stats"], ["audit", "verify"]):
        result = cli(*arguments)
        assert result.exit_code == 2, arguments
        assert "glassbox.sqlite3" in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""
