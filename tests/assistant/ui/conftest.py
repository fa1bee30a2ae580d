"""A page without a browser: the handlers over a runtime with a model that says what it is told to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import assistant_feedback
import assistant_visualizers
from assistant import Rule, Span, Turn, Verdict, hookimpl
from assistant.backends import Backend
from assistant.runtime import Runtime
from assistant.testing import FakeModel, make_runtime, picture
from assistant.ui.asking import Asking
from assistant.ui.handlers import Handlers
from assistant.ui.reading import Reader
from assistant.ui.session import Box, Place, RunningTurns, Update, View

RULE = Rule(
    id="test.forbidden",
    title="No forbidden things",
    text="Nothing forbidden is talked about.",
    pack="test-pack",
    pack_version="1.2",
    instead="Ask about something allowed.",
    references=("GDPR Art. 17",),
)


class Forbidding:
    """Refuses every question with the word "forbidden"."""

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        found = re.search("forbidden", turn.question.text)
        if found is None:
            return None
        span = Span(start=found.start(), end=found.end())
        return Verdict(action="refuse", rule=RULE, evaluator="lexical", spans=(span,), score=0.97, threshold=0.5)


@dataclass
class FakePage:
    """One open page: what the handlers said last about each part of it."""

    runtime: Runtime
    running: RunningTurns = field(default_factory=RunningTurns)
    session: str = "one"
    place: Place = Place()
    view: View = View()
    shown: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reader = Reader(self.runtime)
        self.asking = Asking(self.runtime, reader, self.running)
        self.handlers = Handlers(self.runtime, reader, self.running)
        self.take(self.handlers.loaded(None))

    def take(self, update: Update) -> Update:
        for name in Update.__slots__:
            value = getattr(update, name)
            if value is not None:
                self.shown[name] = value
        self.place = update.place or self.place
        self.view = update.view or self.view
        return update

    def run(self, updates: Iterator[Update]) -> list[Update]:
        return [self.take(update) for update in updates]

    def ask(self, text: str, *files: Path) -> list[Update]:
        return self.run(self.asking.ask(self.place, self.session, text, [str(each) for each in files]))

    def press(self, act: str, **data: Any) -> Update:
        """What the script sends when a button is pressed."""
        return self.take(self.handlers.act(self.place, self.view, self.session, {"act": act, **data}))

    def reload(self) -> None:
        self.session += "+"
        self.view = View()
        self.take(self.handlers.loaded(self.place.conversation_id))

    @property
    def turn(self) -> str:
        """The newest turn."""
        assert self.place.leaf is not None
        return self.place.leaf

    @property
    def box(self) -> Box:
        return self.shown["box"]


MakePage = Callable[..., FakePage]


@pytest.fixture
def make_page(tmp_path: Path) -> Iterator[MakePage]:
    """Makes a page; the same data folder each time, so that a second one is a program started again."""
    made: list[Runtime] = []

    def make(model: Backend | None = None, *plugins: tuple[str, object], **settings: Any) -> FakePage:
        runtime = make_runtime(
            tmp_path / "data",
            model=model or FakeModel("a red circle"),
            plugins=[
                ("forbidding", Forbidding()),
                ("feedback", assistant_feedback.Recorder()),
                ("visualizers", assistant_visualizers),
                *plugins,
            ],
            **settings,
        )
        made.append(runtime)
        return FakePage(runtime)

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture in a file."""
    path = tmp_path / "photo.png"
    path.write_bytes(picture())
    return path
