"""Scores against values known from elsewhere."""

import random

import pytest

from assistant_vlm import Step
from training.answers import Answered
from training.evaluate import summaries
from training.questions import Asked
from training.scoring import calibration_error, kept, share_right, strangeness_auroc
from training.trials import CALIBRATION, EVALUATION, Trial, blanked, generated, half_of, swapped


def answered(right: bool, confidence: float, kind: str = "k") -> Answered:
    return Answered(Asked("q", "a", kind), (Step(0, 9, "a" if right else "b", 0.0),), True, confidence)


def test_calibration_error_of_perfect_and_of_overconfident_answers() -> None:
    assert calibration_error([answered(True, 1.0)] * 5) == 0
    assert calibration_error([answered(False, 0.9)] * 5) == pytest.approx(0.9)
    assert calibration_error([answered(i % 2 == 0, 0.5) for i in range(10)]) == pytest.approx(0)


def test_declining_keeps_the_surest() -> None:
    found = [answered(True, 0.9)] * 8 + [answered(False, 0.1)] * 2
    assert share_right(found) == pytest.approx(0.8)
    assert share_right(kept(found, 0.2)) == 1
    assert len(kept(found, 0.0)) == 10
    assert share_right([]) == 0


def test_auroc_counts_pairs() -> None:
    rng = random.Random(0)
    strange = [rng.randint(0, 9) + 2 for _ in range(40)]
    familiar = [rng.randint(0, 9) for _ in range(30)]
    pairs = [(s > f) + 0.5 * (s == f) for s in strange for f in familiar]
    assert strangeness_auroc(strange, familiar) == pytest.approx(sum(pairs) / len(pairs))
    assert strangeness_auroc([], familiar) == 0.5
    assert strangeness_auroc([2.0], [1.0]) == 1


def test_halves_split_evenly() -> None:
    halves = [half_of(str(i)) for i in range(2000)]
    assert set(halves) == {CALIBRATION, EVALUATION}
    assert 0.45 < sum(halves) / 2000 < 0.55


def test_floors_keep_the_questions_and_change_the_pictures() -> None:
    trials = generated("scenes", 3, 6, 48)
    again = generated("scenes", 3, 6, 48)
    assert [t.conversation for t in trials] == [t.conversation for t in again]
    for other in (blanked(trials), swapped(trials)):
        assert [t.conversation for t in other] == [t.conversation for t in trials]
        assert all(a.picture != b.picture for a, b in zip(trials, other, strict=True))
    assert len({t.picture.tobytes() for t in blanked(trials) if t.picture}) == 1
    assert blanked([Trial(None, ())]) == [Trial(None, ())]


def test_kinds_stand_beside_their_own_floors() -> None:
    found = [answered(True, 1.0, "x"), answered(False, 1.0, "y")]
    floors = {"blank": [answered(False, 1.0, "x"), answered(True, 1.0, "y")]}
    results = summaries("all", found, floors, 0.5)
    assert {name: (r["right"], r["blank"]) for name, r in results.items()} == {
        "all": (0.5, 0.5),
        "all: x": (1.0, 0.0),
        "all: y": (0.0, 1.0),
    }
    assert list(summaries("one", found[:1], {}, 0.5)) == ["one"]
