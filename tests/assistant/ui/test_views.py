"""What people, models, packs and plugins write is text on the page, never markup."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import HeatMap, Rule, Span, Turn, Verdict, hookimpl
from assistant.extensions import PluginStatus
from assistant.testing import FakeModel, picture
from assistant.ui.languages import percent
from assistant.ui.views.markup import Html, join, tag, text
from assistant.ui.views.origin import overlay
from assistant.ui.views.plugins import plugin_list, warnings
from assistant.ui.views.refusal import marked
from assistant.ui.views.transcript import Picture

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{evil}}${evil}`"
EVIL_NAME = "<img src=x onerror=alert(3)>.png"
ALLOWED = {
    *(
        "a",
        "article",
        "bdi",
        "blockquote",
        "button",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "form",
    ),
    *("h2", "h3", "h4", "img", "input", "label", "legend", "li", "mark", "nav", "ol", "p", "path", "q", "rect"),
    *("section", "span", "strong", "summary", "svg", "textarea", "ul"),
}


class Reader(HTMLParser):
    """Collects elements; raises at one that this program does not write itself."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if tag == "a" and name == "href":
                assert re.fullmatch(r"chats/[0-9a-z]+/file\?format=[a-z]+", value or ""), value
            elif name in ("src", "href"):
                assert re.match(r"(pictures|examples)/|data:image/jpeg;base64,[A-Za-z0-9+/=]+$", value or ""), value
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []


def test_nothing_that_comes_from_outside_becomes_markup(make_page: Any, tmp_path: Path) -> None:
    rule = Rule(
        id=EVIL, title=EVIL, text=EVIL, pack=EVIL, pack_version=EVIL, kind=EVIL, instead=EVIL, references=(EVIL,)
    )

    class Evil:
        @hookimpl
        def before_turn(self, turn: Turn) -> Verdict | None:
            if "refuse" in turn.question.text:
                spans = (Span(start=0, end=9),)
                return Verdict(action="refuse", rule=rule, evaluator=EVIL, spans=spans, message=EVIL)
            return Verdict(action="warn", message=EVIL)

        @hookimpl
        def feedback_reasons(self) -> list[str]:
            return [EVIL]

        @hookimpl(phase="observe")
        def turn_finished(self, record: Any) -> None:
            raise ValueError(EVIL)

    file = tmp_path / EVIL_NAME
    file.write_bytes(picture())
    page = make_page(FakeModel(EVIL), (EVIL, Evil()))
    seen: list[str] = []

    def collect(updates: Any) -> None:
        for update in updates:
            for name in (
                "warnings",
                "transcript",
                "running",
                "phase",
                "chats",
                "inspector",
                "plugins",
                "tray",
                "found",
            ):
                if (html := getattr(update, name)) is not None:
                    seen.append(html)

    collect(page.ask(EVIL, file))
    answered = page.turn
    collect([page.press("rate", turn=answered, rating="up", reasons=[EVIL], text=EVIL, correction=EVIL)])
    collect([page.press("word", turn=answered, word="0")])
    collect([page.press("rename", chat=page.place.conversation_id, title=EVIL)])
    collect(page.ask(f"{EVIL} refuse"))
    collect([page.press("appeal", turn=page.turn, text=EVIL)])
    collect([page.press("look", turn=page.turn)])
    collect([page.press(EVIL, turn=EVIL)])
    collect(page.ask("x", tmp_path / EVIL_NAME / "nowhere"))
    assert len(seen) > 20
    assert any("alert(1)" in html for html in seen)
    assert any("alert(3)" in html for html in seen)
    for html in seen:
        check(html)


def test_plugin_names_and_states_are_text() -> None:
    status = PluginStatus(EVIL, EVIL, EVIL, "broken", (EVIL,), EVIL, 3)
    check(warnings([status], [EVIL]))
    check(plugin_list([status], [FakeModel(name=EVIL)], EVIL))
    check(plugin_list([], [], EVIL))


def test_a_tag_escapes_text_and_attributes_and_keeps_markup() -> None:
    inner = tag("b", "<i>")
    assert tag("p", inner, " & ", None, class_='a"b', data_x="<>", hidden=True, lang=None, draggable=False) == (
        '<p class="a&quot;b" data-x="&lt;&gt;" hidden><b>&lt;i&gt;</b> &amp; </p>'
    )
    assert join(["<", Html("<br>")]) == "&lt;<br>"
    assert text(Html("<br>")) == "<br>"
    assert tag("img", alt="") == '<img alt="">'
    assert percent(0.904) == "90 %"


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 1)], "<mark>a</mark>bcd"),
        ([(2, 4), (0, 1)], "<mark>a</mark>b<mark>cd</mark>"),
        ([(0, 3), (1, 2)], "<mark>abc</mark>d"),
        ([(0, 2), (1, 3)], "<mark>ab</mark><mark>c</mark>d"),
        ([(3, 99)], "abc<mark>d</mark>"),
        ([(50, 99)], "abcd"),
        ([], "abcd"),
    ],
)
def test_marked_words_never_lose_or_repeat_a_character(spans: list[tuple[int, int]], expected: str) -> None:
    assert marked("abcd", [Span(start=start, end=end) for start, end in spans]) == expected


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40))))
def test_marking_changes_no_character_of_any_question(question: str, places: list[tuple[int, int]]) -> None:
    html = marked(question, [Span(start=start, end=start + length) for start, length in places])
    assert unescape(html.replace("<mark>", "").replace("</mark>", "")) == unescape(text(question))


def test_the_cells_of_a_map_tile_the_picture_exactly() -> None:
    weights = tuple(tuple((row * 5 + col) / 105 for col in range(5)) for row in range(3))
    html = overlay(Picture("pictures/x", "A picture"), HeatMap(image=0, weights=weights), "In words.")
    assert 'viewbox="0 0 5 3"' in html.lower()
    assert 'preserveAspectRatio="none"' in html
    cells = [tuple(map(int, pair)) for pair in re.findall(r'<rect x="(\d+)" y="(\d+)" width="1" height="1"', html)]
    assert cells == [(col, row) for row in range(3) for col in range(5)]
    assert "Heat map. In words." in html
    check(html)


def test_a_map_without_any_weight_is_drawn_all_the_same() -> None:
    check(overlay(Picture("pictures/x", ""), HeatMap(image=0, weights=((0.0, 0.0),)), ""))
    check(overlay(Picture("pictures/x", ""), HeatMap(image=0, weights=()), ""))
