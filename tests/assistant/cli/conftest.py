from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assistant import Backend, Rule, Span, Turn, Verdict, hookimpl
from assistant.cli import common
from assistant.cli.main import app
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.testing import FakeModel, make_runtime

Cli = Callable[..., Result]


class NoFlumph:
    """Refuses the word flumph in questions and in answers, and remarks on the word blue."""

    RULE = Rule(id="test.flumph", title="No flumphs", text="Nobody says flumph.", pack="test", pack_version="1.2")

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        at = turn.question.text.find("flumph")
        if at >= 0:
            return Verdict(action="refuse", rule=self.RULE, spans=(Span(start=at, end=at + 6),), score=0.75)
        if "blue" in turn.question.text:
            return Verdict(action="warn", rule=self.RULE, message="Careful with blue.", score=0.5)
        if "unknown" in turn.settings.packs:
            raise ValueError("there is no pack 'unknown'")
        return None

    @hookimpl
    def check_segment(self, released: str, segment: str) -> Verdict | None:
        return Verdict(action="refuse", rule=self.RULE) if "flumph" in released + segment else None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the commands under test."""
    place = tmp_path / "data"
    monkeypatch.setenv("GLASSBOX_DATA_DIR", str(place))
    monkeypatch.setenv("COLUMNS", "200")
    return place


@pytest.fixture
def cli(folder: Path) -> Cli:
    """Runs a command: ``cli("ask", "hello")``."""

    def run(*arguments: str, input: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=input, prog_name="assistant")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a model and plugins of the test in the place of the installed ones."""

    def use(model: Backend | None = None, plugins: Sequence[tuple[str, object]] = ()) -> None:
        chosen = model or FakeModel()

        def open_runtime(settings: Settings) -> Runtime:
            values: dict[str, Any] = {"database_url": settings.database_url}
            return make_runtime(settings.data_dir, model=chosen, plugins=[("flumph", NoFlumph()), *plugins], **values)

        monkeypatch.setattr(common, "open_runtime", open_runtime)

    use()
    return use
