"""Guarded calls: whatever a function does becomes an outcome, and a slow one does not hold up the rest."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from assistant.guard import Call, Guard


def test_outcomes_come_in_order_and_carry_values() -> None:
    outcomes = Guard().run([Call(lambda: 1, 1), Call(lambda: "two", 1)])
    assert [(each.state, each.value) for each in outcomes] == [("ok", 1), ("ok", "two")]


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_is_raised_is_an_outcome_and_the_rest_still_runs(error: BaseException) -> None:
    def fail() -> None:
        raise error

    first, second = Guard().run([Call(fail, 1), Call(lambda: "ran", 1)])
    assert first.state == "crash"
    assert first.error is error
    assert second.value == "ran"


def test_a_call_over_its_limit_is_left_behind_and_the_rest_still_runs() -> None:
    forever = threading.Event()
    begin = time.monotonic()
    outcomes = Guard().run([Call(lambda: "a", 5), Call(forever.wait, 0.1), Call(lambda: "c", 5)])
    assert [each.state for each in outcomes] == ["ok", "timeout", "ok"]
    assert outcomes[2].value == "c"
    assert time.monotonic() - begin < 4  # seconds; walking away must not wait for the 5 s of its neighbours
    forever.set()


def test_each_call_has_a_limit_of_its_own() -> None:
    """Two calls that together take longer than either limit are both in time."""
    outcomes = Guard().run([Call(lambda: time.sleep(0.3), 1.0)] * 4)
    assert [each.state for each in outcomes] == ["ok"] * 4


def test_a_late_result_is_dropped() -> None:
    release = threading.Event()
    guard = Guard()
    guard.run([Call(lambda: release.wait() and "late", 0.05)])
    release.set()
    assert [each.value for each in guard.run([Call(lambda: "fresh", 1)])] == ["fresh"]


def test_threads_are_lent_again() -> None:
    guard = Guard()
    names = {guard.run([Call(threading.get_ident, 1)])[0].value for _ in range(50)}
    time.sleep(0.05)
    assert len(names) <= 3


def test_many_callers_at_once_get_their_own_results() -> None:
    guard = Guard()
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(50):
            if [each.value for each in guard.run([Call(lambda: number, 5)] * 3)] != [number] * 3:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_exit_inside_a_call_does_not_end_the_program() -> None:
    assert Guard().run([Call(lambda: sys.exit(7), 1)])[0].state == "crash"
