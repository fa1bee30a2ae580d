"""Score the captions of a file, with their floors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assistant.evaluation.captions import CiderD, bleu, bleu_counts, bootstrap, words
from assistant.evaluation.report import SCALE, CaptionScores, CorpusScore, Declined

MAX_REFERENCES = 5


def score(
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    every_reference: Sequence[Sequence[str]],
    blank: Sequence[str] | None,
    swapped: Sequence[str] | None,
    question: str,
    declined: Declined | None,
    seed: int,
) -> CaptionScores:
    """Corpus BLEU-4 and CIDEr-D.

    Args:
        captions: one for each picture, at least one.
        references: of each picture; the first five count.
        every_reference: of every picture of the file, for how rare an n-gram is.
        blank: the model's captions of blank pictures, one for each picture.
        swapped: the model's captions of other rows' pictures, one for each picture.
        question: what was asked.
        declined: what a chat would have withheld.
        seed: of the bootstrap.
    """
    wanted = [each[:MAX_REFERENCES] for each in references]
    cider = CiderD([each[:MAX_REFERENCES] for each in every_reference])
    usual = most_frequent(wanted)

    def counts(texts: Sequence[str]) -> list[list[float]]:
        return [bleu_counts(text, each) for text, each in zip(texts, wanted, strict=True)]

    def corpus_bleu(texts: Sequence[str]) -> float:
        return bleu([sum(column) for column in zip(*counts(texts), strict=True)])

    def ciders(texts: Sequence[str]) -> list[float]:
        return [cider.score(text, each) for text, each in zip(texts, wanted, strict=True)]

    def corpus_cider(texts: Sequence[str]) -> float:
        return sum(ciders(texts)) / len(texts)

    always_usual = [usual] * len(captions)
    return CaptionScores(
        n=len(captions),
        question=question,
        references=max(map(len, wanted)),
        scale=SCALE,
        bleu4=CorpusScore(
            corpus_bleu(captions),
            *bootstrap(counts(captions), bleu, seed),
            majority=corpus_bleu(always_usual),
            blank=None if blank is None else corpus_bleu(blank),
            swapped=None if swapped is None else corpus_bleu(swapped),
        ),
        cider_d=CorpusScore(
            corpus_cider(captions),
            *bootstrap([[each] for each in ciders(captions)], lambda mean: float(mean[0]), seed),
            majority=corpus_cider(always_usual),
            blank=None if blank is None else corpus_cider(blank),
            swapped=None if swapped is None else corpus_cider(swapped),
        ),
        majority_caption=usual,
        declined=declined,
    )


def most_frequent(references: Sequence[Sequence[str]]) -> str:
    """The caption that occurs most often, word for word; of equally frequent ones, the first by the alphabet."""
    counts = Counter(" ".join(words(text)) for each in references for text in each)
    return min(counts, key=lambda text: (-counts[text], text))
