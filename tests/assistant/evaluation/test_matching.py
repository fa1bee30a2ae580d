from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.matching import normalise


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (" A Butterfly. ", "butterfly"),
        ("The T-shirt", "t shirt"),
        ("an  apple, a pear", "apple pear"),
        ("3.5", "3.5"),
        ("It is 3.", "it is 3"),
        ("o’clock", "o'clock"),
        ("?", "?"),
        ("A", "a"),
        ("", ""),
    ],
)
def test_what_does_not_matter_goes(text: str, same: str):
    assert normalise(text) == normalise(same)


def test_what_matters_stays():
    assert normalise("3.5") != normalise("35")
    assert normalise("a cat") != normalise("cats")


@given(st.text(max_size=20))
def test_a_second_time_changes_nothing(text: str):
    assert normalise(normalise(text)) == normalise(text)
