"""A page without a browser: the handlers over a runtime with a model that says what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import assistant_feedback
import assistant_visualizers
from assistant.backends import Backend
from assistant.messages import Message, Turn, TurnRecord
from assistant.runtime import Runtime
from assistant.testing import FakeModel, ForbiddenWord, make_runtime, picture
from assistant.ui.asking import Asking
from assistant.ui.composing import Composing
from assistant.ui.drafts import Draft, Drafts
from assistant.ui.handlers import Handlers
from assistant.ui.reading import Reader
from assistant.ui.session import Place, RunningTurns, Update, View


@dataclass
class FakePage:
    """One open page: what the handlers said last about each part of it."""

    runtime: Runtime
    uploads: Path
    running: RunningTurns = field(default_factory=RunningTurns)
    drafts: Drafts = field(default_factory=Drafts)
    session: str = "one"
    place: Place = Place()
    view: View = View()
    shown: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reader = Reader(self.runtime)
        self.asking = Asking(self.runtime, reader, self.running, self.drafts)
        self.composing = Composing(self.runtime, self.drafts, self.uploads)
        self.handlers = Handlers(self.runtime, reader, self.running, self.uploads)
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
        self.add(*files)
        return self.run(self.asking.ask(self.place, self.session, text))

    def add(self, *files: Path) -> None:
        """What the script sends when files have been uploaded."""
        if files:
            self.prepare("add", files=[str(each) for each in files])

    def prepare(self, act: str, **data: Any) -> Update:
        """What the script sends when a button of the box is pressed."""
        return self.take(self.composing.act(self.session, {"act": act, **data}))

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
    def draft(self) -> Draft:
        return self.drafts.get(self.session)

    @property
    def waiting(self) -> list[str]:
        """The names of the pictures that go with the question."""
        return [each.part.name for each in self.draft.pictures]


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
                ("forbidding", ForbiddenWord()),
                ("feedback", assistant_feedback.Recorder()),
                ("visualizers", assistant_visualizers),
                *plugins,
            ],
            **settings,
        )
        made.append(runtime)
        return FakePage(runtime, tmp_path)

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture in a file."""
    path = tmp_path / "photo.png"
    path.write_bytes(picture())
    return path


@pytest.fixture
def make_many() -> Callable[[Runtime, int], None]:
    """Stores a number of chats of one turn each."""

    def make(runtime: Runtime, count: int) -> None:
        for number in range(count):
            turn = Turn(question=Message(text=f"chat {number}"))
            runtime.store.save_turn(TurnRecord(turn=turn, status="answered", answer="yes"))

    return make
