"""Fetching a model on the page: offered with size and licence, watched while it comes, by the keyboard alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import hookimpl
from assistant.backends import Download
from assistant.errors import ModelLoadError
from assistant.testing import FakeModel, make_runtime

from .conftest import rooms, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


class Faraway(FakeModel):
    """A model whose weights come when the test lets them."""

    title = "A larger model"
    size = ""

    def __init__(self) -> None:
        super().__init__("from the larger one", name="hf:somebody/larger")
        self.here = False
        self.go_on = threading.Event()
        self.fails = False

    def load(self) -> None:
        if not self.here:
            raise ModelLoadError("It is not here.", hint="Fetch it.")

    def missing(self) -> Download | None:
        return None if self.here else Download(512_000_000, "mit", "https://example.org")

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        on_progress(128_000_000, 512_000_000)
        while not self.go_on.wait(0.05):
            if should_stop():
                return
        if self.fails:
            raise ModelLoadError("The source went away.")
        self.here = True


@pytest.fixture
def larger() -> Faraway:
    return Faraway()


@pytest.fixture
def place(tmp_path: Path, serve: Callable[..., Any], larger: Faraway) -> Iterator[Any]:
    class Second:
        @hookimpl
        def register_backends(self) -> list[FakeModel]:
            return [larger]

    with serve(make_runtime(tmp_path / "data", plugins=[("second", Second())])) as opened:
        yield opened
    larger.go_on.set()


def choose_the_larger(page: Any) -> None:
    page.get_by_label("Who answers").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)])
def test_a_model_is_fetched_by_keyboard_and_answers_also_after_a_reload(
    visit: Any, place: Any, larger: Faraway, width: int, height: int, tmp_path: Path
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()
    opened = visit(at=place, width=width, height=height)
    page = opened.page

    def looks_right(name: str) -> None:
        settle(page)
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        violations = axe.run(page).response["violations"]
        assert [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations] == []

    choose_the_larger(page)
    said = page.locator("#phase", has_text="A larger model is not on this computer yet (512 MB, licence: mit).")
    said.wait_for()
    assert "assistant models get hf:somebody/larger" in said.inner_text()
    looks_right("said")
    rooms(page).get_by_role("button", name="Models", exact=True).press("Enter")
    panel = page.locator(".panel", has=page.get_by_role("heading", name="Models", exact=True))
    panel.get_by_role("button", name="Is A larger model here?").press("Enter")
    offer = panel.locator(".offer")
    offer.wait_for()
    for words in ("Size: 512 MB", "Licence: mit", "https://example.org", "assistant models get hf:somebody/larger"):
        assert words in offer.inner_text()
    looks_right("offer")
    offer.get_by_role("button", name="Fetch it (512 MB)").press("Enter")
    panel.get_by_text("128 MB of 512 MB").wait_for()
    assert panel.get_by_label("Fetching A larger model").get_attribute("max") == "512000000"
    looks_right("coming")
    larger.go_on.set()
    panel.get_by_text("It is fetched, and answers from now on.").wait_for()
    looks_right("fetched")
    page.reload()
    page.locator("#scroller[tabindex='0']").wait_for()
    choice = page.get_by_label("Who answers")
    page.wait_for_function("document.querySelector('#model input').value.startsWith('A larger model')")
    assert choice.input_value().startswith("A larger model")
    opened.ask("hello")
    assert "from the larger one" in page.locator("#transcript").inner_text()


def test_a_download_is_stopped_and_one_that_fails_says_why(visit: Any, place: Any, larger: Faraway) -> None:
    page = visit(at=place).page
    rooms(page).get_by_role("button", name="Models", exact=True).click()

    def fetch() -> None:
        page.get_by_role("button", name="Is A larger model here?").click()
        page.get_by_role("button", name="Fetch it (512 MB)").click()

    fetch()
    page.get_by_role("button", name="Stop fetching A larger model").click()
    page.get_by_text("Stopped. What has come stays").wait_for()
    larger.fails = True
    larger.go_on.set()
    fetch()
    page.get_by_text("The source went away.").wait_for()
    assert larger.here is False
