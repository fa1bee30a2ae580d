"""The panel "Plugins" in a real browser: read, switched, and its settings filled in by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr

from assistant import PluginSettings, Turn, Verdict, hookimpl, settings_of
from assistant.testing import FakeModel, FaultyPlugin, make_runtime

from .conftest import rooms, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


class Wishes(PluginSettings):
    greeting: str = Field(default="hello", max_length=20, title="Greeting")
    """What stands under every answer."""
    loudness: float = Field(default=0.5, ge=0, le=1, title="Loudness")
    tone: Literal["kind", "dry"] = Field(default="kind", title="Tone")
    topics: tuple[Literal["birds", "trees"], ...] = Field(default=("birds",), title="Topics")
    key: SecretStr = Field(default=SecretStr(""), title="Key of the service")
    limit: int = Field(default=3, ge=1, title="Limit", json_schema_extra={"tier": "operator"})


class Greets:
    @hookimpl
    def register_settings(self) -> type[PluginSettings]:
        return Wishes

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict:
        return Verdict(action="warn", message=f"{settings_of(Wishes).greeting}, {settings_of(Wishes).tone}")


@pytest.fixture
def place(tmp_path: Path, serve: Callable[..., Any]) -> Iterator[Any]:
    plugins = [("greets", Greets()), ("faulty", FaultyPlugin("raise", on_failure="open"))]
    with serve(make_runtime(tmp_path, model=FakeModel(), plugins=plugins)) as opened:
        yield opened


def open_plugins(page: Any) -> Any:
    rooms(page).get_by_role("button", name="Plugins", exact=True).click()
    panel = page.locator(".panel", has=page.get_by_role("heading", name="Plugins", exact=True))
    panel.wait_for()
    return panel


def test_a_plugin_is_set_by_keyboard_and_switched_off(visit: Any, place: Any) -> None:
    guest = visit(at=place)
    page = guest.page
    guest.ask("what is this?")
    page.get_by_text("hello, kind").first.wait_for()
    panel = open_plugins(page)
    assert "Latest failure" in panel.locator("article", has_text="faulty").first.inner_text()
    case = panel.locator("article", has=page.get_by_role("heading", name="greets: working"))
    case.get_by_text("2 hooks, called").click()
    assert "before_turn" in case.inner_text()
    button = case.get_by_role("button", name="Settings of greets")
    button.focus()
    page.keyboard.press("Enter")
    panel.get_by_label("Greeting").wait_for()
    panel.get_by_label("Greeting").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("good day")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("d")  # the choice "dry"
    panel.get_by_label("Key of the service").focus()
    page.keyboard.type("s3cret")
    page.keyboard.press("Enter")
    panel.locator(".notice", has_text="Saved").wait_for()
    assert "s3cret" not in page.content()
    panel.get_by_role("button", name="Back to the chat").click()
    guest.ask("and now?")
    page.get_by_text("good day, dry").first.wait_for()

    panel = open_plugins(page)
    panel.get_by_role("button", name="Switch greets off").click()
    panel.locator(".notice", has_text="greets is off").wait_for()
    panel.get_by_role("button", name="Back to the chat").click()
    before = page.get_by_text("good day, dry").count()
    guest.ask("and now?")
    assert page.get_by_text("good day, dry").count() == before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(visit: Any, place: Any, dark: bool, tmp_path: Path) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()
    page = visit(at=place, width=360, height=740, dark=dark).page

    def looks_right(name: str) -> None:
        settle(page)
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        violations = axe.run(page).response["violations"]
        assert [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations] == []

    panel = open_plugins(page)
    panel.locator("summary").first.click()
    looks_right("list")
    panel.get_by_role("button", name="Settings of greets").click()
    panel.get_by_label("Loudness").fill("0.7")
    looks_right("form")
    panel.get_by_label("Greeting").fill("x" * 30)
    panel.get_by_role("button", name="Save").click()
    panel.locator(".notice.problem", has_text="Nothing was saved").wait_for()
    looks_right("problem")
