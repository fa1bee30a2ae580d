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
    answer, right = min(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = next(trial.expected for trial in trials if normalise(trial.expected) == answer)
    return Majority(shown, Share.of(right, len(trials)))


def question_alone(trials: Sequence[Trial]) -> Share:
    """How many are right with the most frequent answer that the same question has in the other rows.

    The trial itself is left out of the count, or a question that occurs once would give its own answer away; where no
    other row asks it, the most frequent answer of all stands in.
    """
    overall = normalise(majority(trials).answer)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        counts[normalise(trial.question)][normalise(trial.expected)] += 1
    right = 0
    for trial in trials:
        expected = normalise(trial.expected)
        others = {answer: count - (answer == expected) for answer, count in counts[normalise(trial.question)].items()}
        best = min(others.items(), key=lambda item: (-item[1], item[0]))
        right += (best[0] if best[1] else overall) == expected
    return Share.of(right, len(trials))
