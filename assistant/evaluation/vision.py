"""Measure a model on a file of labelled pictures.

Every score comes with the floors it has to be seen against, measured in the same run: the most frequent answer, the
same question about a blank picture, and about another row's picture.
"""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from assistant.backends import Backend
from assistant.errors import GenerationError, ImageError, describe
from assistant.evaluation import caption_scores
from assistant.evaluation.asking import Asker, Source
from assistant.evaluation.floors import majority, next_different, question_alone
from assistant.evaluation.matching import normalise
from assistant.evaluation.metrics import auroc, calibration_error, quantile, surest_right
from assistant.evaluation.report import (
    CaptionScores,
    Declined,
    Duration,
    Floor,
    Manner,
    Report,
    Score,
    Share,
    Trust,
)
from assistant.evaluation.rows import PictureFile, Problem, read_pictures, spread
from assistant.evaluation.subject import Answer, Subject
from assistant.evaluation.trials import CAPTION_QUESTION, Target, Trial, options_of, trials_of
from assistant.settings import Settings

SEED = 0
"""Of the bootstrap; the model answers without randomness."""
FLOOR_QUESTIONS = 500
"""Where rows ask different questions, the floors that need the model are measured on so many questions at most."""

Wrong = Literal["blank", "swapped"]
OnStep = Callable[[str, int, int], None]
"""Told the name of the stage, the steps done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer to a trial, judged."""

    trial: Trial
    right: bool
    in_top5: bool
    confidence: float | None
    declined: bool = False
    unfamiliar: bool = False


def evaluate(
    path: Path,
    backend: Backend,
    settings: Settings,
    *,
    limit: int | None = None,
    split: str | None = None,
    on_step: OnStep = lambda _stage, _done, _steps: None,
) -> Report:
    """Measure a model on a file of labelled pictures. What its rules would refuse is not asked of them.

    Args:
        path: a Parquet file; see `rows.COLUMNS`.
        backend: the model. Where it cannot choose among options, free text is all that is scored.
        settings: the limits for pictures, as in a chat.
        limit: rows to use at most, spread evenly over the file.
        split: use only the rows of this split.
        on_step: told how far it is.

    Raises:
        InputError: the file cannot be used.
        ModelLoadError: the model cannot be loaded.
        GenerationError: not one row could be answered.
    """
    file = read_pictures(path, limit=limit, split=split)
    backend.load()
    return _Measurement(file, Subject(backend), settings, on_step).run()


class _Measurement:
    def __init__(self, file: PictureFile, subject: Subject, settings: Settings, on_step: OnStep) -> None:
        self._file, self._subject, self._on_step = file, subject, on_step
        self._options = options_of(file.all_rows, subject)
        self._asker = Asker(file, subject, settings, self._options)
        self._trials: dict[Target, list[Trial]] = {}
        self._captioned: list[int] = []
        self._others: dict[Target, dict[int, int]] = {}
        self._problems = list(file.problems)

    def run(self) -> Report:
        self._ask_rows()
        for target, trials in self._trials.items():
            by_row = {trial.place: trial.place if target == "answer" else trial.expected for trial in trials}
            self._others[target] = next_different(by_row)
        self._ask_floors()
        scores = [
            self._score(target, manner)
            for target in self._trials
            for manner in (("choice", "free") if self._can_choose(target) else ("free",))
        ]
        return self._report(scores, self._caption_scores())

    def _can_choose(self, target: Target) -> bool:
        return self._subject.can_choose and target in self._options

    # Asking

    def _ask_rows(self) -> None:
        """Ask about every row. What cannot be used is a problem with the row's name, and the run goes on."""
        rows = self._file.rows
        for place, row in enumerate(rows):
            self._on_step("questions", place, len(rows))
            trials = trials_of(place, row, self._subject)
            questions: dict[str, list[Target]] = {}
            for trial in trials:
                targets = questions.setdefault(trial.question, [])
                if trial.target in self._options and trial.target not in targets:
                    targets.append(trial.target)
            if row.task == "caption":
                questions[CAPTION_QUESTION] = []
            try:
                self._asker.ask_row(place, questions)
            except Exception as error:  # whatever a backend raises, the other rows get their answers
                self._problems.append(Problem(row.id, _why(error)))
                continue
            for trial in trials:
                self._trials.setdefault(trial.target, []).append(trial)
            if row.task == "caption":
                self._captioned.append(place)
        self._on_step("questions", len(rows), len(rows))
        if not self._trials and not self._captioned:
            first = self._problems[0]
            raise GenerationError(
                f"Not one row of {self._file.path.name} could be answered. {first.id}: {first.why.rstrip('.')}.",
                hint="Type: assistant doctor",
            )

    def _ask_floors(self) -> None:
        """Ask the same questions about blank pictures and about other rows' pictures."""
        asked: list[tuple[Source, str, list[Target]]] = []
        for target in self._trials:
            targets: list[Target] = [target] if self._can_choose(target) else []
            for trial in self._floor_trials(target):
                sources = (self._wrong_picture(trial, wrong) for wrong in ("blank", "swapped"))
                asked += [(source, trial.question, targets) for source in sources if source is not None]
        asked += [(self._asker.sizes[place], CAPTION_QUESTION, []) for place in self._captioned]
        for number, (source, question, targets) in enumerate(asked):
            self._on_step("floors", number, len(asked))
            try:
                self._asker.answer(source, question)
                for target in targets:
                    self._asker.choose(source, question, target)
            except Exception as error:  # the floor is then measured on the others; its n says how many
                name = self._file.rows[source].id if isinstance(source, int) else "a blank picture"
                self._problems.append(Problem(name, f"asked for a floor: {_why(error)}"))
        self._on_step("floors", len(asked), len(asked))

    def _floor_trials(self, target: Target) -> list[Trial]:
        """Every trial where all ask the same (the answers are known already, or are few), else some of them."""
        trials = self._trials[target]
        if len({trial.question for trial in trials}) == 1:
            return trials
        return [trials[at] for at in spread(len(trials), FLOOR_QUESTIONS)]

    def _wrong_picture(self, trial: Trial, wrong: Wrong) -> Source | None:
        if wrong == "blank":
            return self._asker.sizes[trial.place]
        return self._others[trial.target].get(trial.place)

    # Scoring

    def _judge(self, trial: Trial, source: Source, manner: Manner) -> Judged | None:
        if manner == "choice":
            ranked = self._asker.chosen(source, trial.question, trial.target)
            if not ranked:
                return None
            in_top5 = any(option == trial.expected for option, _ in ranked)
            return Judged(trial, ranked[0][0] == trial.expected, in_top5, ranked[0][1])
        answer = self._asker.answered(source, trial.question)
        if answer is None:
            return None
        right = normalise(answer.text) in trial.accepted
        return Judged(trial, right, right, answer.confidence, answer.declined, answer.unfamiliar)

    def _score(self, target: Target, manner: Manner) -> Score:
        trials = self._trials[target]
        judged = [each for each in (self._judge(trial, trial.place, manner) for trial in trials) if each is not None]
        options = self._options.get(target, ())
        questions = {trial.question for trial in trials}
        return Score(
            target=target,
            manner=manner,
            question=questions.pop() if len(questions) == 1 else None,
            options=len(options) if manner == "choice" else None,
            result=_share(judged),
            top5=_top5(judged) if manner == "choice" and len(options) > 5 else None,
            majority=majority(trials),
            question_alone=question_alone(trials) if target == "answer" else None,
            blank=self._floor(target, manner, "blank"),
            swapped=self._floor(target, manner, "swapped"),
            by_kind=by_kind(judged),
            trust=trust(judged),
            declined=declined(judged, self._subject.abstain_below) if manner == "free" else None,
        )

    def _floor(self, target: Target, manner: Manner, wrong: Wrong) -> Floor | None:
        pairs: list[tuple[Judged, Judged]] = []
        for trial in self._floor_trials(target):
            source = self._wrong_picture(trial, wrong)
            without = None if source is None else self._judge(trial, source, manner)
            with_it = self._judge(trial, trial.place, manner)
            if without is not None and with_it is not None:
                pairs.append((without, with_it))
        if not pairs:
            return None
        return Floor(_share([each for each, _ in pairs]), _share([each for _, each in pairs]))

    def _caption_scores(self) -> CaptionScores | None:
        places = self._captioned
        if not places:
            return None
        rows = self._file.rows
        others = next_different({place: place for place in places})
        answers = [self._asker.answer(place, CAPTION_QUESTION) for place in places]
        blank = [self._asker.answered(self._asker.sizes[place], CAPTION_QUESTION) for place in places]
        swapped = [self._asker.answered(others[place], CAPTION_QUESTION) for place in places if place in others]
        withheld, unfamiliar = sum(each.declined for each in answers), sum(each.unfamiliar for each in answers)
        return caption_scores.score(
            [each.text for each in answers],
            [rows[place].texts for place in places],
            every_reference=[row.texts for row in self._file.all_rows if row.task == "caption"],
            blank=_texts(blank),
            swapped=_texts(swapped) if others else None,
            question=CAPTION_QUESTION,
            declined=Declined(self._subject.abstain_below, Share.of(withheld, len(answers)), unfamiliar, None),
            seed=SEED,
        )

    def _report(self, scores: Sequence[Score], captions: CaptionScores | None) -> Report:
        file, used = self._file, len(self._asker.sizes)
        notes: list[str] = []
        if not self._subject.can_choose and self._options:
            notes.append("this model cannot be held to a list of answers; its free text alone was scored")
        return Report(
            file={
                "name": file.path.name,
                "sha256": file.sha256,
                "rows": file.total,
                "used": used,
                "splits": file.splits,
            },
            model={**self._subject.info().model_dump(), "abstain_below": self._subject.abstain_below},
            seed=SEED,
            versions=_versions(),
            scores=tuple(scores),
            captions=captions,
            milliseconds={
                name: Duration(len(each), quantile(each, 0.5), quantile(each, 0.95))
                for name, each in self._asker.milliseconds.items()
            },
            peak_memory_bytes=_peak_memory(),
            problems=tuple(self._problems),
            notes=tuple(notes),
        )


def by_kind(judged: Sequence[Judged]) -> dict[str, Share]:
    """Shares by the kind of question or picture; empty where no kind is given."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        groups[each.trial.kind].append(each)
    return {kind: _share(group) for kind, group in sorted(groups.items()) if kind}


def trust(judged: Sequence[Judged]) -> Trust | None:
    """How far the confidence can be relied on; ``None`` where the model gives none."""
    confidences = [each.confidence for each in judged if each.confidence is not None]
    if not judged or len(confidences) < len(judged):
        return None
    right = [each.right for each in judged]
    return Trust(
        calibration_error(confidences, right), auroc(confidences, right), Share.of(*surest_right(confidences, right))
    )


def declined(judged: Sequence[Judged], threshold: float | None) -> Declined:
    """What a chat would have withheld, and how right the rest is."""
    kept = [each for each in judged if not each.declined]
    unfamiliar = sum(each.unfamiliar for each in judged)
    return Declined(threshold, Share.of(len(judged) - len(kept), len(judged)), unfamiliar, _share(kept))


def _share(judged: Sequence[Judged]) -> Share:
    return Share.of(sum(each.right for each in judged), len(judged))


def _top5(judged: Sequence[Judged]) -> Share:
    return Share.of(sum(each.in_top5 for each in judged), len(judged))


def _texts(answers: Sequence[Answer | None]) -> list[str] | None:
    """Their texts, where every one of them was given."""
    texts = [each.text for each in answers if each is not None]
    return texts if len(texts) == len(answers) else None


def _why(error: Exception) -> str:
    if isinstance(error, ImageError):
        return f"its picture cannot be read. {error.message}"
    return f"the model failed: {describe(error)}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("glassbox", "torch", "numpy", "pillow", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _peak_memory() -> int | None:
    """The most memory that the process has held, in bytes, where the system tells."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
