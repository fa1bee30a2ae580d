"""A turn on the page: streamed, stopped, tried again, refused, failed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from assistant import hookimpl
from assistant.errors import ModelLoadError, StoreFull
from assistant.testing import FakeModel

LONG = " ".join(f"word{number}" for number in range(80))


def test_an_answer_is_streamed_and_then_stands_in_the_conversation(make_page: Any, photo: Path) -> None:
    page = make_page(FakeModel(LONG, seconds_per_word=0.003))
    updates = page.ask("what is this?", photo)
    pieces = [update.running for update in updates if update.running and "word0" in update.running]
    assert len(pieces) > 1
    assert "word79" not in pieces[0]
    assert "what is this?" in updates[0].running
    assert updates[0].box == ""
    assert page.waiting == []
    assert updates[0].busy is True
    assert page.shown["running"] == ""
    assert page.shown["busy"] is False
    assert "word79" in page.shown["transcript"]
    assert "90 % sure" in page.shown["transcript"]
    assert "what is this?" in page.shown["chats"]


def test_the_phases_are_named_while_the_turn_runs(make_page: Any, photo: Path) -> None:
    page = make_page()
    phases = [update.phase for update in page.ask("what is this?", photo) if update.phase]
    words = " ".join(phases)
    order = [words.index(each) for each in ("Taking in", "Checking the rules", "Reading the picture", "Writing")]
    assert order == sorted(order)
    assert 'role="status"' in phases[0]
    assert "Answer: a red circle" in phases[-1]


def test_a_second_question_goes_on_with_the_same_conversation_and_picture(make_page: Any, photo: Path) -> None:
    model = FakeModel()
    page = make_page(model)
    page.ask("what is this?", photo)
    page.ask("and its colour?")
    assert len(model.turns[1].history) == 1
    assert model.turns[1].images == model.turns[0].images
    assert len(page.runtime.store.conversations()) == 1
    assert page.shown["transcript"].count("<article") == 2


def test_stop_keeps_what_was_written_and_says_so(make_page: Any, photo: Path) -> None:
    page = make_page(FakeModel(LONG, seconds_per_word=0.01))
    page.add(photo)
    for update in page.asking.ask(page.place, page.session, "what is this?"):
        page.take(update)
        if update.running and "word0" in update.running:
            page.take(page.asking.stop(page.session))
    record = page.runtime.store.turn(page.turn)
    assert record.status == "stopped"
    assert record.answer
    assert "word79" not in record.answer
    assert "word0" in page.shown["transcript"]
    assert ">stopped by you<" in page.shown["transcript"]
    assert page.shown["busy"] is False


def test_closing_the_page_ends_the_turn(make_page: Any, photo: Path) -> None:
    model = FakeModel(LONG, seconds_per_word=0.01)
    page = make_page(model)
    page.add(photo)
    updates = page.asking.ask(page.place, page.session, "what is this?")
    for update in updates:
        if update.running and "word0" in update.running:
            break
    updates.close()
    assert [each.status for each in page.runtime.store.branch(page.runtime.store.conversations()[0].id)] == ["stopped"]
    assert page.running.start(page.session) is not None


def test_one_turn_at_a_time_on_a_page_and_the_second_question_is_kept(make_page: Any, photo: Path) -> None:
    page = make_page()
    page.add(photo)
    first = page.asking.ask(page.place, page.session, "first")
    next(first)
    updates = page.ask("second", photo)
    assert "One answer at a time" in page.shown["phase"]
    assert updates[-1].box == "second"
    assert page.waiting == ["photo.png"]
    other = page.run(page.asking.ask(page.place, "another page", "third"))
    assert other[-1].busy is False
    first.close()


def test_new_chat_while_an_answer_is_written_stops_it_and_leaves_the_new_page_alone(make_page: Any) -> None:
    page = make_page(FakeModel(LONG, seconds_per_word=0.01))
    after: list[Any] = []
    left = False
    for update in page.asking.ask(page.place, page.session, "what is this?"):
        if left:
            after.append(update)
        elif update.running and "word0" in update.running:
            page.take(page.handlers.new_chat(page.session))
            left = True
    assert page.place.conversation_id is None
    assert all(update.transcript is None and update.place is None and update.running is None for update in after)
    assert page.runtime.store.conversations()[0].turns == 1


def test_trying_again_makes_another_version_with_the_same_picture(make_page: Any, photo: Path) -> None:
    model = FakeModel(lambda turn: f"seed{turn.settings.seed}")
    page = make_page(model)
    page.ask("what is this?", photo)
    first = page.turn
    page.run(page.asking.act(page.place, page.session, {"act": "retry", "turn": first}))
    second = page.turn
    assert page.runtime.store.siblings(first) == [first, second]
    assert model.turns[1].question == model.turns[0].question
    assert model.turns[1].settings.temperature > 0
    assert page.shown["transcript"].count("<article") == 1
    assert "2 of 2" in page.shown["transcript"]
    assert "seed1" in page.shown["transcript"]


def test_trying_an_earlier_turn_again_keeps_what_followed_it_within_reach(make_page: Any, photo: Path) -> None:
    page = make_page()
    page.ask("first", photo)
    first = page.turn
    page.ask("second")
    followed = page.turn
    page.run(page.asking.retry(page.place, page.session, first))
    assert "second" not in page.shown["transcript"]
    page.press("version", turn=first)
    assert page.place.leaf == followed
    assert "second" in page.shown["transcript"]


def test_trying_a_turn_again_that_is_gone_is_a_sentence(make_page: Any) -> None:
    page = make_page()
    page.run(page.asking.act(page.place, page.session, {"act": "retry", "turn": "0" * 32}))
    assert "No turn has the id" in page.shown["phase"]


def test_an_example_is_asked_with_its_picture(make_page: Any) -> None:
    model = FakeModel()
    page = make_page(model)
    page.run(page.asking.act(page.place, page.session, {"act": "example", "example": "0", "question": "1"}))
    assert len(model.turns[0].question.images) == 1
    assert model.turns[0].question.text in page.shown["transcript"]


@pytest.mark.parametrize("data", [{}, {"example": "99"}, {"example": "0", "question": "99"}, {"example": "-1"}])
def test_an_example_that_does_not_exist_is_a_sentence(make_page: Any, data: dict[str, str]) -> None:
    page = make_page()
    page.run(page.asking.act(page.place, page.session, {"act": "example", **data}))
    assert "no such example" in page.shown["phase"]


def test_the_harmless_part_of_a_refused_question_is_asked_by_a_button(make_page: Any, photo: Path) -> None:
    model = FakeModel("a red circle")
    page = make_page(model)
    page.ask("How do I get forbidden things? What is in this picture?", photo)
    refused = page.turn
    assert 'data-act="part"' in page.shown["transcript"]
    page.run(page.asking.act(page.place, page.session, {"act": "part", "turn": refused}))
    assert page.runtime.store.siblings(refused) == [refused, page.turn]
    assert [turn.question.text for turn in model.turns] == ["What is in this picture?"]
    assert len(model.turns[0].images) == 1
    assert "circle" in page.shown["transcript"]
    page.run(page.asking.act(page.place, page.session, {"act": "part", "turn": page.turn}))
    assert "No part of the question" in page.shown["phase"]


def test_a_refused_question_shows_the_card_and_no_answer(make_page: Any) -> None:
    page = make_page(FakeModel("the secret answer"))
    page.ask("tell me something forbidden now")
    card = page.shown["transcript"]
    for part in ("test.forbidden", "No forbidden things", "test-pack 1.2", "97 %", "50 %", "GDPR Art. 17"):
        assert part in card
    assert "<mark>forbidden</mark>" in card
    assert "Ask about something allowed." in card
    assert "secret" not in str(page.shown)


@pytest.mark.parametrize("fault", ["raise", "wrong_type", "exit"])
def test_a_failed_turn_puts_text_and_pictures_back_into_the_box(make_page: Any, photo: Path, fault: Any) -> None:
    page = make_page(FakeModel(fault=fault))
    page.ask("what is this?", photo)
    assert page.shown["box"] == "what is this?"
    assert page.waiting == ["photo.png"]
    assert "photo.png" in page.shown["tray"]
    assert "did not work" in page.shown["transcript"]
    assert page.shown["busy"] is False


def test_a_file_that_is_no_picture_is_named_at_once_and_the_others_stay(
    make_page: Any, photo: Path, tmp_path: Path
) -> None:
    file = tmp_path / "notes.png"
    file.write_text("not a picture")
    page = make_page()
    page.add(photo, file, photo)
    assert "notes.png" in page.shown["tray"]
    assert "is not a picture" in page.shown["tray"]
    assert page.waiting == ["photo.png", "photo.png"]


def test_a_long_text_is_kept_whole_in_the_box(make_page: Any) -> None:
    page = make_page()
    page.ask("x" * 100_000)
    assert len(page.shown["box"]) == 100_000
    assert "at most 20,000" in page.shown["transcript"]


def test_an_empty_question_is_a_sentence(make_page: Any) -> None:
    page = make_page()
    page.ask("  ")
    assert "Type a question" in page.shown["transcript"]


def test_a_full_disk_loses_no_answer(make_page: Any, monkeypatch: pytest.MonkeyPatch, photo: Path) -> None:
    page = make_page()
    page.ask("first", photo)

    def full(record: Any) -> None:
        raise StoreFull("The disk has no room.", hint="Make room.")

    monkeypatch.setattr(page.runtime.store, "save_turn", full)
    page.ask("second")
    assert "could not be stored" in page.shown["transcript"]
    monkeypatch.undo()
    page.ask("third")
    order = [page.shown["transcript"].index(each) for each in (">first<", ">second<", ">third<")]
    assert order == sorted(order)


def test_a_plugin_that_is_switched_off_is_named_at_the_top(make_page: Any) -> None:
    class Failing:
        @hookimpl(phase="observe")
        def turn_finished(self, record: Any) -> None:
            raise ValueError("planted")

    page = make_page(None, ("failing", Failing()))
    assert page.shown["warnings"] == ""
    for _ in range(3):
        page.ask("what is this?")
    assert "“failing” is switched off" in page.shown["warnings"]
    assert "3 failures in a row" in page.shown["plugins"]


def test_a_model_that_cannot_be_loaded_is_named_at_the_top(make_page: Any) -> None:
    class Missing(FakeModel):
        def load(self) -> None:
            raise ModelLoadError("The weights are missing.", hint="Type: assistant doctor")

    page = make_page(Missing())
    page.ask("hello")
    assert "The weights are missing." in page.shown["transcript"]
    assert "cannot be loaded" in page.shown["warnings"]


def test_the_model_may_be_slow_and_two_pages_ask_at_once(make_page: Any) -> None:
    page = make_page(FakeModel("one two three", seconds_per_word=0.02))
    ends: list[Any] = []

    def ask(session: str) -> None:
        ends.append(list(page.asking.ask(page.place, session, session))[-1])

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({end.place.conversation_id for end in ends}) == 2
