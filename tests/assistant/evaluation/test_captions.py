"""BLEU-4 and CIDEr-D, against values worked out by hand and against plain references."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.captions import CiderD, bleu, bleu_counts, bootstrap, words

CLOSE = 1e-9  # float64 through logarithms and square roots


def corpus(captions: list[str], references: list[list[str]]) -> list[float]:
    counts = [bleu_counts(text, each) for text, each in zip(captions, references, strict=True)]
    return [sum(column) for column in zip(*counts, strict=True)]


def test_words_are_those_of_the_captioning_challenges():
    assert words("A dog's ball , in the grass .") == ["a", "dog's", "ball", "in", "the", "grass"]
    assert words("") == []


def test_matches_are_clipped_as_in_the_paper():
    # Papineni et al. 2002, example 2: "the" seven times; the reference that has it most has it twice.
    counts = bleu_counts("the the the the the the the", ["The cat is on the mat.", "There is a cat on the mat."])
    assert (counts[0], counts[4]) == (2, 7)
    assert counts[8:] == [7, 7]


def test_the_closest_reference_is_the_shorter_of_two():
    assert bleu_counts("a b c", ["a b c d", "a b"])[8:] == [3, 2]


def test_bleu_by_hand():
    # Of "a b c d e": 5/6, 4/5, 3/4, 2/3 n-grams match, six words against five: no penalty.
    totals = corpus(["a b c d e x"], [["a b c d e"]])
    assert bleu(totals) == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25, abs=CLOSE)
    # Four words against six: all match, times exp(1 - 6/4).
    assert bleu(corpus(["a b c d"], [["a b c d e f"]])) == pytest.approx(100 * math.exp(-0.5), abs=CLOSE)
    assert bleu(corpus(["a b c d e"], [["a b c d e"]])) == pytest.approx(100, abs=CLOSE)
    assert bleu(corpus(["a b c"], [["a b c"]])) == 0  # no run of four words
    assert bleu(corpus([""], [["a b c d"]])) == 0


SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=9).map(" ".join)
PICTURES = st.lists(st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=3)), min_size=2, max_size=4)


def plain_cider(captions: list[str], references: list[list[str]]) -> float:
    """Formula by formula from Vedantam et al. 2015, sections 3 and 5, on plain lists."""

    def grams(text: str, n: int) -> list[str]:
        tokens = text.split()
        return [" ".join(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]

    def idf(gram: str, n: int) -> float:
        having = sum(any(gram in grams(text, n) for text in each) for each in references)
        return math.log(len(references)) - math.log(max(1, having))

    total = 0.0
    for caption, own in zip(captions, references, strict=True):
        for n in (1, 2, 3, 4):
            for reference in own:
                vocabulary = {*grams(caption, n), *grams(reference, n)}
                left = {gram: Counter(grams(caption, n))[gram] * idf(gram, n) for gram in vocabulary}
                right = {gram: Counter(grams(reference, n))[gram] * idf(gram, n) for gram in vocabulary}
                norm = math.hypot(*left.values()) * math.hypot(*right.values())
                product = sum(min(left[gram], right[gram]) * right[gram] for gram in vocabulary)
                longer = max(0, len(caption.split()) - 1) - max(0, len(reference.split()) - 1)
                penalty = math.exp(-(longer**2) / (2 * 6**2))
                total += 10 * penalty * (product / norm if norm else 0.0) / (4 * len(own))
    return 100 * total / len(captions)


@given(PICTURES)
def test_cider_is_the_papers_formula(pictures: list[tuple[str, list[str]]]):
    captions, references = [caption for caption, _ in pictures], [each for _, each in pictures]
    cider = CiderD(references)
    scores = [cider.score(caption, own) for caption, own in pictures]
    assert sum(scores) / len(scores) == pytest.approx(plain_cider(captions, references), abs=1e-6)


def test_cider_of_the_reference_itself_is_all_there_is():
    references = [["a red dog runs far"], ["two cats sleep here now"]]
    cider = CiderD(references)
    assert cider.score("a red dog runs far", references[0]) == pytest.approx(1000, abs=CLOSE)
    assert cider.score("two cats sleep here now", references[0]) == 0
    assert cider.score("", references[0]) == 0


def test_cider_by_hand():
    # Two pictures. One word in common of two, both rare: cosine 1/2 for n = 1; no longer run in common. Same length.
    cider = CiderD([["red dog"], ["blue cat"]])
    assert cider.score("red fox", ["red dog"]) == pytest.approx(1000 * 0.5 / 4, abs=CLOSE)


def test_the_bootstrap_covers_the_mean_and_repeats_itself():
    counts = [[float(value)] for value in range(100)]
    low, high = bootstrap(counts, lambda mean: float(mean[0]), seed=0)
    # The mean of 100 draws of 0..99 has a standard deviation of 28.87 / 10: about 49.5 +- 5.66.
    assert (low, high) == (pytest.approx(43.84, abs=0.8), pytest.approx(55.16, abs=0.8))
    assert bootstrap(counts, lambda mean: float(mean[0]), seed=0) == (low, high)
    assert bootstrap([[5.0]], lambda mean: float(mean[0]), seed=0) == (5.0, 5.0)


def test_both_are_those_of_the_programs_that_papers_use():
    # What the COCO caption evaluation (its Bleu(4) and Cider, as packed in pycocoevalcap) gives for these.
    references = [
        [
            "a brown dog runs across the wet grass",
            "the dog is running on grass",
            "a dog runs through a green field",
        ],
        ["two children play with a ball on the beach", "kids play ball near the sea"],
        ["a man in a red shirt rides a bike", "the man rides his bike down the street", "a cyclist in red"],
    ]
    captions = [
        "a brown dog runs through the grass",
        "two children play with a ball",
        "a man in a blue shirt stands on the street",
    ]
    assert bleu(corpus(captions, references)) == pytest.approx(
        57.17586823361664, abs=1e-5
    )  # theirs adds 1e-9 to counts
    cider = CiderD(references)
    scores = [cider.score(text, each) for text, each in zip(captions, references, strict=True)]
    assert scores == pytest.approx([277.036595, 398.176706, 152.030986], abs=1e-5)
