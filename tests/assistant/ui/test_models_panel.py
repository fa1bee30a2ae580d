"""The panel "Models", the downloads behind it and the choice of a model, without a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assistant import Viewer, hookimpl
from assistant.accounts import Accounts
from assistant.api import create_app
from assistant.backends import Download
from assistant.downloads import Downloads
from assistant.errors import InputError, ModelLoadError, UnknownModel
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.testing import FakeModel, make_runtime
from assistant.ui.model_choice import ModelChoice
from assistant.ui.models_panel import ModelsPanel
from assistant.ui.panel_room import PanelRoom
from assistant.ui.reading import Reader
from assistant.ui.session import RunningTurns

OPERATOR, GUEST = Viewer("olga", operator=True, owner="olga"), Viewer("gus", operator=False, owner="gus")


class Larger(FakeModel):
    """A model that has to be fetched; ``download`` does what the test says."""

    title = "A <larger> model"

    def __init__(self) -> None:
        super().__init__(name="hf:a/larger")
        self.need: Download | None = Download(None, "", "https://example.org")
        self.fetched = 0
        self.does: Callable[[Callable[[int, int], None], Callable[[], bool]], None] = lambda came, stop: None

    def missing(self) -> Download | None:
        return self.need

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        self.fetched += 1
        self.does(on_progress, should_stop)


@pytest.fixture
def larger() -> Larger:
    return Larger()


@pytest.fixture
def house(tmp_path: Path, larger: Larger) -> Any:
    class Second:
        @hookimpl
        def register_backends(self) -> list[FakeModel]:
            return [larger]

    runtime = make_runtime(tmp_path, plugins=[("second", Second())])
    yield runtime
    runtime.close()


def ended(downloads: Downloads, name: str) -> Any:
    """The download of that name, once it is over."""
    pause = threading.Event()
    while downloads.all()[name].state == "running":
        pause.wait(0.01)
    return downloads.all()[name]


def test_what_becomes_of_a_download(larger: Larger) -> None:
    downloads = Downloads()

    def comes(came: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
        came(3, 4)

    def fails(came: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
        raise ModelLoadError("The source went away.")

    def breaks(came: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
        raise SystemExit(3)

    for does, state, problem in (
        (comes, "done", ""),
        (fails, "failed", "The source went away."),
        (breaks, "failed", "SystemExit"),
    ):
        larger.does = does
        downloads.start(larger.name, larger)
        found = ended(downloads, larger.name)
        assert found.state == state
        assert problem in found.problem


def test_one_download_of_a_model_at_a_time_and_it_can_be_stopped(larger: Larger) -> None:
    downloads = Downloads()
    begun = threading.Event()

    def waits(came: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
        begun.set()
        pause = threading.Event()
        while not stop():
            pause.wait(0.01)

    larger.does = waits
    downloads.start(larger.name, larger)
    downloads.start(larger.name, larger)
    assert begun.wait(60)
    downloads.stop_all()
    assert ended(downloads, larger.name).state == "stopped"
    assert larger.fetched == 1


def test_the_panel_is_for_operators_and_only_where_something_can_be_fetched(house: Runtime, tmp_path: Path) -> None:
    panel = ModelsPanel(house)
    for act in ("", "look", "fetch", "stop"):
        with pytest.raises(InputError, match="operator"):
            panel.draw(PanelRequest(act, {"model": "hf:a/larger"}, GUEST))
    assert house.downloads.all() == {}
    for runtime, there in ((house, True), (make_runtime(tmp_path / "other"), False)):
        room = PanelRoom(runtime, Reader(runtime), RunningTurns())
        assert ("Models" in room.header(OPERATOR)) is there
        assert "Models" not in room.header(GUEST)


def test_what_is_not_known_is_said_and_nothing_is_fetched_by_looking(house: Runtime, larger: Larger) -> None:
    drawn = ModelsPanel(house).draw(PanelRequest("look", {"model": larger.name}, OPERATOR))
    assert "Size: of unknown size" in drawn
    assert "not named" in drawn
    assert "A &lt;larger&gt; model" in drawn
    assert larger.fetched == 0
    larger.need = None
    assert "nothing has to be fetched" in ModelsPanel(house).draw(
        PanelRequest("look", {"model": larger.name}, OPERATOR)
    )
    for act, model, error in (("fetch", "fake", InputError), ("fetch", "nobody", UnknownModel), ("x", "", InputError)):
        with pytest.raises(error):
            ModelsPanel(house).draw(PanelRequest(act, {"model": model}, OPERATOR))


def test_a_stranger_is_not_told_how_far_a_download_is(house: Runtime, larger: Larger) -> None:
    Accounts(house.store).add("olga", "correct horse battery", who="test")
    house.downloads.start(larger.name, larger)
    ended(house.downloads, larger.name)
    with TestClient(create_app(house)) as stranger:
        assert stranger.get("/downloads").status_code == 401


def test_a_choice_is_each_persons_own_and_outlives_the_program(house: Runtime, larger: Larger, tmp_path: Path) -> None:
    olga, gus = ModelChoice(house, OPERATOR), ModelChoice(house, GUEST)
    assert olga.chosen() is None
    larger.need = Download(5_000_000, "mit", "https://example.org")
    said = str(olga.choose(larger.name).phase)
    assert "5 MB, licence: mit" in said
    assert "assistant models get hf:a/larger" in said
    assert gus.chosen() is None
    assert "Ask an operator" in str(gus.choose(larger.name).phase)
    gus.choose("fake")
    later = make_runtime(
        tmp_path, plugins=[("second", type("P", (), {"register_backends": hookimpl(lambda self: [larger])}))]
    )
    assert ModelChoice(later, OPERATOR).chosen() == larger.name
    assert ModelChoice(later, GUEST).chosen() == "fake"
    later.close()
    without = make_runtime(tmp_path)
    assert ModelChoice(without, OPERATOR).chosen() is None
    assert "There is no model" in str(ModelChoice(without, OPERATOR).choose("gone").phase)
    assert ModelChoice(without, GUEST).chosen() == "fake"
    assert without.extensions.choices.preferred_model("gus", "another default") == ""
    without.extensions.choices.forget("gus")
    assert ModelChoice(without, GUEST).chosen() is None
    without.close()
