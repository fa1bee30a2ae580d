"""The page in a real browser, as a person uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assistant.testing import picture

from .conftest import settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDTH = "async image => { await image.decode(); return image.naturalWidth; }"
"""The width of a picture once it is there; an error where it cannot be shown."""

WATCH = """() => {
    window.parts = [];
    const running = document.getElementById('running');
    const note = () => window.parts.push(running.textContent);
    new MutationObserver(note).observe(running, { subtree: true, childList: true, characterData: true });
}"""
"""Keeps what stood there while an answer was written: a busy computer may look again only when it is whole."""


def test_a_whole_visit(visit: Any, photo: Path, house: Any) -> None:
    guest = visit()
    page = guest.page
    page.evaluate(WATCH)
    guest.send("describe this picture", photo)
    page.locator("#transcript .turn").wait_for()
    parts = page.evaluate("window.parts")
    assert any("There is a red" in part and "shadow" not in part for part in parts)
    answer = page.locator("#transcript .answer .text")
    assert answer.inner_text().startswith("There is a red square in the middle of the picture")
    assert page.locator("#transcript .status").inner_text() == "90 % sure"
    assert page.locator("#transcript .pictures img").evaluate(WIDTH) == 96

    answer.locator(".word", has_text="red").click()
    grid = page.locator("#inspector .overlay svg")
    grid.wait_for()
    first = grid.inner_html()
    assert page.locator("#inspector .overlay img").evaluate(WIDTH) == 96
    image, cells = page.locator("#inspector .overlay img").bounding_box(), grid.bounding_box()
    assert abs(image["width"] - cells["width"]) <= 2
    assert abs(image["height"] - cells["height"]) <= 2
    page.get_by_role("group", name="The words of the answer").get_by_role("button", name="middle").click()
    page.locator("#inspector h4", has_text="“middle”").wait_for()
    assert grid.inner_html() != first
    assert page.locator("#inspector .says").inner_text().startswith("When it wrote “middle”")

    good = page.get_by_role("button", name="Good answer")
    good.click()
    page.locator("#transcript .receipt", has_text="Stored.").wait_for()
    assert good.get_attribute("aria-pressed") == "true"

    guest.ask("something forbidden please")
    card = page.locator("#transcript .refusal")
    assert card.locator("mark").inner_text() == "forbidden"
    assert "test-pack 1.2" in card.inner_text()
    card.get_by_role("textbox").fill("It was a harmless question.")
    card.get_by_role("button", name="This refusal is wrong").click()
    card.locator(".receipt", has_text="stored for a reviewer").wait_for()

    guest.reload()
    assert page.locator("#transcript .turn").count() == 2
    assert page.get_by_role("button", name="Good answer").get_attribute("aria-pressed") == "true"
    assert "You said on" in page.locator("#transcript .appealed").inner_text()
    chats = page.locator("#chats .current")
    assert "describe this picture" in chats.inner_text()

    page.get_by_role("button", name="New chat").click()
    page.locator("#transcript .welcome").wait_for()
    assert "chat=" not in page.url
    page.locator("#chats .open").first.click()
    page.locator("#transcript .refusal").wait_for()
    assert "chat=" in page.url


def test_an_example_is_one_click(visit: Any) -> None:
    guest = visit()
    guest.page.locator(".examples button").first.click()
    guest.page.locator("#transcript .turn .pictures img").wait_for()


def test_ratings_with_reasons_are_stored_and_taken_back(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.ask("hello")
    page.get_by_role("button", name="Look inside").click()
    form = page.locator("#inspector .rating")
    form.get_by_label("Bad answer").check()
    form.get_by_label("Made something up").check()
    form.get_by_label("In your own words").fill("There is no square.")
    form.get_by_role("button", name="Store this rating").click()
    form.locator(".receipt", has_text="Stored.").wait_for()
    guest.reload()
    page.get_by_role("button", name="Look inside").click()
    assert form.get_by_label("Made something up").is_checked()
    assert form.get_by_label("In your own words").input_value() == "There is no square."
    form.get_by_role("button", name="Take it back").click()
    form.get_by_text("Not rated yet.").wait_for()
    assert not form.get_by_label("Made something up").is_checked()
    assert form.get_by_label("In your own words").input_value() == ""


def test_a_bad_answer_leads_to_the_reasons(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.ask("hello")
    assert page.get_by_role("button", name="Say why").count() == 0
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Say why").press("Enter")
    page.wait_for_function("document.activeElement.name === 'reasons'")
    page.keyboard.press("Space")
    page.locator("#inspector .rating").get_by_role("button", name="Store this rating").click()
    page.locator("#inspector .rating .receipt", has_text="Stored in place of the earlier rating").wait_for()


def test_stop_keeps_the_part_and_try_again_makes_another_version(visit: Any, photo: Path) -> None:
    guest = visit()
    page = guest.page
    guest.send("tell me slowly", photo)
    page.locator("#running .answer", has_text="word5").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#transcript .status.stopped").wait_for()
    assert "word5" in page.locator("#transcript .answer .text").inner_text()
    assert not page.get_by_role("button", name="Stop").is_visible()
    page.get_by_role("button", name="Try again").click()
    page.locator("#running .answer", has_text="word5").wait_for()
    assert page.locator("#running .pictures img").count() == 1
    page.get_by_role("button", name="Stop").click()
    page.locator("#transcript .versions", has_text="2 of 2").wait_for()
    page.get_by_role("button", name="The version before").click()
    page.locator("#transcript .versions", has_text="1 of 2").wait_for()


def test_a_failed_turn_loses_nothing(visit: Any, photo: Path) -> None:
    guest = visit()
    guest.ask("please break", photo)
    assert "failed while answering" in guest.page.locator("#transcript .problem").inner_text()
    assert guest.box.input_value() == "please break"
    assert guest.page.locator("#tray li").count() == 1


def test_closing_the_page_ends_its_turn(visit: Any, house: Any, until: Any) -> None:
    guest = visit()
    guest.send("count slowly for a page that closes")
    guest.page.locator("#running .answer", has_text="word5").wait_for()
    guest.page.close()

    def stopped() -> bool:
        chats = [each for each in house.runtime.store.conversations() if "page that closes" in each.title]
        return bool(chats) and house.runtime.store.branch(chats[0].id)[-1].status == "stopped"

    until(stopped)


def test_two_browsers_do_not_see_each_others_running_turn(visit: Any) -> None:
    first, second = visit(), visit()
    first.send("count slowly for me alone")
    first.page.locator("#running .answer", has_text="word5").wait_for()
    assert second.page.locator("#running .turn").count() == 0
    assert second.page.locator("#transcript .welcome").is_visible()
    second.send("hello")
    second.page.locator("#phase", has_text="another answer").wait_for()
    first.page.get_by_role("button", name="Stop").click()
    second.page.locator("#transcript .turn").wait_for()
    assert "word5" not in second.page.locator("#transcript").inner_text()
    assert "hello" not in first.page.locator("#scroller").inner_text()


def test_a_chat_is_renamed_and_deleted(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.ask("a chat that goes away")
    chat = page.locator("#chats .current")
    chat.locator("summary").first.click()
    chat.get_by_label("New name").fill("Another name")
    chat.get_by_role("button", name="Rename").click()
    page.locator("#chats .title", has_text="Another name").wait_for()
    chat.locator("summary").first.click()
    chat.locator("summary", has_text="Delete this chat").click()
    chat.get_by_role("button", name="Delete for good").click()
    page.locator("#transcript .welcome").wait_for()
    assert page.locator("#chats .title", has_text="Another name").count() == 0


def test_pictures_are_pasted_and_dropped_anywhere(visit: Any) -> None:
    guest = visit()
    page = guest.page
    script = """([bytes, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], kind + '.png', { type: 'image/png' }));
        const target = document.querySelector('#right');
        const event = kind === 'drop'
            ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
    }"""
    for count, kind in enumerate(("drop", "paste"), 1):
        page.evaluate(script, [list(picture()), kind])
        page.locator("#tray li").nth(count - 1).wait_for()
    guest.ask("what are these?")
    assert page.locator("#transcript .pictures img").count() == 2


def test_markup_from_anybody_stays_text(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(3)>.png"
    file.write_bytes(picture())
    guest = visit()
    guest.ask("markup <script>alert(4)</script> <b>bold</b> {{7*7}} ${7*7}", file)
    page = guest.page
    assert "<b>bold</b> {{7*7}} ${7*7}" in page.locator("#transcript .question").inner_text()
    assert "<script>alert(2)</script>" in page.locator("#transcript .answer").inner_text()
    page.get_by_role("button", name="Look inside").click()
    page.locator("#inspector .words button").first.wait_for()
    assert page.locator("#scroller script, #inspector script, #chats script").count() == 0


def test_the_keyboard_alone_is_enough(visit: Any) -> None:
    guest = visit()
    page = guest.page

    def focused() -> str:
        return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.ariaLabel || ''")

    def tab_to(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            if re.fullmatch(name, focused()):
                return
            page.keyboard.press(key)
        raise AssertionError(f"{name} cannot be reached; the focus is on {focused()!r}")

    tab_to("Your question")
    page.keyboard.type("what is this?")
    page.keyboard.press("Enter")
    page.locator("#transcript .turn").wait_for()
    tab_to("Look inside", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#inspector .words button").first.wait_for()
    tab_to("square")
    page.keyboard.press("Space")
    page.locator("#inspector .words button[aria-pressed=true]", has_text="square").wait_for()
    assert focused() == "square"
    tab_to("Good answer", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#transcript .thumb[aria-pressed=true]").wait_for()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_phone_has_everything_and_no_sideways_scrolling(visit: Any, photo: Path) -> None:
    guest = visit(width=390, height=844)
    page = guest.page

    def overflow() -> int:
        return page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert overflow() <= 0
    guest.ask("what is this? " + "averyveryverylongword" * 10, photo)
    guest.ask("something forbidden " + "x" * 300)
    page.locator("#transcript .word", has_text="red").first.click()
    page.locator("#inspector .overlay svg").wait_for()
    page.wait_for_function("document.querySelector('#inspector').getBoundingClientRect().top < innerHeight / 2")
    assert overflow() <= 0
    page.get_by_role("button", name="Back to the answer").click()
    page.wait_for_function("document.activeElement.closest('#transcript') !== null")
    assert not page.locator("#chats").is_visible()
    page.locator("#menu").click()
    page.locator("#chats .open").first.wait_for()
    page.locator("#plugins summary").click()
    assert page.locator("#plugins", has_text="forbidding").is_visible()
    assert overflow() <= 0
    small = page.evaluate(
        """[...document.querySelectorAll('#scroller button, #inspector button, #chats button, #header button')]
           .filter(each => each.offsetParent && each.getBoundingClientRect().height < 24).map(each => each.outerHTML)"""
    )
    assert small == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(visit: Any, dark: bool, photo: Path) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()

    def findings() -> list[str]:
        settle(page)
        violations = axe.run(page).response["violations"]
        return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations]

    guest = visit(dark=dark)
    page = guest.page
    guest.attach(photo, photo)
    assert findings() == []
    page.get_by_role("button", name="Remove picture 1").click()
    page.get_by_role("button", name="Remove picture 2").wait_for(state="detached")
    guest.ask("what is this?" + " and this?" * 300)
    guest.ask("something forbidden")
    page.locator("#transcript .word").first.click()
    page.locator("#inspector .overlay svg").wait_for()
    page.get_by_role("button", name="Bad answer").click()
    page.locator("#transcript .receipt").wait_for()
    page.locator("#chats summary").first.click()
    page.locator("#plugins summary").click()
    page.locator("#chats li > details > details > summary").first.click()
    assert findings() == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#menu").click()
    assert findings() == []
    page.locator("#menu").click()
    guest.send("tell me slowly", photo)
    page.locator("#running .answer", has_text="word5").wait_for()
    assert findings() == []


def test_less_motion_where_it_is_asked_for(visit: Any) -> None:
    guest = visit()
    guest.page.emulate_media(reduced_motion="reduce")
    guest.send("tell me slowly")
    guest.page.locator("#phase .going-on").wait_for()
    moving = "getComputedStyle(document.querySelector('#phase .going-on'), '::before').animationName"
    assert guest.page.evaluate(moving) == "none"
