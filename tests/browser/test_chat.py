"""The chat in a real browser: pictures before they are sent, other versions of a turn, past chats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.testing import picture

from .conftest import settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PASTE = """bytes => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
    document.querySelector('#question textarea').dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "first.png", tmp_path / "second.png"]
    for file, colour in zip(made, ("red", "blue"), strict=True):
        file.write_bytes(picture(colour))
    return made


def names(page: Any) -> list[str]:
    return page.locator("#tray .name").all_inner_texts()


def test_pictures_are_ordered_described_and_removed_by_keyboard(visit: Any, files: list[Path]) -> None:
    guest = visit()
    page = guest.page
    guest.attach(*files)
    assert names(page) == ["1. first.png", "2. second.png"]
    page.get_by_role("button", name="Move picture 1 back").focus()
    page.keyboard.press("Enter")
    page.locator("#tray li").first.get_by_text("1. second.png").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move picture 2 forward"
    page.locator("#tray li").nth(1).get_by_label("Describe it").fill("A red square")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Remove picture 1").focus()
    page.keyboard.press("Enter")
    page.locator("#tray li").nth(1).wait_for(state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove picture 1"
    guest.ask("what is this?")
    assert page.locator("#transcript .pictures img").get_attribute("alt") == "A red square"


def test_the_same_picture_is_pasted_twice_into_the_box(visit: Any) -> None:
    guest = visit()
    for count in (1, 2):
        guest.page.evaluate(PASTE, list(picture()))
        guest.page.locator("#tray li").nth(count - 1).wait_for()
    guest.ask("two of them")
    assert guest.page.locator("#transcript .pictures img").count() == 2


def test_a_file_that_is_too_large_and_an_address_at_home_are_sentences(visit: Any, tmp_path: Path) -> None:
    guest = visit()
    page = guest.page
    page.get_by_text("From an address").click()
    page.get_by_label("Address of a picture").fill("http://127.0.0.1:1/x.png")
    page.get_by_role("button", name="Fetch it").click()
    page.locator("#tray .problem", has_text="only public addresses").wait_for()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add pictures").click()
    chooser.value.set_files([str(broken)])
    page.locator("#tray .problem", has_text="is not a picture").wait_for()


def test_a_question_is_changed_with_its_picture(visit: Any, files: list[Path]) -> None:
    guest = visit()
    page = guest.page
    guest.ask("describe this", files[0])
    page.get_by_role("button", name="Change this question").click()
    page.locator("#tray .changing").wait_for()
    page.wait_for_function("document.activeElement === document.querySelector('#question textarea')")
    assert guest.box.input_value() == "describe this"
    assert names(page) == ["1. first.png"]
    guest.box.fill("what colour is this?")
    guest.box.press("Enter")
    page.locator("#transcript .versions", has_text="2 of 2").wait_for()
    assert "what colour" in page.locator("#transcript .question").inner_text()
    assert page.locator("#tray li").count() == 0
    page.get_by_role("button", name="The version before").click()
    page.locator("#transcript .question", has_text="describe this").wait_for()


def test_an_answer_is_written_by_hand_and_a_chat_branches_off(visit: Any, files: list[Path]) -> None:
    guest = visit()
    page = guest.page
    guest.ask("what is this?", files[0])
    page.locator("#transcript .more summary").click()
    page.get_by_label("Write the answer yourself").fill("It is a red square.")
    page.get_by_role("button", name="Keep this answer").click()
    page.locator("#transcript .status", has_text="written by you").wait_for()
    assert page.locator("#transcript .answer .text").inner_text() == "It is a red square."
    assert page.locator("#transcript .thumb").count() == 0
    guest.ask("and now?")
    old = page.locator("#transcript .transcript").get_attribute("data-chat")
    page.locator("#transcript .more summary").first.click()
    page.get_by_role("button", name="New chat from here").first.click()
    page.locator("#phase", has_text="new chat with everything up to here").wait_for()
    assert page.locator("#transcript .turn").count() == 1
    assert page.locator("#transcript .transcript").get_attribute("data-chat") != old


def test_a_stopped_answer_goes_on(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.send("tell me slowly")
    page.locator("#running .answer", has_text="word5").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#transcript .status", has_text="stopped by you").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.locator("#transcript .versions", has_text="2 of 2").wait_for()
    assert "word199" in page.locator("#transcript .answer .text").inner_text()


def test_past_chats_are_searched_tagged_and_opened_where_the_words_stand(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.ask("where is the zanzibar lighthouse?")
    guest.ask("describe the rest")
    page.get_by_role("button", name="New chat").click()
    page.locator("#transcript .welcome").wait_for()
    page.get_by_label("Search chats").fill("zanzi")
    page.keyboard.press("Enter")
    page.locator("#found mark", has_text="zanzi").wait_for()
    assert not page.locator("#chats").is_visible()
    page.locator("#found .open").first.click()
    page.locator("#transcript .turn").nth(1).wait_for()
    page.get_by_role("button", name="All chats").click()
    page.locator("#chats .current").wait_for()
    chat = page.locator("#chats .current")
    chat.locator("summary").first.click()
    chat.get_by_label("Tags").fill("africa towers")
    chat.get_by_role("button", name="Set tags").click()
    page.locator("#chats .tags button", has_text="#africa").click()
    page.locator("#found .open").first.wait_for()


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_overflows_and_axe_finds_nothing(visit: Any, files: list[Path], width: int) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()
    guest = visit(width=width, height=800)
    page = guest.page

    def fine() -> None:
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        violations = axe.run(page).response["violations"]
        assert [f"{each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations] == []

    guest.attach(*files)
    page.get_by_text("From an address").click()
    fine()
    page.get_by_role("button", name="Point at a part of picture 2").click()
    page.get_by_text("Set a box by numbers").click()
    page.get_by_role("button", name="Add this box").click()
    page.get_by_role("button", name="Remove place 1").wait_for()
    fine()
    guest.ask("what is this?")
    page.locator("#transcript .more summary").click()
    page.get_by_role("button", name="Change this question").click()
    page.locator("#tray .changing").wait_for()
    fine()
    if width < 1000:
        page.locator("#menu").click()
    page.get_by_label("Search chats").fill("what")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("#found .open").first.wait_for()
    fine()


def test_a_place_is_drawn_on_the_picture_and_marked_in_the_chat(visit: Any, files: list[Path]) -> None:
    guest = visit()
    page = guest.page
    guest.attach(files[0])
    page.get_by_role("button", name="Point at a part of picture 1").click()
    page.wait_for_function("document.activeElement.id === 'pointing-title'")
    box = page.locator(".canvas .pointed").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] * 3 / 4, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Remove place 1").wait_for()
    page.get_by_text("Set a box by numbers").click()
    page.get_by_label("From the left").fill("5")
    page.get_by_role("button", name="Add this box").press("Enter")
    page.get_by_role("button", name="Remove place 2").wait_for()
    page.get_by_role("button", name="Done").click()
    page.locator(".pointing").wait_for(state="detached")
    guest.ask("what is here?")
    marks = page.locator("#transcript .pointed rect")
    assert marks.count() == 2
    image, mark = page.locator("#transcript .pointed img").bounding_box(), marks.first.bounding_box()
    assert mark["width"] == pytest.approx(image["width"] / 2, abs=6)
    assert mark["x"] == pytest.approx(image["x"] + image["width"] / 4, abs=6)


def test_a_photo_is_taken_with_the_camera(visit: Any) -> None:
    guest = visit()
    page = guest.page
    page.get_by_role("button", name="Take a photo").click()
    page.locator("#webcam").get_by_text("Webcam").click()
    page.locator("#webcam video").wait_for()
    page.wait_for_function("document.querySelector('#webcam video').videoWidth > 0")
    page.get_by_role("button", name="capture photo").click()
    page.locator("#tray li").first.wait_for()
    page.locator("#webcam").wait_for(state="detached")
    # Gradio asks for the progress of an upload without naming it, and does not catch the answer.
    known = ("Response", "Failed to load resource: the server responded with a status of 404 (Not Found)")
    guest.problems[:] = [each for each in guest.problems if not each.endswith(known)]
    guest.ask("what does the camera see?")
    assert page.locator("#transcript .pictures img").count() == 1


def test_a_chat_is_saved_deleted_and_imported(visit: Any, files: list[Path], tmp_path: Path) -> None:
    guest = visit()
    page = guest.page
    guest.ask("a chat that travels", files[0])
    chat = page.locator("#chats .current")
    chat.locator("summary").first.click()
    chat.locator("summary", has_text="Save this chat").click()
    with page.expect_download() as download:
        chat.get_by_role("link", name="Zip with pictures").click()
    assert download.value.suggested_filename == "a-chat-that-travels.zip"
    saved = tmp_path / "chat.zip"
    download.value.save_as(saved)
    chat.locator("summary", has_text="Delete this chat").click()
    chat.get_by_role("button", name="Delete for good").click()
    page.locator("#transcript .welcome").wait_for()
    for expected in ("Imported 1 turn of 1 chats.", "1 were here already"):
        if not page.locator("#import-chats").is_visible():
            page.get_by_text("Save or import chats").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import chats").click()
        chooser.value.set_files(str(saved))
        page.locator("#phase", has_text=expected).wait_for()
    page.locator("#chats .open", has_text="a chat that travels").click()
    page.locator("#transcript .pictures img").wait_for()
