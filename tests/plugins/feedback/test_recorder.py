"""A receipt says what happened, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant import Feedback, Message, Turn, TurnRecord
from assistant.errors import StoreUnavailable
from assistant_feedback import Recorder


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
def kept() -> Kept:
    return Kept()


@pytest.fixture
def recorder(kept: Kept) -> Recorder:
    made = Recorder()
    made.startup(SimpleNamespace(store=kept))  # type: ignore[arg-type]
    return made


RECORD = TurnRecord(turn=Turn(question=Message(text="What is this?")), status="answered", answer="a circle")


def rate(rating: Any, **rest: Any) -> Feedback:
    return Feedback(turn_id=RECORD.id, rating=rating, **rest)


def test_a_rating_is_stored_and_can_be_taken_back(recorder: Recorder, kept: Kept) -> None:
    receipt = recorder.record_feedback(rate("up"), RECORD)
    assert (receipt.stored, receipt.message) == (True, "Stored. It can be taken back at any time.")
    receipt = recorder.record_feedback(rate("none"), RECORD)
    assert (receipt.stored, receipt.message) == (True, "Taken back.")
    assert [event.rating for event in kept.events] == ["up", "none"]


def test_a_second_rating_says_that_it_replaces_the_first(recorder: Recorder, kept: Kept) -> None:
    recorder.record_feedback(rate("up"), RECORD)
    receipt = recorder.record_feedback(rate("down"), RECORD)
    assert receipt.message == "Stored in place of the earlier rating. It can be taken back at any time."


def test_taking_back_what_was_never_given_stores_nothing(recorder: Recorder, kept: Kept) -> None:
    receipt = recorder.record_feedback(rate("none"), RECORD)
    assert not receipt.stored
    assert "no rating" in receipt.message
    assert kept.events == []


def test_nothing_is_promised_when_the_store_fails(
    recorder: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(event: Feedback) -> None:
        raise StoreUnavailable("The disk is gone.")

    monkeypatch.setattr(kept, "add_feedback", full)
    with pytest.raises(StoreUnavailable):
        recorder.record_feedback(rate("up"), RECORD)


def test_before_startup_it_says_that_nothing_was_stored() -> None:
    with pytest.raises(StoreUnavailable, match="not stored"):
        Recorder().record_feedback(rate("up"), RECORD)


def test_a_rating_of_another_turn_is_refused(recorder: Recorder, kept: Kept) -> None:
    with pytest.raises(ValueError, match="expected a rating of turn"):
        recorder.record_feedback(Feedback(turn_id="f" * 32, rating="up"), RECORD)


def test_the_rating_reaches_a_real_database(tmp_path: Path) -> None:
    from assistant.testing import ask, make_runtime

    runtime = make_runtime(tmp_path, plugins=[("feedback", Recorder)])
    record = ask(runtime, "What is this?")
    receipt = runtime.give_feedback(Feedback(turn_id=record.id, rating="up"))
    assert receipt.stored
    stored = runtime.store.feedback(record.id)
    assert stored is not None
    assert stored.rating == "up"
    runtime.close()
