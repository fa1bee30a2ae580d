"""BLEU-4 and CIDEr-D of captions, with bootstrap intervals by picture.

Both are given on the scale that papers print: BLEU times 100; CIDEr-D with its factor of 10, times 100, so that what
its authors' program calls 0.30 is 30 here.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Stats = NDArray[np.float64]
    """Axes [pictures, counts]."""

ORDER = 4
"""The longest n-gram that counts."""
SIGMA = 6.0
"""Width of CIDEr-D's Gaussian over the difference in length, in bigrams."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """The words of a caption in lower case. Punctuation is dropped, as the captioning challenges do."""
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of ``n`` words occurs."""
    return Counter(tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1))


def bleu_counts(caption: str, references: Sequence[str]) -> list[float]:
    """What one picture adds to corpus BLEU.

    Returns:
        For n = 1 to 4 the matched n-grams (each at most as often as in the reference that has it most), then for n = 1
        to 4 the n-grams of the caption, then its length and that of the closest reference (of two, the shorter).
    """
    tokens, wanted = words(caption), [words(reference) for reference in references]
    matched: list[float] = []
    total: list[float] = []
    for n in range(1, ORDER + 1):
        found = ngrams(tokens, n)
        most: Counter[tuple[str, ...]] = Counter()
        for each in wanted:
            most |= ngrams(each, n)
        matched.append((found & most).total())
        total.append(found.total())
    closest = min((len(each) for each in wanted), key=lambda length: (abs(length - len(tokens)), length))
    return [*matched, *total, len(tokens), closest]


def bleu(counts: Sequence[float] | Stats) -> float:
    """Corpus BLEU-4 in [0, 100] from the sum of `bleu_counts` (Papineni et al. 2002, section 2.3); no smoothing."""
    matched, total = counts[:ORDER], counts[ORDER : 2 * ORDER]
    length, reference_length = float(counts[2 * ORDER]), float(counts[2 * ORDER + 1])
    if min(matched) <= 0:
        return 0.0
    precision = sum(math.log(hit / of) for hit, of in zip(matched, total, strict=True)) / ORDER
    brevity = min(0.0, 1 - reference_length / length)
    return 100 * math.exp(brevity + precision)


class CiderD:
    """CIDEr-D (Vedantam et al. 2015, section 5): tf-idf weighted n-grams in common, clipped, with a penalty for length.

    As in the authors' program, the length of a caption is counted in bigrams, and how often an n-gram occurs is not
    divided by that length (cosines do not see it).

    Args:
        references: the references of every picture: how rare an n-gram is, is counted over these pictures.
    """

    def __init__(self, references: Iterable[Sequence[str]]) -> None:
        self._pictures_with: Counter[tuple[str, ...]] = Counter()
        pictures = 0
        for each in references:
            pictures += 1
            self._pictures_with.update(
                {gram for text in each for n in range(1, ORDER + 1) for gram in ngrams(words(text), n)}
            )
        self._log_pictures = math.log(max(1, pictures))

    def score(self, caption: str, references: Sequence[str]) -> float:
        """The score of one picture's caption, in [0, 1000]; the score of a corpus is the mean over its pictures."""
        tokens = words(caption)
        own = self._weights(tokens)
        total = 0.0
        for reference in references:
            others = words(reference)
            short_or_long = math.exp(-((_bigrams(tokens) - _bigrams(others)) ** 2) / (2 * SIGMA**2))
            likeness = (_clipped_cosine(mine, theirs) for mine, theirs in zip(own, self._weights(others), strict=True))
            total += short_or_long * sum(likeness) / ORDER
        return 1000 * total / len(references)

    def _weights(self, tokens: Sequence[str]) -> list[dict[tuple[str, ...], float]]:
        return [
            {
                gram: count * (self._log_pictures - math.log(max(1, self._pictures_with[gram])))
                for gram, count in ngrams(tokens, n).items()
            }
            for n in range(1, ORDER + 1)
        ]


def _bigrams(tokens: Sequence[str]) -> int:
    return max(0, len(tokens) - 1)


def _clipped_cosine(own: dict[tuple[str, ...], float], other: dict[tuple[str, ...], float]) -> float:
    norms = math.sqrt(sum(v * v for v in own.values())) * math.sqrt(sum(v * v for v in other.values()))
    if not norms:
        return 0.0
    return sum(min(weight, other[gram]) * other[gram] for gram, weight in own.items() if gram in other) / norms


def bootstrap(
    counts: Sequence[Sequence[float]], statistic: Callable[[Stats], float], seed: int, draws: int = 1000
) -> tuple[float, float]:
    """The 95 % percentile interval of a corpus score, pictures drawn anew with replacement (Efron 1979).

    Args:
        counts: one row for each picture, at least one.
        statistic: the score from the mean of the drawn rows.
        seed: of the draws.
        draws: how many.
    """
    import numpy as np

    table = np.asarray(counts, dtype=np.float64)
    rng = np.random.default_rng(seed)
    found = [statistic(table[rng.integers(0, len(table), len(table))].mean(axis=0)) for _ in range(draws)]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
