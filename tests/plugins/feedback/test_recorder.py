"""A receipt says what happened, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import assistant_feedback
from assistant import Feedback, Message, Turn, TurnRecord
from assistant.errors import StoreUnavailable
from assistant_feedback import recorder


class Kept:
    """A store of ratings in memory."""

    def __init__(self) -> None:
        self.events: list[Feedback] = []

    def add_feedback(self, event: Feedback) -> None:
        self.events.append(event)

    def feedback(self, turn_id: str) -> Feedback | None:
        last = self.events[-1] if self.events else None
        return None if last is None or last.rating == "none" else last


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    store = Kept()
    monkeypatch.setattr(recorder, "_store", None)
    assistant_feedback.startup(SimpleNamespace(store=store))  # type: ignore[arg-type]
    return store


RECORD = TurnRecord(turn=Turn(question=Message(text="What is this?")), status="answered", answer="a circle")


def rate(rating: Any, **rest: Any) -> Feedback:
    return Feedback(turn_id=RECORD.id, rating=rating, **rest)


def test_a_rating_is_stored_and_can_be_taken_back(kept: Kept) -> None:
    receipt = assistant_feedback.record_feedback(rate("up"), RECORD)
    assert (receipt.stored, receipt.message) == (True, "Stored. It can be taken back at any time.")
    receipt = assistant_feedback.record_feedback(rate("none"), RECORD)
    assert (receipt.stored, receipt.message) == (True, "Taken back.")
    assert [event.rating for event in kept.events] == ["up", "none"]


def test_a_second_rating_says_that_it_replaces_the_first(kept: Kept) -> None:
    assistant_feedback.record_feedback(rate("up"), RECORD)
    receipt = assistant_feedback.record_feedback(rate("down"), RECORD)
    assert receipt.message == "Stored in place of the earlier rating. It can be taken back at any time."


def test_taking_back_what_was_never_given_stores_nothing(kept: Kept) -> None:
    receipt = assistant_feedback.record_feedback(rate("none"), RECORD)
    assert not receipt.stored
    assert "no rating" in receipt.message
    assert kept.events == []


def test_an_unknown_reason_is_kept_and_named(kept: Kept) -> None:
    known = recorder.known_reasons()[0]
    receipt = assistant_feedback.record_feedback(rate("down", reasons=(known, "wrong colour")), RECORD)
    assert kept.events[0].reasons == (known, "wrong colour")
    assert "“wrong colour”" in receipt.message
    assert known not in receipt.message


def test_nothing_is_promised_when_the_store_fails(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(event: Feedback) -> None:
        raise StoreUnavailable("The disk is gone.")

    monkeypatch.setattr(kept, "add_feedback", full)
    with pytest.raises(StoreUnavailable):
        assistant_feedback.record_feedback(rate("up"), RECORD)


def test_before_startup_it_says_that_nothing_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_store", None)
    with pytest.raises(StoreUnavailable, match="not stored"):
        assistant_feedback.record_feedback(rate("up"), RECORD)


def test_a_rating_of_another_turn_is_refused(kept: Kept) -> None:
    with pytest.raises(ValueError, match="expected a rating of turn"):
        assistant_feedback.record_feedback(Feedback(turn_id="f" * 32, rating="up"), RECORD)


def test_the_rating_reaches_a_real_database(tmp_path: Path) -> None:
    from assistant.testing import ask, make_runtime

    runtime = make_runtime(tmp_path, plugins=[("feedback", assistant_feedback)])
    record = ask(runtime, "What is this?")
    receipt = runtime.give_feedback(Feedback(turn_id=record.id, rating="up"))
    assert receipt.stored
    stored = runtime.store.feedback(record.id)
    assert stored is not None
    assert stored.rating == "up"
    runtime.close()
