"""Choosing who answers: below the box, with size, licence and place, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from assistant import hookimpl
from assistant.testing import FakeModel, make_runtime

from .conftest import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


class Elsewhere(FakeModel):
    """A second model that says that it is somewhere else."""

    title = "A larger model"
    size = "2 GB"
    where = "the server example.org"


class Second:
    @hookimpl
    def register_backends(self) -> list[FakeModel]:
        return [Elsewhere("from the larger one", name="larger")]


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)])
def test_another_model_is_chosen_and_answers(
    visit: Callable[..., Any], serve: Callable[..., Any], width: int, height: int, tmp_path: Path
) -> None:
    runtime = make_runtime(tmp_path / "data", model=FakeModel("from the small one"), plugins=[("second", Second())])
    with serve(runtime) as house:
        open_page = visit(at=house, width=width, height=height)
        page = open_page.page
        choice = page.get_by_label("Who answers")
        assert choice.input_value() == "A model for tests · no weights · licence: Apache-2.0 · runs on this computer"
        open_page.ask("hello")
        assert "from the small one" in page.locator("#transcript").inner_text()
        choice.focus()
        page.get_by_role("option").nth(1).wait_for()
        page.screenshot(path=str(tmp_path / "open.png"))
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        larger = "A larger model · 2 GB · licence: Apache-2.0 · runs on the server example.org"
        expect(choice).to_have_value(larger, timeout=PATIENCE * 1000)
        open_page.ask("and now?")
        assert "from the larger one" in page.locator("#transcript").inner_text()
        page.screenshot(path=str(tmp_path / "choice.png"))
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_one_model_needs_no_choice(visit: Callable[..., Any]) -> None:
    assert visit().page.get_by_label("Who answers").count() == 0
