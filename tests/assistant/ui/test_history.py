"""Past chats: searched, tagged, opened where somebody was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.testing import FakeModel


def test_a_search_finds_words_of_questions_answers_and_pictures_and_opens_there(make_page: Any, photo: Path) -> None:
    page = make_page(FakeModel(lambda turn: f"answer to {turn.question.text}"))
    page.ask("where is the lighthouse?", photo)
    wanted = page.turn
    page.ask("second question")
    page.press("version", turn=wanted)
    page.take(page.handlers.new_chat(page.session))
    page.ask("something else")
    page.press("search", words="lighth")
    found = page.shown["found"]
    assert "1 chat found for “lighth”" in found
    assert "<mark>lighth</mark>ouse" in found
    page.press("open", chat="", turn=wanted)
    assert f'data-goto="{wanted}"' in page.shown["transcript"]
    assert "second question" in page.shown["transcript"]
    page.press("search", words="photo.png")
    assert "1 chat found" in page.shown["found"]
    page.press("search", words="nowhere")
    assert "Nothing found for “nowhere”" in page.shown["found"]
    page.press("search", words="")
    assert page.shown["found"] == ""


def test_tags_are_set_shown_and_searched(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")
    chat = page.place.conversation_id
    page.press("tag", chat=chat, tags="Holiday, italy")
    assert 'data-words="#holiday"' in page.shown["chats"]
    assert "#holiday #italy" in page.shown["chats"]
    page.press("search", words="#italy hel")
    assert "1 chat found" in page.shown["found"]
    page.press("search", words="#bills")
    assert "Nothing found" in page.shown["found"]
    page.press("tag", chat=chat, tags="x" * 100)
    assert "40 characters" in page.shown["phase"]
    page.press("tag", chat="0" * 32, tags="a")
    assert "No conversation has the id" in page.shown["phase"]


def test_markup_in_titles_tags_and_excerpts_is_text(make_page: Any) -> None:
    page = make_page(FakeModel("<b>bold</b>"))
    page.ask("<script>alert(1)</script>")
    page.press("tag", chat=page.place.conversation_id, tags="<i>tag</i>")
    page.press("search", words="bold")
    for shown in (page.shown["found"], page.shown["chats"]):
        assert "<script" not in shown
        assert "<i>" not in shown
    assert "&lt;<mark>b</mark>" in page.shown["found"] or "<mark>bold</mark>" in page.shown["found"]


def test_a_chat_opens_at_the_branch_that_was_open(make_page: Any) -> None:
    page = make_page()
    page.ask("first")
    first = page.turn
    page.run(page.asking.retry(page.place, page.session, first))
    page.press("version", turn=first)
    chat = page.place.conversation_id
    page.take(page.handlers.new_chat(page.session))
    page.press("open", chat=chat)
    assert page.place.leaf == first
    assert "1 of 2" in page.shown["transcript"]


def test_many_chats_come_page_by_page(make_page: Any, make_many: Any) -> None:
    page = make_page()
    make_many(page.runtime, 103)
    page.reload()
    assert page.shown["chats"].count('class="open"') == 50
    page.press("older", offset="50")
    assert page.shown["found"].count('class="open"') == 50
    page.press("older", offset="100")
    assert page.shown["found"].count('class="open"') == 3
    assert 'data-act="older"' not in page.shown["found"]
