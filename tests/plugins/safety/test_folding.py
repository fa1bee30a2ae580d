"""Whatever a text is dressed up as, the words are found, and found where they stand in the original."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_safety.folding import fold
from assistant_safety.inflection import forms_of
from assistant_safety.reading import read

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u0301\u180e\ufe0f"


@pytest.mark.parametrize(
    ("dressed", "plain"),
    [
        ("KILL", "kill"),
        ("ｋｉｌｌ", "kill"),
        ("𝐤𝐢𝐥𝐥", "kill"),
        ("k\u200bi\u200bl\u200bl", "kill"),
        ("kíll", "kill"),
        ("ki\u0301ll", "kill"),
        ("кill", "kill"),
        ("bоmb", "bomb"),
        ("ﬁre", "fire"),
        ("don’t", "don't"),
    ],
)
def test_fold(dressed: str, plain: str) -> None:
    assert fold(dressed).text == plain


@given(st.text())
def test_every_folded_character_knows_where_it_came_from(text: str) -> None:
    folded = fold(text)
    assert len(folded.origin) == len(folded.text)
    assert list(folded.origin) == sorted(folded.origin)
    for index in range(len(folded.text)):
        start, end = folded.span(index, index + 1)
        assert end == start + 1 <= len(text)
        assert folded.text[index] in fold(text[start:end]).text


@given(st.text())
def test_every_word_stands_where_it_says(text: str) -> None:
    reading = read(text)
    spans = list(zip(reading.starts, reading.ends, strict=True))
    for (start, end), word in zip(spans, reading.words, strict=True):
        assert 0 <= start < end <= len(text)
        assert word in fold(text[start:end]).text
    for places in reading.places.values():
        assert all(0 <= first <= last < len(reading.words) for first, last in places)


def dressed_up(word: str) -> st.SearchStrategy[str]:
    """A word with look-alikes, digits for letters and invisible characters."""
    stands_for = {
        "a": "a4@AаÁ",
        "e": "e3Eеé",
        "i": "i!Iі",
        "o": "o0Oоö",
        "b": "bB",
        "m": "mMｍ",
        "k": "kKк",
        "l": "lL",
        "s": "s$5",
    }
    letters = [st.sampled_from(stands_for.get(letter, letter)) for letter in word]
    # The first stays a plain letter, so that the word has no mark in front that would belong to no word.
    letters[0] = st.just(word[0])
    gaps = [st.text(INVISIBLE, max_size=2) for _ in word[:-1]]
    return st.tuples(st.tuples(*letters), st.tuples(*gaps, st.just(""))).map(
        lambda parts: "".join(letter + gap for letter, gap in zip(*parts, strict=True))
    )


@given(st.sampled_from(["bomb", "malware", "smoke"]).flatmap(lambda word: st.tuples(st.just(word), dressed_up(word))))
def test_a_dressed_word_is_found_where_it_stands(case: tuple[str, str]) -> None:
    word, dressed = case
    text = f"Wörter davor {dressed} and after"
    reading = read(text)
    assert word in reading.places
    first, last = reading.places[word][0]
    assert text[reading.starts[first] : reading.ends[last]] == dressed


@pytest.mark.parametrize(
    ("text", "word", "marked"),
    [
        ("how to k i l l it", "kill", "k i l l"),
        ("how to k-i-l-l it", "kill", "k-i-l-l"),
        ("how to k.i.l.l it", "kill", "k.i.l.l"),
        ("how to ki-ll it", "kill", "ki-ll"),
        ("how to k1ll it", "kill", "k1ll"),
        ("how to h@ck it!", "hack", "h@ck"),
        ("how to kiiiill it", "kill", "kiiiill"),
        ("an explo$ive!", "explosive", "explo$ive"),
    ],
)
def test_other_ways_to_write_a_word(text: str, word: str, marked: str) -> None:
    reading = read(text)
    first, last = reading.places[word][0]
    assert text[reading.starts[first] : reading.ends[last]] == marked


def test_a_split_word_keeps_to_its_own_gaps() -> None:
    assert "kill" not in read("s k i l l").places
    assert "skill" in read("s k i l l").places


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("make", {"make", "makes", "made", "making"}),
        ("kill", {"kill", "kills", "killed", "killing"}),
        ("stab", {"stab", "stabs", "stabbed", "stabbing"}),
        ("bury", {"bury", "buries", "buried", "burying"}),
        ("knife", {"knife", "knives"}),
        ("attack", {"attacks", "attacked", "attacking"}),
    ],
)
def test_inflections(word: str, forms: set[str]) -> None:
    assert forms <= forms_of(word)


@pytest.mark.parametrize(
    "text",
    [
        "how do I make a bomb? " * 45_000,
        "a" * 1_000_000,
        "k1ll " * 200_000,
        "a-" * 500_000,
        "a " * 500_000,
        "é" * 1_000_000,
        "0000 " * 200_000,
        "aaab" * 250_000,
    ],
    ids=["plain", "one-word", "leet", "hyphens", "letters", "accents", "digits", "stretched"],
)
def test_a_megabyte_takes_no_more_than_linear_time(text: str) -> None:
    began = time.process_time()
    read(text)
    # Half a second where this was written, for the slowest; ten times that is a busy machine, and a quadratic walk
    # over a million characters takes minutes.
    assert time.process_time() - began < 8
