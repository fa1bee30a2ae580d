"""The panels: past chats, the inside of an answer, ratings, appeals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant import hookimpl
from assistant.appeals import overturn as decide_appeal
from assistant.errors import GenerationError
from assistant.messages import TurnRecord
from assistant.testing import FakeModel, picture
from assistant.ui.session import View


def test_the_empty_page_says_what_to_do_and_offers_examples(make_page: Any) -> None:
    page = make_page()
    assert "Drop, paste or choose a picture" in page.shown["transcript"]
    assert 'data-act="example"' in page.shown["transcript"]
    assert "Nothing yet" in page.shown["chats"]
    assert "Click a word" in page.shown["inspector"]


def test_reloading_shows_the_same_conversation(make_page: Any, photo: Path) -> None:
    page = make_page()
    page.ask("what is this?", photo)
    page.ask("something forbidden")
    page.press("thumb", turn=page.runtime.store.branch(page.place.conversation_id)[0].id, rating="up")
    before = page.shown["transcript"].replace("Stored. It can be taken back at any time.", "")
    page.reload()
    after = page.shown["transcript"]
    assert after.count("<article") == 2
    assert 'aria-pressed="true"' in after
    assert before.replace('<span class="receipt" role="status"></span>', "") == after


def test_a_program_started_again_still_has_chats_and_ratings(make_page: Any, photo: Path) -> None:
    first = make_page()
    first.ask("what is this?", photo)
    first.press("rate", turn=first.turn, rating="down", reasons=["Hard to understand"], text="No.", correction="Yes.")
    chat = first.place.conversation_id
    first.runtime.close()
    second = make_page()
    assert "what is this?" in second.shown["chats"]
    second.press("open", chat=chat)
    assert "a red circle" in second.shown["phase"] or "circle" in second.shown["transcript"]
    second.press("look", turn=second.turn)
    assert ">No.</textarea>" in second.shown["inspector"]
    assert ">Yes.</textarea>" in second.shown["inspector"]
    assert "Rated as a bad answer" in second.shown["inspector"]


def test_a_chat_that_was_deleted_opens_as_an_empty_page(make_page: Any) -> None:
    page = make_page()
    page.press("open", chat="0" * 32)
    assert "it was deleted" in page.shown["phase"]
    assert page.place.conversation_id is None


def test_renaming_and_deleting_a_chat(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")
    chat = page.place.conversation_id
    page.press("rename", chat=chat, title="My own name")
    assert "My own name" in page.shown["chats"]
    page.press("rename", chat=chat, title="   ")
    assert "needs a title" in page.shown["phase"]
    page.press("delete", chat=chat)
    assert page.place.conversation_id is None
    assert "My own name" not in page.shown["chats"]
    assert page.runtime.store.conversations() == []


def test_deleting_asks_twice(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")
    chats = page.shown["chats"]
    assert chats.index("Delete this chat</summary>") < chats.index("gone for good") < chats.index('data-act="delete"')


# The inside of an answer


def test_a_word_is_chosen_by_its_index_and_shows_its_own_cell(make_page: Any, photo: Path) -> None:
    page = make_page(FakeModel("a red red circle"))
    page.ask("what is this?", photo)
    maps: list[str] = []
    for index in (1, 2):  # the same spelling, another word
        page.press("word", turn=page.turn, word=str(index))
        inspector = page.shown["inspector"]
        assert inspector.count('aria-pressed="true"') == 1
        maps.append(inspector[inspector.index("<svg") : inspector.index("</svg>")])
    assert maps[0] != maps[1]
    strongest = [[line for line in each.split("<rect") if 'data-weight="1.0000"' in line] for each in maps]
    assert 'x="1"' in strongest[0][0]
    assert 'x="2"' in strongest[1][0]


def test_a_click_into_the_answer_finds_the_word_at_that_character(make_page: Any, photo: Path) -> None:
    page = make_page(FakeModel("a red circle"))
    page.ask("what is this?", photo)
    at = page.shown["transcript"].count('data-act="word"')
    assert at == 3
    page.press("word", turn=page.turn, at="2")
    assert page.view == View(page.turn, 1)
    assert "Where the model looked: <bdi>“red”</bdi>" in page.shown["inspector"]


def test_the_map_comes_with_a_text_a_caveat_and_the_confidence(make_page: Any, photo: Path) -> None:
    page = make_page()
    page.ask("what is this?", photo)
    page.press("word", turn=page.turn, word="0")
    inspector = page.shown["inspector"]
    assert "the model looked most at" in inspector
    assert "does not show why" in inspector
    assert "90 % sure" in inspector
    assert f"pictures/{page.runtime.store.turn(page.turn).turn.images[0].sha256}" in inspector


def test_the_map_of_a_later_answer_lies_on_the_picture_of_the_earlier_question(make_page: Any, photo: Path) -> None:
    page = make_page()
    page.ask("what is this?", photo)
    sha256 = page.runtime.store.turn(page.turn).turn.question.images[0].sha256
    page.ask("and its colour?")
    page.press("word", turn=page.turn, word="1")
    assert f'src="pictures/{sha256}"' in page.shown["inspector"]


def test_several_pictures_have_maps_of_their_own(make_page: Any, tmp_path: Path) -> None:
    class Second(FakeModel):
        def trace(self, record: TurnRecord) -> Any:
            trace = super().trace(record)
            return replace(trace, words=tuple(replace(word, image=1) for word in trace.words))

    files = [tmp_path / "first.png", tmp_path / "second.png"]
    for file, colour in zip(files, ("red", "blue"), strict=True):
        file.write_bytes(picture(colour))
    page = make_page(Second())
    page.ask("what are these?", *files)
    page.press("word", turn=page.turn, word="0")
    second = page.runtime.store.turn(page.turn).turn.question.images[1]
    assert f'src="pictures/{second.sha256}"' in page.shown["inspector"]
    assert 'alt="Picture 2, second.png"' in page.shown["inspector"]


def test_words_of_a_disclaimer_are_not_the_models(make_page: Any, photo: Path) -> None:
    class Disclaiming:
        @hookimpl(phase="observe")
        def after_turn(self, turn: Any, answer: str) -> Any:
            from assistant import Verdict

            return Verdict(action="disclaim", message="Not medical advice.")

    class Honest(FakeModel):
        def trace(self, record: TurnRecord) -> Any:
            return super().trace(record.model_copy(update={"answer": "a red circle"}))

    page = make_page(Honest(), ("disclaiming", Disclaiming()))
    page.ask("what is this?", photo)
    answer = page.runtime.store.turn(page.turn).answer
    page.press("word", turn=page.turn, at=str(answer.index("medical")))
    assert "did not write this word itself" in page.shown["phase"]
    assert page.view == View(page.turn)


def test_a_model_that_cannot_say_is_a_message_in_the_panel(make_page: Any, photo: Path) -> None:
    class Silent(FakeModel):
        def trace(self, record: TurnRecord) -> Any:
            raise GenerationError("This model cannot look at its answers again.")

    page = make_page(Silent())
    page.ask("what is this?", photo)
    page.press("look", turn=page.turn)
    assert "cannot look at its answers again" in page.shown["inspector"]
    page.press("word", turn=page.turn, word="0")
    assert "cannot look at its answers again" in page.shown["inspector"]


def test_a_refused_turn_has_no_words_and_says_why(make_page: Any) -> None:
    page = make_page()
    page.ask("something forbidden")
    page.press("look", turn=page.turn)
    assert "A rule ended this turn" in page.shown["inspector"]
    assert "Rate this answer" not in page.shown["inspector"]


@pytest.mark.parametrize(
    "data",
    [
        {"act": "word", "turn": "0" * 32, "word": "0"},
        {"act": "look", "turn": "no such turn"},
        {"act": "thumb", "turn": "0" * 32, "rating": "up"},
        {"act": "rate", "turn": "0" * 32, "rating": "sideways"},
        {"act": "appeal", "turn": "0" * 32},
        {"act": "open", "chat": ["a", "list"]},
        {"act": "rename", "chat": "x", "title": {"an": "object"}},
        {"act": "delete"},
        {"act": "version", "turn": 7},
        {"act": "word", "turn": "0" * 32, "word": "-1"},
        {"act": "word", "turn": "0" * 32, "at": "9" * 400},
        {"act": "format the disk"},
        {},
    ],
)
def test_whatever_a_browser_sends_ends_in_a_sentence(make_page: Any, data: dict[str, Any]) -> None:
    page = make_page()
    page.ask("hello")
    update = page.take(page.handlers.act(page.place, page.view, page.session, data))
    assert "problem" in (update.phase or "") + (update.inspector or "")


# Ratings


def test_a_thumb_is_stored_changed_and_taken_back(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")

    def rating() -> str | None:
        current = page.runtime.store.feedback(page.turn)
        return current.rating if current else None

    page.press("thumb", turn=page.turn, rating="up")
    assert rating() == "up"
    assert "Stored." in page.shown["transcript"]
    page.press("thumb", turn=page.turn, rating="down")
    assert rating() == "down"
    assert page.shown["transcript"].count('aria-pressed="true"') == 1
    page.press("thumb", turn=page.turn, rating="down")
    assert rating() is None
    assert "Taken back." in page.shown["transcript"]
    assert 'aria-pressed="true"' not in page.shown["transcript"]
    assert [each.rating for each in page.runtime.store.feedback_history(page.turn)] == ["up", "down", "none"]


def test_the_form_keeps_reasons_text_and_correction_and_shows_the_receipt(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")
    page.press("look", turn=page.turn)
    page.press(
        "rate",
        turn=page.turn,
        rating="down",
        reasons=["Made something up", "not offered"],
        text=" It is blue. ",
        correction="A blue circle.",
    )
    stored = page.runtime.store.feedback(page.turn)
    assert stored.reasons == ("Made something up",)
    assert (stored.text, stored.correction) == ("It is blue.", "A blue circle.")
    inspector = page.shown["inspector"]
    assert 'class="receipt"' in inspector
    assert 'value="Made something up" checked' in inspector
    assert 'value="down" checked' in inspector
    page.press("take-back", turn=page.turn)
    assert page.runtime.store.feedback(page.turn) is None
    assert "Not rated yet" in page.shown["inspector"]


def test_reasons_come_from_the_plugins_that_offer_some(make_page: Any) -> None:
    class Offering:
        @hookimpl
        def feedback_reasons(self) -> list[str]:
            return ["Too blue"]

    page = make_page(None, ("offering", Offering()))
    page.ask("hello")
    page.press("look", turn=page.turn)
    assert "Too blue" in page.shown["inspector"]
    assert "Made something up" not in page.shown["inspector"]


def test_a_rating_that_is_too_long_is_a_sentence(make_page: Any) -> None:
    page = make_page()
    page.ask("hello")
    page.press("rate", turn=page.turn, rating="up", text="x" * 10_001)
    assert "text is too long" in page.shown["phase"]
    assert page.runtime.store.feedback(page.turn) is None


def test_without_a_plugin_that_keeps_ratings_the_receipt_says_so(tmp_path: Path, make_page: Any) -> None:
    page = make_page(disabled_plugins=frozenset({"feedback"}))
    page.ask("hello")
    page.press("thumb", turn=page.turn, rating="up")
    assert "Not stored" in page.shown["transcript"]


# Appeals


def test_an_appeal_is_stored_and_shown_after_a_reload(make_page: Any) -> None:
    page = make_page()
    page.ask("something forbidden")
    assert "This refusal is wrong" in page.shown["transcript"]
    page.press("appeal", turn=page.turn, text="It was about <b>chess</b>.")
    assert "is stored for a reviewer" in page.shown["transcript"]
    assert [each.text for each in page.runtime.store.appeals_of(page.turn)] == ["It was about <b>chess</b>."]
    page.reload()
    card = page.shown["transcript"]
    assert "You said on" in card
    assert "It was about &lt;b&gt;chess&lt;/b&gt;." in card
    assert "This refusal is wrong</button>" not in card


def test_a_page_that_is_open_follows_a_decision_made_elsewhere(make_page: Any) -> None:
    page = make_page()
    page.ask("something forbidden")
    page.press("appeal", turn=page.turn, text="")
    assert page.press("again", open="1").transcript is None
    (appeal,) = page.runtime.store.appeals_of(page.turn)
    decide_appeal(page.runtime, appeal.id, reason="It was about chess.", who="a reviewer")
    page.press("again", open="1")
    assert "Overturned" in page.shown["transcript"]
    assert page.press("again", open="0").transcript is None


def test_a_check_that_could_not_run_names_its_plugin(make_page: Any) -> None:
    class Raising:
        @hookimpl(on_failure="closed")
        def before_turn(self, turn: Any) -> None:
            raise ValueError("planted")

    page = make_page(None, ("raising", Raising()))
    page.ask("hello")
    assert "The check of the plugin “raising” could not run" in page.shown["transcript"]
