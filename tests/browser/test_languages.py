"""The page in other languages, from right to left, with nothing but a keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SIZES = [(1280, 800), (360, 740)]
ENGLISH_AT_WORK = r"\b(Ask|Search|Remove|Settings|Plugins|Packs|Chats|Good answer|Try again|Look inside)\b"
"""Words that the page itself would say in English."""


def overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def findings(page: Any) -> list[str]:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing; install it with: pip install -e '.[dev]'"
    ).Axe()
    settle(page)
    violations = axe.run(page).response["violations"]
    return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in violations]


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.ariaLabel || ''")


def tab_to(page: Any, name: str, key: str = "Tab") -> None:
    for _ in range(70):
        if re.fullmatch(name, focused(page)):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{name} cannot be reached; the focus is on {focused(page)!r}")


def said(page: Any) -> str:
    """What the page says by itself, without questions, answers, titles of chats and names of plugins."""
    return page.evaluate(
        """() => {
            const copy = document.querySelector('.gradio-container').cloneNode(true);
            const theirs = '[dir=auto], bdi, code, h1, [lang=en], style, #model';
            for (const each of copy.querySelectorAll(theirs)) each.remove();
            const spoken = [...copy.querySelectorAll('[aria-label], [title], [placeholder]')]
                .map(each => [each.ariaLabel, each.title, each.placeholder].join(' '));
            return [copy.textContent, ...spoken].join(' ');
        }"""
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_arabic_from_right_to_left(visit: Any, photo: Path, width: int, height: int) -> None:
    guest = visit(width=width, height=height, locale="ar")
    page = guest.page
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    assert overflow(page) == 0
    assert findings(page) == []

    # A picture, a question, an answer, a word of it: by keyboard alone.
    with page.expect_file_chooser() as chooser:
        tab_to(page, "إضافة صور")
        page.keyboard.press("Enter")
    chooser.value.set_files([str(photo), str(photo)])
    page.locator("#tray li").nth(1).wait_for()
    assert overflow(page) == 0
    assert findings(page) == []
    tab_to(page, "سؤالك")
    page.keyboard.type("what is this?")
    page.keyboard.press("Enter")
    page.locator("#transcript .turn").wait_for()
    tab_to(page, "انظر في داخلها", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#inspector .words button").first.wait_for()
    tab_to(page, "square")
    page.keyboard.press("Space")
    grid = page.locator("#inspector .overlay svg")
    grid.wait_for()
    assert grid.evaluate("each => getComputedStyle(each).direction") == "ltr"  # a picture is not mirrored
    answer = page.locator("#transcript .answer .text").first
    assert answer.evaluate("each => getComputedStyle(each).direction") == "ltr"  # English in an Arabic page
    assert overflow(page) == 0
    assert findings(page) == []
    assert not re.search(ENGLISH_AT_WORK, said(page))

    box = page.locator("#question textarea")
    box.fill("something forbidden")
    box.press("Enter")
    card = page.locator("#transcript .refusal")
    card.wait_for()
    card.get_by_role("button", name="هذا الرفض خاطئ").click()
    card.locator(".receipt", has_text="حُفظ اعتراضك").wait_for()
    assert overflow(page) == 0
    assert findings(page) == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_panel_in_arabic(visit: Any, house_with_packs: Any, width: int, height: int) -> None:
    guest = visit(width=width, height=height, locale="ar", at=house_with_packs)
    page = guest.page
    names = page.locator("#rooms [data-panel]").evaluate_all("all => all.map(each => each.dataset.panel)")
    assert {"packs", "appeals", "refusals", "plugins", "people", "settings"} <= set(names)
    for name in names:
        if width < 1000:
            page.locator("#rooms-menu").click()
        page.locator(f'#rooms [data-panel="{name}"]').click()
        page.locator(f'.panel[data-panel="{name}"]').wait_for()
        assert (name, overflow(page), findings(page)) == (name, 0, [])
        assert not re.search(ENGLISH_AT_WORK, said(page))


def test_the_language_is_chosen_and_kept(visit: Any) -> None:
    guest = visit(locale="de-AT")
    page = guest.page
    assert guest.page.locator("#new-chat").inner_text() == "Neuer Chat"
    page.get_by_role("button", name="Einstellungen").click()
    page.get_by_role("button", name="العربية").click()
    page.locator("html[lang=ar][dir=rtl]").wait_for()
    guest.ready()
    page.locator("#new-chat", has_text="محادثة جديدة").wait_for()
    guest.reload()
    page.locator("html[lang=ar][dir=rtl]").wait_for()
    page.get_by_role("button", name="الإعدادات").click()
    page.get_by_role("button", name="English").click()
    page.locator("html[lang=en][dir=ltr]").wait_for()
    page.locator("#new-chat", has_text="New chat").wait_for()


def test_hebrew_in_an_english_page_runs_from_right_to_left(visit: Any) -> None:
    guest = visit()
    page = guest.page
    guest.box.fill("מה יש בתמונה?")
    assert guest.box.evaluate("each => getComputedStyle(each).direction") == "rtl"
    guest.ask("מה יש בתמונה?")
    question = page.locator("#transcript .question .text").last
    assert question.evaluate("each => getComputedStyle(each).direction") == "rtl"
    answer = page.locator("#transcript .answer .text").last
    assert answer.evaluate("each => getComputedStyle(each).direction") == "ltr"


def test_the_head_of_the_page_is_one_line_on_a_phone(visit: Any) -> None:
    page = visit(width=360, height=740).page
    assert page.locator("#header").bounding_box()["height"] <= 60
    page.locator("#rooms-menu").click()
    page.locator("#rooms").wait_for()
    assert overflow(page) == 0
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.locator("#rooms").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "rooms-menu"
