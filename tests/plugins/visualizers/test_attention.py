"""The attention map of a word: the right tokens, the right picture, and a sentence that says the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assistant import Message, ModelTrace, Turn, TurnRecord, Word
from assistant_visualizers import explain_word
from assistant_visualizers.attention import attention_map, describe, percent

ROWS, COLS = 6, 9
RECORD = TurnRecord(turn=Turn(question=Message(text="What is this?")), status="answered", answer="a circle")


def focused(tokens: int, cells: dict[int, tuple[int, int]], rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    """Two layers of three heads that all look at one cell for each token, and evenly where none is given."""
    maps = np.full((tokens, 2, 3, rows, cols), 1 / (rows * cols), dtype=np.float32)
    for token, (row, col) in cells.items():
        maps[token] = 0
        maps[token, :, :, row, col] = 1
    return maps


def test_the_map_is_the_mean_over_the_words_own_tokens() -> None:
    trace = ModelTrace(
        words=(Word("a", 0, 1, 0, 0), Word("circle", 2, 8, 1, 2)),
        cross_attention=(focused(4, {0: (5, 8), 1: (0, 0), 2: (0, 1), 3: (5, 0)}),),
    )
    explanation = explain_word(RECORD, trace, 1)
    assert explanation is not None
    assert explanation.heat_map is not None
    weights = np.array(explanation.heat_map.weights)
    assert weights.shape == (ROWS, COLS)
    assert weights[0, 0] == pytest.approx(0.5)
    assert weights[0, 1] == pytest.approx(0.5)
    assert (explanation.word, explanation.method) == ("circle", "attention")
    assert explanation.text == (
        "When it wrote “circle”, the model looked most at the upper left of the picture: "
        "50 % of its attention fell on 1 of 54 cells."
    )
    assert "not" in explanation.caveat


def test_the_mean_is_over_layers_and_heads() -> None:
    maps = np.zeros((1, 2, 2, 1, 4), dtype=np.float32)
    maps[0, 0, 0, 0] = [1, 0, 0, 0]
    maps[0, 0, 1, 0] = [0, 1, 0, 0]
    maps[0, 1, :, 0] = [0, 0, 0.5, 0.5]
    weights = attention_map(maps, 0, 0)
    assert weights is not None
    np.testing.assert_allclose(weights, [[0.25, 0.25, 0.25, 0.25]])


def test_what_went_to_no_place_is_said_and_left_out_of_the_map() -> None:
    maps = focused(1, {0: (0, 0)})
    maps[0, 0] *= 0.25
    trace = ModelTrace(words=(Word("red", 0, 3, 0, 0),), cross_attention=(maps,))
    explanation = explain_word(RECORD, trace, 0)
    assert explanation is not None
    assert explanation.heat_map is not None
    assert explanation.heat_map.weights[0][0] == pytest.approx(1.0)
    assert explanation.text.endswith("Of all its attention, 38 % went to the picture as a whole.")


def test_each_picture_has_its_own_tokens() -> None:
    trace = ModelTrace(
        words=(Word("one", 0, 3, 0, 0, image=0), Word("two", 4, 7, 0, 0, image=1)),
        cross_attention=(focused(1, {0: (0, 0)}), focused(1, {0: (3, 4)}, rows=6, cols=9)),
    )
    explanation = explain_word(RECORD, trace, 1)
    assert explanation is not None
    assert explanation.heat_map is not None
    assert explanation.heat_map.image == 1
    assert explanation.heat_map.weights[3][4] == pytest.approx(1.0)
    assert "the centre of the picture" in explanation.text


@pytest.mark.parametrize(
    ("row", "col", "place"), [(0, 8, "upper right"), (2, 0, "middle left"), (5, 4, "lower centre")]
)
def test_the_place_is_named(row: int, col: int, place: str) -> None:
    weights = attention_map(focused(1, {0: (row, col)}), 0, 0)
    assert weights is not None
    assert f"the {place} of picture 2: 100 %" in describe(weights, "x", picture=1)


def test_an_even_spread_is_said_to_be_one() -> None:
    text = describe(np.full((4, 4), 1 / 16), "the")
    assert text == (
        "When it wrote “the”, the model spread its attention almost evenly over the picture: "
        "no cell of 16 got more than 6 %."
    )


@pytest.mark.parametrize("word", [-1, 2])
def test_a_word_that_is_not_there_has_no_explanation(word: int) -> None:
    trace = ModelTrace(words=(Word("a", 0, 1, 0, 0),) * 2, cross_attention=(focused(1, {}),))
    assert explain_word(RECORD, trace, word) is None


def test_a_model_that_cannot_say_has_no_explanation() -> None:
    assert explain_word(RECORD, ModelTrace(words=(Word("a", 0, 1, 0, 0),)), 0) is None


def test_tokens_that_are_not_there_have_no_explanation() -> None:
    trace = ModelTrace(words=(Word("a", 0, 1, 7, 8),), cross_attention=(focused(2, {}),))
    assert explain_word(RECORD, trace, 0) is None


def test_broken_numbers_have_no_map() -> None:
    maps = focused(1, {})
    maps[0, 0, 0, 0, 0] = np.nan
    assert attention_map(maps, 0, 0) is None


def test_percent() -> None:
    assert [percent(share) for share in (0.414, 0.004, 1.0)] == ["41 %", "0.4 %", "100 %"]


@given(
    arrays.arrays(
        np.float32,
        st.tuples(*(st.integers(1, 3) for _ in range(3)), st.integers(1, 7), st.integers(1, 7)),
        elements=st.floats(0.0009765625, 1, width=32),
    )
)
def test_every_map_sums_to_one_and_can_be_described(maps: np.ndarray) -> None:
    weights = attention_map(maps, 0, maps.shape[0] - 1)
    assert weights is not None
    assert weights.sum() == pytest.approx(1.0)
    assert 0 <= weights.min() <= weights.max() <= 1
    assert "“word”" in describe(weights, "word")
