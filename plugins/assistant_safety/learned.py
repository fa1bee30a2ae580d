"""The evaluator ``learned``: how likely a request asks for help with harm, by weights learned from labelled requests.

Two small models are added, both in numpy and without a network connection. A weighted sum over what `features` reads:
what each word added to it is known, and the words that added most are marked. And a net of one hidden layer over the
mean and the maximum of the word vectors (`vectors`), which knows words that no labelled request has. Where the vectors
are missing, the sum decides alone. The weights come with the package; the recipe is ``training.safety``.

The options of a rule are data:

    category: weapons      # the rule is about this category of harm; a list of them is possible
    fewest_words: 2        # texts with fewer words of their own meaning are left to other evaluators
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from io import BytesIO
from itertools import groupby
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.evaluators import Finding, Subject
from assistant.verdicts import Span
from assistant_safety.decoding import Decoded, meant_readings
from assistant_safety.features import FUNCTION_WORDS, LONGEST, placed_tokens, rows_of_pairs, rows_of_word
from assistant_safety.frames import frame_of
from assistant_safety.reading import read
from assistant_safety.vectors import available, pooled_vector

Floats = npt.NDArray[np.float32]

NET_LIMIT = 4.0
"""The log odds of the net count up to here, on either side: beyond, it is surer than it is right."""

_SHOWN = 4
"""How many words a finding marks at most."""

_NEAR = 0.4
"""A word is marked if it added at least this share of what the first one added."""

_REPORTED = 0.3
"""Less than this probability is no finding."""


_WORDS_OF_A_SENTENCE = 3
"""A sentence with fewer words that have a meaning of their own says too little by itself."""


class LearnedOptions(BaseModel):
    """What a rule may tell this evaluator."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str | tuple[str, ...]
    fewest_words: int = Field(default=2, ge=1, le=100)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that the rule is about."""
        return (self.category,) if isinstance(self.category, str) else self.category


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned. Column 0 of ``rows`` is harm as such, the others are the ``categories``.

    ``rows`` holds 8-bit numbers; times ``scale`` (one for each column) they are the weights. ``inner`` (512 rows) and
    ``outer`` are the net's two layers, and ``share`` is how much its log odds count. ``slope`` and ``offset`` turn log
    odds into a calibrated probability (Platt, 1999). Without word vectors the net is empty.
    """

    rows: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float
    share: float
    slope: float
    offset: float
    categories: tuple[str, ...]

    def of_net(self, words: Sequence[str]) -> float:
        """What the net adds to the log odds."""
        if not self.share or not words:
            return 0.0
        hidden = np.maximum(pooled_vector(words) @ self.inner + self.inner_bias, 0)
        return self.share * float(np.clip(hidden @ self.outer + self.outer_bias, -NET_LIMIT, NET_LIMIT))

    def sums(self, features: list[int] | tuple[int, ...]) -> Floats:
        """The sum of the weights of some features, one number for each column."""
        return self.rows[list(features)].sum(axis=0, dtype=np.int32) * self.scale


@cache
def weights() -> Weights:
    """The weights that come with the package."""
    data = resources.files("assistant_safety").joinpath("weights", "learned.npz").read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as file:
        rows = np.zeros((int(file["buckets"]), file["values"].shape[1]), dtype=np.int8)
        rows[file["used"]] = file["values"]
        both = available()
        return Weights(
            rows=rows,
            scale=file["scale"].astype(np.float32),
            bias=file["bias"].astype(np.float32),
            inner=file["inner"].astype(np.float32),
            inner_bias=file["inner_bias"].astype(np.float32),
            outer=file["outer"].astype(np.float32),
            outer_bias=float(file["outer_bias"]),
            share=float(file["share"]) if both else 0.0,
            slope=float(file["slope" if both else "slope_alone"]),
            offset=float(file["offset" if both else "offset_alone"]),
            categories=tuple(str(name) for name in file["categories"]),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """``probability`` that a text asks for help with harm; its likeliest ``category``; what each word added to the
    weighted sum, as (character where it starts, where it ends, addition to the log odds); and the ``reading`` of the
    text that was judged, in which the characters are counted."""

    probability: float
    category: str
    words: tuple[tuple[int, int, float], ...]
    reading: Decoded

    @property
    def telling(self) -> list[tuple[int, int, float]]:
        """The words that have a meaning of their own."""
        text = self.reading.text
        return [word for word in self.words if text[word[0] : word[1]].casefold() not in FUNCTION_WORDS]


@lru_cache(maxsize=50_000)
def _word_sums(word: str) -> Floats:
    return weights().sums(rows_of_word(word))


def _probability(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))


@lru_cache(maxsize=8)
def judge_text(text: str) -> Judgement:
    """Judge a text in every reading that may be meant; a long one in pieces of `LONGEST` words. The worst counts.

    The odds of a piece are divided by the number of pieces, as who looks often finds something by chance. The effort
    grows with the length of the text and no faster. The last few judgements are kept, because every rule looks at the
    same text.
    """
    judged: list[Judgement] = []
    for decoded in meant_readings(text):
        pieces = _pieces(placed_tokens(decoded.text))
        judged.extend(_judge_piece(decoded, piece, looks=len(pieces)) for piece in pieces)
    return max(judged, key=lambda each: each.probability)


@lru_cache(maxsize=8)
def harm_anywhere(text: str) -> float:
    """The probability of harm of the worst part of a text: as `judge_text`, and of each sentence by itself that has
    at least three words with a meaning of their own."""
    worst = judge_text(text).probability
    for decoded in meant_readings(text):
        placed, numbers = placed_tokens(decoded.text), read(decoded.text).sentences
        sentences = [list(words) for _, words in groupby(placed, key=lambda word: numbers[word[1]])]
        for sentence in sentences if len(sentences) > 1 else []:
            if sum(word[0] not in FUNCTION_WORDS for word in sentence) >= _WORDS_OF_A_SENTENCE:
                worst = max(worst, *(_judge_piece(decoded, piece).probability for piece in _pieces(sentence)))
    return worst


def _pieces(placed: list[tuple[str, int, int]]) -> list[list[tuple[str, int, int]]]:
    return [placed[at : at + LONGEST] for at in range(0, len(placed), LONGEST)] or [[]]


def _judge_piece(decoded: Decoded, placed: list[tuple[str, int, int]], looks: int = 1) -> Judgement:
    known = weights()
    tokens = [token for token, _, _ in placed]
    single = list(dict.fromkeys(tokens))
    pairs = rows_of_pairs(tokens)
    own = {word: _word_sums(word) for word in single}
    count = sum(len(rows_of_word(word)) for word in single) + len(pairs)
    sums = (np.sum(list(own.values()), axis=0) if own else 0) + known.sums(pairs)
    log_odds = known.bias + sums / np.sqrt(max(count, 1))
    reading = read(decoded.text)
    shrink = known.slope / float(np.sqrt(max(count, 1)))
    harm = float(log_odds[0]) + known.of_net(tokens)
    return Judgement(
        probability=_probability(known.slope * harm + known.offset - float(np.log(looks))),
        category=known.categories[int(np.argmax(log_odds[1:]))],
        words=tuple(
            (reading.starts[first], reading.ends[last], float(own[token][0]) * shrink) for token, first, last in placed
        ),
        reading=decoded,
    )


def _joined_over_turns(subject: Subject) -> bool:
    turn = subject.turn
    return (
        bool(turn.earlier)
        and subject.part == "question"
        and not subject.quoted
        and (subject.text != turn.question.text and subject.text not in [each.text for each in turn.earlier])
    )


def _marked(judgement: Judgement) -> list[tuple[int, int]]:
    """The places, in the original text, of the words that added most: words with a meaning of their own, none far
    below the first."""
    telling = judgement.telling
    adding = [word for word in telling if word[2] > 0] or telling or list(judgement.words)
    heaviest = sorted(adding, key=lambda word: -word[2])[:_SHOWN]
    near = {(start, end) for start, end, added in heaviest if added >= _NEAR * heaviest[0][2]}
    return sorted({judgement.reading.span(start, end) for start, end in near})


class LearnedEvaluator:
    """Finds requests for help with harm by what was learned from labelled requests.

    The score is the calibrated probability that the text asks for help with harm. It is reported to the rules about the
    likeliest category only, so that a refusal cites the rule that fits.
    """

    name = "learned"
    cost: Literal["light", "heavy"] = "light"

    def __init__(self) -> None:
        self._ready: dict[int, tuple[Mapping[str, Any], LearnedOptions]] = {}

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: names the option, what was expected and what came.
        """
        self._get(options)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Judge the text.

        Returns:
            ``None`` where another category is likelier, where nearly nothing speaks for harm, or where questions of
            several turns are joined: it learned from single requests, and takes a pair of harmless ones for harmful.
        """
        wanted = self._get(options)
        if _joined_over_turns(subject):
            return None
        judgement = judge_text(subject.text)
        if judgement.category not in wanted.categories or judgement.probability < _REPORTED:
            return None
        own_words = {judgement.reading.text[start:end].casefold() for start, end, _ in judgement.telling}
        # A label in a picture names a thing and asks for nothing.
        by_itself = subject.part == "answer" or subject.text == subject.turn.question.text
        if len(own_words) < (wanted.fewest_words if by_itself else max(wanted.fewest_words, _WORDS_OF_A_SENTENCE)):
            return None
        spans = tuple(Span(part=subject.part, start=start, end=end) for start, end in _marked(judgement))
        detail = (
            f"{judgement.probability:.0%} likely a request for help with harm ({judgement.category}); "
            f"{frame_of(judgement.reading.text).sentence}"
        )
        if judgement.reading.how:
            detail += f"; {judgement.reading.after}"
        return Finding(score=round(judgement.probability, 6), spans=spans, detail=detail)

    def _get(self, options: Mapping[str, Any]) -> LearnedOptions:
        kept = self._ready.get(id(options))
        if kept is not None and kept[0] is options:
            return kept[1]
        try:
            checked = LearnedOptions.model_validate(dict(options))
        except ValidationError as error:
            problems = [
                f"option {'.'.join(map(str, each['loc'])) or '(all)'}: {each['msg']}; came {each['input']!r:.80}"
                for each in error.errors()
            ]
            raise ValueError("; ".join(problems)) from error
        unknown = sorted(set(checked.categories) - set(weights().categories))
        if unknown or not checked.categories:
            known = ", ".join(sorted(weights().categories))
            raise ValueError(f"option category: expected one or more of {known}; came {', '.join(unknown)!r}")
        if len(self._ready) >= 1024:
            self._ready.clear()
        self._ready[id(options)] = (options, checked)
        return checked


class HarmlessEvaluator:
    """Says how likely a text is harmless, by the same judgement as `LearnedEvaluator`; for the exceptions of a rule.

    So a rule of words holds only where what was learned does not plainly speak against it. Every reading of the text,
    every piece of a long one and every sentence has to be harmless. It takes no options.
    """

    name = "harmless"
    cost: Literal["light", "heavy"] = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule: there are none.

        Raises:
            ValueError: there is one.
        """
        if options:
            raise ValueError(f"expected no options; came {', '.join(sorted(options))}")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """The probability that the text does not ask for help with harm."""
        probability = 1 - harm_anywhere(subject.text)
        return Finding(score=round(probability, 6), detail=f"{probability:.0%} likely harmless")
