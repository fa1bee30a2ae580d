"""What can be reached without looking at the picture, and whose picture stands in for a row's own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from assistant.evaluation.matching import normalise
from assistant.evaluation.report import Majority, Share
from assistant.evaluation.trials import Trial


def next_different(keys: Mapping[int, int | str]) -> dict[int, int]:
    """For each place the next one with another key, around the end; without those that have none."""
    places = list(keys)
    found: dict[int, int] = {}
    for step in reversed(range(2 * len(places))):  # twice around, so that the last ones see the first ones' answer
        place, following = places[step % len(places)], places[(step + 1) % len(places)]
        if keys[place] != keys[following]:
            found[place] = following
        elif following in found:
            found[place] = found[following]
    return found


def majority(trials: Sequence[Trial]) -> Majority:
    """The most frequent right answer (of equally frequent ones, the first by the alphabet), given every time."""
    counts = Counter(normalise(trial.expected) for trial in trials)
    answer = _most_frequent(counts)
    shown = next(trial.expected for trial in trials if normalise(trial.expected) == answer)
    return Majority(shown, Share.of(counts[answer], len(trials)))


def question_alone(trials: Sequence[Trial]) -> Share:
    """How many are right with the answer that the same question mostly has about other pictures.

    That answer is counted on every second row and tried on the others, and the other way round: on the same rows, a
    question that is asked once would give its own answer away. Where no row of the other half asks it, the most
    frequent answer of that half stands in.
    """
    right = 0
    for half in (0, 1):
        known = [trial for trial in trials if trial.place % 2 != half]
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for trial in known:
            counts[normalise(trial.question)][normalise(trial.expected)] += 1
        best = {question: _most_frequent(answers) for question, answers in counts.items()}
        fallback = normalise(majority(known).answer) if known else None
        right += sum(
            best.get(normalise(trial.question), fallback) == normalise(trial.expected)
            for trial in trials
            if trial.place % 2 == half
        )
    return Share.of(right, len(trials))


def _most_frequent(counts: Counter[str]) -> str:
    """Of equally frequent ones, the first by the alphabet."""
    return min(counts, key=lambda answer: (-counts[answer], answer))
