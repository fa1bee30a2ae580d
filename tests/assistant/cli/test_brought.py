"""Commands that plugins bring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import typer
from typer.testing import Result

from assistant.cli import brought
from assistant.errors import InputError

Cli = Callable[..., Result]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts commands in the place of the installed ones: ``install(name=app)``; an exception is one that cannot load."""

    def use(**commands: Any) -> None:
        def entry(name: str, value: Any) -> Any:
            def load() -> Any:
                if isinstance(value, BaseException):
                    raise value
                return value

            return SimpleNamespace(name=name, value=f"{name}_plugin:app", load=load)

        made = [entry(name, value) for name, value in commands.items()]
        monkeypatch.setattr(brought, "entry_points", lambda group: made if group == brought.GROUP else [])

    return use


def greeting() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def greet(name: Annotated[str, typer.Argument()]) -> None:
        """Say hello."""
        if name == "nobody":
            raise InputError("There is nobody.", hint="Name somebody.")
        typer.echo(f"hello {name}")

    return app


def test_a_brought_command_runs_and_is_listed(cli: Cli, install: Any):
    install(greet=greeting())
    assert cli("greet", "Ada").stdout == "hello Ada\n"
    assert "Say hello." in cli("--help").stdout
    assert "Usage: assistant greet" in cli("greet", "--help").stdout


def test_its_errors_end_like_ours(cli: Cli, install: Any):
    install(greet=greeting())
    result = cli("greet", "nobody")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: There is nobody.")


def test_one_that_cannot_be_loaded_says_so_and_leaves_the_others_alone(cli: Cli, install: Any):
    install(greet=greeting(), broken=ImportError("no module named sausage"), wrong=42)
    for name, reason in (("broken", "no module named sausage"), ("wrong", "expected a typer app, got int")):
        result = cli(name)
        assert result.exit_code == 2
        assert reason in result.stderr
    help_page = cli("--help")
    assert help_page.exit_code == 0
    assert "Cannot be loaded" in help_page.stdout
    assert cli("greet", "Ada").exit_code == 0


def test_none_of_ours_can_be_replaced_and_none_is_loaded_for_them(cli: Cli, install: Any):
    install(check=AssertionError("it was loaded"), greet=AssertionError("it was loaded"))
    result = cli("check", "--help")
    assert result.exit_code == 0
    assert "Check texts against the rules" in result.stdout


def test_an_unknown_command_is_misuse(cli: Cli, install: Any):
    install()
    assert cli("nonsense").exit_code == 2


def test_the_red_team_is_brought_by_its_plugin():
    (entry,) = [
        EntryPoint(name, value, brought.GROUP)
        for name, value in project_commands().items()
        if value.startswith("assistant_redteam")
    ]
    assert isinstance(entry.load(), typer.Typer)


def project_commands() -> dict[str, str]:
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["entry-points"][brought.GROUP]


def test_the_red_teams_help_imports_nothing_heavy():
    script = (
        "import sys, typer.main\nfrom assistant_redteam.cli import app\ntyper.main.get_command(app)\n"
        "heavy = {'torch', 'gradio', 'sqlalchemy', 'fastapi', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
