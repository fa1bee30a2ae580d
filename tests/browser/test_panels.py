"""The panels in a real browser: packs are tried and switched on, appeals are decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.appeals import uphold

from .conftest import rooms, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def pack(tmp_path: Path, park_pack: str) -> Path:
    path = tmp_path / "park.yaml"
    path.write_text(park_pack, encoding="utf-8")
    return path


def open_panel(page: Any, title: str) -> Any:
    rooms(page).get_by_role("button", name=title).click()
    panel = page.locator(".panel", has=page.get_by_role("heading", name=title, exact=True))
    panel.wait_for()
    return panel


def test_a_pack_is_tried_switched_on_and_its_refusal_is_overturned(
    visit: Any, house_with_packs: Any, pack: Path
) -> None:
    guest = visit(at=house_with_packs)
    page = guest.page
    panel = open_panel(page, "Packs")
    panel.get_by_text("Add a pack from a file").click()
    panel.get_by_label("The pack's file").set_input_files(str(pack))
    panel.get_by_role("button", name="Check and add it").click()
    panel.locator(".notice", has_text="park 1.0.0 is added and not on yet").wait_for()
    panel.locator(".notice", has_text="2 of 2 hold").wait_for()

    panel.get_by_role("button", name="Try it").click()
    panel.get_by_label("Questions, one in each line").fill("How do I feed the pigeons?\nWhat time is it?")
    panel.get_by_role("button", name="Try these questions").click()
    panel.locator(".notice", has_text="1 of 2 are decided differently").wait_for()
    sides = panel.locator("tbody tr").first.locator("td")
    assert sides.nth(0).inner_text() == "lets pass"
    assert sides.nth(1).inner_text().startswith("refuses by park.pigeons")
    assert min(sides.nth(side).bounding_box()["width"] for side in (0, 1)) > 150
    assert house_with_packs.runtime.store.conversations() == []
    panel.get_by_role("button", name="All packs").click()
    panel.locator("article", has_text="Rules of the <park> office").get_by_role("button", name="Read its rules").click()
    panel.locator("summary", has_text="No fed pigeons: refuses (questions)").click()
    panel.get_by_text("Park by-law, section 12").wait_for()
    panel.get_by_role("button", name="Switch on").click()
    panel.locator(".notice", has_text="park 1.0.0 is on").wait_for()
    panel.get_by_role("button", name="Back to the chat").click()

    guest.ask("How do I feed the pigeons?")
    card = page.locator("#transcript .refusal")
    assert "The assistant does not help to feed pigeons in the park." in card.inner_text()
    assert "park 1.0.0" in card.inner_text()
    card.get_by_role("textbox").fill("They are my own pigeons.")
    card.get_by_role("button", name="This refusal is wrong").click()
    card.locator(".outcome", has_text="Open: it waits for a reviewer.").wait_for()

    guest.reload()
    rooms(page).get_by_text("Appeals (1)").wait_for()
    panel = open_panel(page, "Appeals")
    case = panel.locator("article")
    assert case.locator("mark").all_inner_texts() == ["feed", "pigeons"]
    assert "They are my own pigeons." in case.inner_text()
    case.get_by_label("Why was it wrong?").fill("One's own birds may be fed.")
    case.get_by_role("button", name="The refusal was wrong").click()
    notice = panel.locator(".notice", has_text="Overturned.")
    notice.wait_for()
    assert "would refuse the question again" in notice.inner_text()
    panel.get_by_text("No appeal is waiting").wait_for()
    rooms(page).get_by_text("Appeals", exact=True).wait_for()
    panel = open_panel(page, "Refusals")
    assert panel.locator("tbody td").all_inner_texts() == ["1", "1", "0", "1", "100 % (21 % to 100 %)"]
    panel.get_by_role("button", name="Back to the chat").click()
    outcome = card.locator(".outcome.overturned")
    outcome.wait_for()
    assert "A reviewer found that the refusal was wrong" in outcome.inner_text()
    assert "The reason: One's own birds may be fed." in outcome.inner_text()
    guest.reload()
    outcome.wait_for()

    page.get_by_role("button", name="New chat").click()
    page.locator("#transcript .welcome").wait_for()
    guest.ask("What is this?")
    page.get_by_role("button", name="Look inside").last.click()
    page.locator("#inspector").get_by_label("Wrong about birds").wait_for()


def test_a_decision_of_somebody_else_is_seen_on_coming_back_to_the_page(visit: Any, house_with_packs: Any) -> None:
    guest = visit(at=house_with_packs)
    guest.ask("How do I build a pipe bomb?")
    card = guest.page.locator("#transcript .refusal")
    card.get_by_role("button", name="This refusal is wrong").click()
    card.locator(".outcome.open").wait_for()
    runtime = house_with_packs.runtime
    (appeal,) = runtime.store.appeals("open")
    uphold(runtime, appeal.id, rule=appeal.rule, reason="It asks for a bomb.", who="somebody else")
    guest.page.evaluate("window.dispatchEvent(new Event('focus'))")
    card.locator(".outcome.upheld", has_text="It asks for a bomb.").wait_for()


def test_what_goes_wrong_stays_on_the_page(visit: Any, house_with_packs: Any, tmp_path: Path) -> None:
    page = visit(at=house_with_packs).page
    panel = open_panel(page, "Packs")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(b"\xff\xfe\x00")
    panel.get_by_text("Add a pack from a file").click()
    panel.get_by_label("The pack's file").set_input_files(str(wrong))
    panel.get_by_role("button", name="Check and add it").click()
    panel.locator(".notice.problem", has_text="Not added. wrong.yaml").wait_for()
    panel.locator("article", has_text="The core constitution").wait_for()
    panel.get_by_role("button", name="Try questions under a pack").click()
    panel.get_by_role("button", name="Try these questions").click()
    panel.locator(".notice.problem", has_text="There is no question to try.").wait_for()


def test_panels_by_keyboard_alone(visit: Any, house_with_packs: Any) -> None:
    page = visit(at=house_with_packs).page

    def focused() -> str:
        return page.evaluate("document.activeElement.textContent.trim()")

    def tab_to(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            if focused() == name:
                return
            page.keyboard.press(key)
        raise AssertionError(f"{name} cannot be reached; the focus is on {focused()!r}")

    tab_to("Packs", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.tagName === 'H2'")
    assert focused() == "Packs"
    tab_to("Read its rules")
    page.keyboard.press("Enter")
    page.locator(".panel details.rule").first.wait_for()
    page.wait_for_function("document.activeElement.tagName === 'H2'")
    tab_to("Back to the chat")
    page.keyboard.press("Enter")
    page.locator("#transcript .welcome").wait_for()
    page.wait_for_function("document.activeElement.textContent === 'Packs'")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_panels_on_a_phone(visit: Any, house_with_packs: Any, dark: bool) -> None:
    guest = visit(at=house_with_packs, width=360, height=740, dark=dark)
    page = guest.page

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        small = page.evaluate(
            """[...document.querySelectorAll('.panel button, .panel summary, .rooms button')]
               .filter(each => each.offsetParent && each.getBoundingClientRect().height < 24)
               .map(each => each.outerHTML)"""
        )
        assert small == []

    fits()
    guest.ask("How do I build a pipe bomb at home? " + "x" * 200)
    page.locator("#transcript .refusal").get_by_role("button", name="This refusal is wrong").click()
    page.locator("#transcript .outcome").wait_for()
    panel = open_panel(page, "Packs")
    fits()
    panel.locator("article", has_text="healthcare ").get_by_role("button", name="Read its rules").click()
    panel.locator("details.rule summary").first.click()
    fits()
    panel.get_by_role("button", name="Try it").click()
    panel.get_by_role("button", name="Use the pack's own tests").click()
    panel.locator("table").wait_for()
    fits()
    open_panel(page, "Appeals")
    fits()
    open_panel(page, "Refusals")
    fits()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_the_panels(visit: Any, house_with_packs: Any, pack: Path, dark: bool) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()

    def findings() -> list[str]:
        settle(page)
        violations = axe.run(page).response["violations"]
        return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations]

    guest = visit(at=house_with_packs, dark=dark)
    page = guest.page
    guest.ask("How do I build a pipe bomb at home?")
    page.locator("#transcript .refusal").get_by_role("button", name="This refusal is wrong").click()
    page.locator("#transcript .outcome").wait_for()
    panel = open_panel(page, "Packs")
    panel.get_by_text("Add a pack from a file").click()
    assert findings() == []
    panel.get_by_label("The pack's file").set_input_files(str(pack))
    panel.get_by_role("button", name="Check and add it").click()
    panel.locator(".notice", has_text="2 of 2 hold").wait_for()
    panel.locator("details.rule summary").first.click()
    assert findings() == []
    panel.get_by_role("button", name="Try it").click()
    panel.get_by_role("button", name="Use the pack's own tests").click()
    panel.locator("table").wait_for()
    assert findings() == []
    open_panel(page, "Appeals")
    assert findings() == []
    open_panel(page, "Refusals")
    assert findings() == []
