"""Signing in, the panels "People" and "Account", and signing out, in a real browser with the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.accounts import Accounts
from assistant.testing import FakeModel, make_runtime

from .conftest import PATIENCE, House, answer, be_ready, rooms, served, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    runtime = make_runtime(tmp_path_factory.mktemp("people"), model=FakeModel(answer))
    accounts = Accounts(runtime.store)
    accounts.add("olga", PASSWORD, who="test")
    accounts.add("ada", PASSWORD, who="test")
    with served(runtime) as opened:
        yield opened


@pytest.fixture
def open_page(chromium: Any, home: House) -> Iterator[Any]:
    contexts: list[Any] = []
    problems: list[str] = []

    def opened(width: int = 1280, dark: bool = False) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(home.address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def sign_in(page: Any, name: str, password: str = PASSWORD) -> None:
    """With the keyboard alone: the field has the focus when the page opens."""
    page.locator("#name:focus").wait_for()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def findings(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    settle(page)
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found if each["impact"] != "minor"]


def too_wide(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_the_page_to_sign_in(open_page: Any, width: int, dark: bool) -> None:
    page = open_page(width, dark)
    page.wait_for_url("**/login?next=/")
    assert findings(page) == []
    assert not too_wide(page)
    sign_in(page, "ada", "wrong password")
    page.get_by_role("alert").wait_for()
    assert "The name or the password is wrong" in page.get_by_role("alert").inner_text()
    assert page.locator("#name").input_value() == "ada"
    assert page.locator("#password:focus").count() == 1
    assert findings(page) == []


@pytest.mark.parametrize("width", [1280, 360])
def test_an_operator_makes_an_account_which_then_signs_in(open_page: Any, width: int, tmp_path: Path) -> None:
    page = open_page(width)
    sign_in(page, "olga")
    be_ready(page)
    people = rooms(page).get_by_role("button", name="People")
    people.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="People").wait_for()
    assert findings(page) == []
    assert not too_wide(page)
    name = f"dora{width}"
    page.get_by_label("Name, to sign in with").fill(name)
    page.get_by_label("Password (10 characters or more)").last.fill(PASSWORD)
    page.get_by_label("Password (10 characters or more)").last.press("Enter")
    page.get_by_role("status").filter(has_text=f"{name} can sign in now").wait_for()

    change = page.get_by_text(f"Change {name}", exact=True)
    change.focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("article", name=name)
    card.get_by_role("button", name="Make the key").press("Enter")
    page.get_by_role("status").filter(has_text="copy it now").wait_for()
    assert findings(page) == []
    assert not too_wide(page)
    page.screenshot(path=tmp_path / f"people-{width}.png", full_page=True)

    other = open_page(width)
    sign_in(other, name)
    be_ready(other)
    theirs = rooms(other)
    assert theirs.get_by_role("button", name="People").count() == 0
    theirs.get_by_role("button", name="Account").press("Enter")
    other.get_by_text(f"You are signed in as {name}").wait_for()
    assert findings(other) == []
    assert not too_wide(other)
    other.screenshot(path=tmp_path / f"account-{width}.png", full_page=True)
    other.get_by_role("button", name="Sign out").press("Enter")
    other.wait_for_url("**/login")
    other.goto(other.url.replace("/login", "/"))
    other.wait_for_url("**/login?next=/")


def test_two_people_chat_and_see_their_own(open_page: Any, home: House) -> None:
    pages = {name: open_page() for name in ("olga", "ada")}
    for name, page in pages.items():
        sign_in(page, name)
        be_ready(page)
        box = page.get_by_role("textbox", name="Your question")
        box.fill(f"{name} asks this")
        box.press("Enter")
        page.locator("#transcript .turn").wait_for()
    for name, page in pages.items():
        other = "ada" if name == "olga" else "olga"
        page.reload()
        page.locator("#chats").get_by_text(f"{name} asks this").wait_for()
        assert page.locator("#chats").get_by_text(f"{other} asks this").count() == 0
    assert len(home.runtime.store.conversations()) == 2
