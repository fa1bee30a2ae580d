"""Words of an answer know the tokens that wrote them, by index."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant_backends.words import split_words


def test_a_word_of_several_tokens_and_two_words_alike() -> None:
    words = split_words(["a re", "d", " and", " r", "ed"], start=10, image=1)
    assert [(word.text, word.first, word.last) for word in words] == [
        ("a", 0, 0),
        ("red", 0, 1),
        ("and", 2, 2),
        ("red", 3, 4),
    ]
    assert [(word.start, word.end) for word in words] == [(10, 11), (12, 15), (16, 19), (20, 23)]
    assert {word.image for word in words} == {1}


def test_a_token_that_adds_nothing_writes_no_word() -> None:
    assert [(word.first, word.last) for word in split_words(["", "é", "", " x"], 0, 0)] == [(1, 1), (3, 3)]


@given(st.lists(st.text(max_size=4), max_size=12), st.integers(0, 5))
def test_words_are_exactly_the_text_between_white_space(pieces: list[str], start: int) -> None:
    text = "".join(pieces)
    words = split_words(pieces, start, 0)
    assert [word.text for word in words] == text.split()
    for word in words:
        assert text[word.start - start : word.end - start] == word.text
        assert word.text in "".join(pieces[word.first : word.last + 1])
