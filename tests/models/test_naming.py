"""How answers name classes."""

import pytest

from assistant_vlm.naming import clean, phrase, with_article


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("butterfly", "a butterfly"),
        ("Electric_Guitar", "an electric guitar"),
        ("Soy Milk", "soy milk"),
        ("Arla Natural Yoghurt", "arla natural yoghurt"),
        ("hourglass", "an hourglass"),
        ("euphonium", "a euphonium"),
        ("ewer", "a ewer"),
        ("umbrella", "an umbrella"),
        ("unicycle", "a unicycle"),
        ("7", "7"),
        ("Carrots", "carrots"),
        ("", ""),
    ],
)
def test_classes_have_an_article_where_english_has_one(label: str, words: str) -> None:
    assert phrase(label) == words


def test_proper_names_stay_as_they_are() -> None:
    assert phrase("Grinning  Face", "naming") == "grinning face"
    assert clean(" A_b  C ") == "a b c"
    assert with_article("orange star") == "an orange star"
