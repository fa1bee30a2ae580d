"""A model that never comes back costs the person who asked it an answer, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import pytest

from assistant import AnswerEnd, Delta, Turn
from assistant.events import Finished
from assistant.one_at_a_time import Holder, OneAtATime
from assistant.runtime import Question, Runtime, finish
from assistant.testing import FakeModel, ask, make_runtime

SOON = 60
"""Seconds for what takes less than one: the machine may be busy."""


class HangsAtFirst(FakeModel):
    """Hangs for real in its first answers, whatever it is told, until ``go_on`` is set."""

    def __init__(self, times: int = 1, where: Literal["load", "before", "middle", "end"] = "before") -> None:
        super().__init__("a red circle")
        self.times, self.where = times, where
        self.go_on = threading.Event()
        self.hangs = threading.Event()

    def _hang(self, where: str) -> None:
        if where == self.where and self.times > 0:
            self.times -= 1
            self.hangs.set()
            self.go_on.wait()

    def load(self) -> None:
        self._hang("load")

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        self._hang("before")
        for piece in super().stream(turn, should_stop):
            yield piece
            self._hang("middle" if isinstance(piece, Delta) else "end")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Runtime] = []

    def runtime_of(model: HangsAtFirst, **settings: Any) -> Runtime:
        limits = {"first_token_seconds": 0.5, "next_token_seconds": 0.5} | settings
        made.append(make_runtime(tmp_path / "data", model=model, **limits))
        return made[-1]

    yield runtime_of
    for runtime in made:
        runtime.generator().backend.go_on.set()  # type: ignore[attr-defined]
        runtime.close()


def becomes(true: Callable[[], bool]) -> bool:
    end = monotonic() + SOON
    while not true() and monotonic() < end:
        sleep(0.01)
    return true()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("load", "did not begin to answer"),
        ("before", "did not begin to answer"),
        ("middle", "fell silent in the middle"),
    ],
)
def test_after_the_time_limit_the_next_question_is_answered(make: Any, where: Any, said: str) -> None:
    model = HangsAtFirst(where=where)
    runtime = make(model)
    first = ask(runtime, "first")
    assert first.status == "failed"
    assert said in first.error
    assert "Ask again" in first.error
    second = ask(runtime, "second")
    assert (second.status, second.answer) == ("answered", "a red circle")
    generator = runtime.generator()
    assert (generator.left_behind, generator.stuck) == (1, 1)
    model.go_on.set()
    assert becomes(lambda: generator.stuck == 0)
    assert ask(runtime, "third").answer == "a red circle"
    assert generator.left_behind == 1


def test_after_a_stop_the_next_question_is_answered(make: Any) -> None:
    model = HangsAtFirst()
    runtime = make(model, first_token_seconds=1000)
    stop = threading.Event()
    threading.Thread(target=lambda: (model.hangs.wait(), stop.set()), daemon=True).start()
    begin = monotonic()
    assert finish(runtime.run_turn(Question("first"), stop)).status == "stopped"
    second = ask(runtime, "second")
    assert (second.status, second.answer) == ("answered", "a red circle")
    assert 0.5 <= monotonic() - begin < SOON  # it had that long to stop by itself
    assert runtime.generator().left_behind == 1


def test_who_waits_while_it_hangs_is_answered(make: Any) -> None:
    model = HangsAtFirst()
    runtime = make(model)
    records: dict[str, Any] = {}
    first = threading.Thread(target=lambda: records.update(first=ask(runtime, "first")))
    first.start()
    assert model.hangs.wait(SOON)
    assert ask(runtime, "second").answer == "a red circle"
    first.join(SOON)
    assert records["first"].status == "failed"


def test_a_page_that_went_away_from_a_hanging_model(make: Any) -> None:
    model = HangsAtFirst()
    runtime = make(model, first_token_seconds=1000)
    events = runtime.run_turn(Question("first"))
    while not model.hangs.is_set():
        assert not isinstance(next(events), Finished)
    events.close()
    assert ask(runtime, "second").answer == "a red circle"


def test_one_that_hangs_after_its_answer_keeps_the_answer(make: Any) -> None:
    runtime = make(HangsAtFirst(where="end"))
    assert [ask(runtime, "what?").answer for _ in range(2)] == ["a red circle"] * 2
    assert runtime.generator().left_behind == 1


def test_a_warm_up_that_hangs_is_gone_past(make: Any) -> None:
    model = HangsAtFirst(where="load")
    runtime = make(model)
    threading.Thread(target=runtime.warm_up, daemon=True).start()
    assert model.hangs.wait(SOON)
    assert ask(runtime, "what?").answer == "a red circle"


def test_one_that_hangs_each_time_is_not_asked_without_end(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.generation.MOST_STUCK", 2)
    model = HangsAtFirst(times=100)
    runtime = make(model, first_token_seconds=0.2)
    # The last one to hang still has the place: nobody has come to take it.
    errors = [ask(runtime, "what?").error for _ in range(4)]
    assert all("did not begin to answer" in error for error in errors[:3])
    assert "hangs: 2 of its answers never came to an end. Choose another model" in errors[3]
    assert model.times == 97
    model.go_on.set()
    model.times = 0
    assert becomes(lambda: runtime.generator().stuck == 0)
    assert ask(runtime, "what?").answer == "a red circle"


def test_a_model_with_a_lock_of_its_own_can_let_go_of_it(make: Any) -> None:
    class Locked(HangsAtFirst):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

        def start_anew(self) -> None:
            self.lock = threading.Lock()

        def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
            with self.lock:
                yield from super().stream(turn, should_stop)

    runtime = make(Locked())
    assert ask(runtime, "first").status == "failed"
    assert ask(runtime, "second").answer == "a red circle"


def test_the_metrics_count_it(make: Any) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    runtime = make(HangsAtFirst())
    client = TestClient(create_app(runtime))
    for _ in range(2):
        ask(runtime, "what?")
    lines = client.get("/metrics").text.splitlines()
    assert 'glassbox_model_answers_left_behind_total{model="fake"} 1.0' in lines
    assert 'glassbox_model_stuck_threads{model="fake"} 1.0' in lines


# The place by itself


def test_who_leaves_in_time_is_not_left_behind() -> None:
    place, first, second = OneAtATime(), Holder(), Holder()
    assert place.take(first, 0)
    assert not place.take(second, 0)
    place.dismiss(first, SOON)
    threading.Timer(0.1, place.leave, [first]).start()
    assert place.take(second, SOON)
    assert (place.left_behind, place.stuck) == (0, 0)


def test_who_works_is_waited_for() -> None:
    place, first, second = OneAtATime(), Holder(), Holder()
    assert place.take(first, 0)
    assert not place.take(second, 0.3)
    place.dismiss(first, 0)
    place.dismiss(first, SOON)  # a later word does not give it more time
    assert place.take(second, SOON)
    place.leave(first)
    assert (place.left_behind, place.stuck) == (1, 0)
    assert not place.take(Holder(), 0)  # it left its own place, not that of the second
