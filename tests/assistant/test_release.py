"""The release gate: nothing leaves before its check, and no phrase within the hold-back is ever shown in part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.release import FLUSH_SECONDS, HOLD_BACK, ReleaseGate

WORDS = st.lists(st.text(alphabet="abcdef ", min_size=1, max_size=12), min_size=1, max_size=60)


class Clock:
    """A clock that moves on by a fixed step at every look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@given(WORDS, st.sampled_from([0.0, FLUSH_SECONDS]))
def test_pieces_joined_are_the_answer(words: list[str], step: float) -> None:
    gate = ReleaseGate(lambda released, pending: True, clock=Clock(step))
    shown = "".join(gate.feed(word) for word in words)
    assert gate.text == "".join(words)
    assert gate.check_whole()
    assert shown + gate.finish() == "".join(words)


@given(WORDS, st.integers(0, 60), WORDS)
def test_a_refused_phrase_is_never_shown_in_part(before: list[str], cut: int, after: list[str]) -> None:
    phrase = "X" * (HOLD_BACK - 2)
    pieces = [*before, phrase[:cut], phrase[cut:], *after]
    gate = ReleaseGate(lambda released, pending: phrase not in released + pending, clock=Clock(FLUSH_SECONDS))
    shown = "".join(gate.feed(piece) for piece in pieces)
    assert not gate.check_whole()
    assert "X" not in shown + gate.finish()


def test_a_long_answer_leaves_before_it_is_over() -> None:
    gate = ReleaseGate(lambda released, pending: True, clock=Clock(FLUSH_SECONDS))
    shown = [gate.feed(f"word{number} ") for number in range(100)]
    assert sum(bool(piece) for piece in shown) > 10
    assert len(gate.text) - len(gate.released) <= HOLD_BACK + len("word99 ")


def test_the_first_words_leave_at_once_and_then_by_time() -> None:
    gate = ReleaseGate(lambda released, pending: True, clock=lambda: 0.0)
    assert gate.feed("word " * 40)
    assert gate.feed("word " * 40) == ""


def test_everything_is_held_where_some_plugin_must_see_the_whole() -> None:
    gate = ReleaseGate(lambda released, pending: True, hold_everything=True, clock=Clock(1))
    assert [gate.feed("word " * 50) for _ in range(5)] == [""] * 5
    assert gate.finish() == "word " * 250


def test_after_a_no_nothing_leaves_and_nothing_more_is_asked() -> None:
    asked: list[str] = []

    def refuse(released: str, pending: str) -> bool:
        asked.append(pending)
        return False

    gate = ReleaseGate(refuse, clock=Clock(FLUSH_SECONDS))
    gate.feed("word " * 40)
    gate.feed("word " * 40)
    assert not gate.check_whole()
    assert gate.finish() == ""
    assert len(asked) == 1
