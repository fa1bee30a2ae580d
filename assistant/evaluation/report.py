"""What a measurement on a file of pictures found. Every share is in [0, 1] here; `as_text` prints percent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from assistant.evaluation.metrics import wilson
from assistant.evaluation.rows import Problem

Manner = Literal["choice", "free"]
"""``choice``: held to a list of answers; ``free``: in its own words, compared after `matching.normalise`."""

SCALE = "0 to 100 as papers print it: BLEU-4 times 100; CIDEr-D with its factor of 10, times 100 (0.30 is 30)"


@dataclass(frozen=True, slots=True)
class Share:
    """``right`` of ``n`` with its 95 % Wilson interval; ``share`` is ``None`` where nothing was counted."""

    n: int
    right: float
    share: float | None
    low: float
    high: float

    @classmethod
    def of(cls, right: float, n: int) -> Share:
        """With share and interval worked out."""
        return cls(n, right, right / n if n else None, *wilson(right, n))


@dataclass(frozen=True, slots=True)
class Majority:
    """What always giving the most frequent answer would reach."""

    answer: str
    result: Share


@dataclass(frozen=True, slots=True)
class Floor:
    """The model with the wrong picture, and the model with the right one on the very same questions."""

    wrong_picture: Share
    right_picture: Share


@dataclass(frozen=True, slots=True)
class Trust:
    """How far the confidence can be relied on.

    ``surest`` are the answers that are left when the least confident fifth is declined; ``auroc`` is ``None`` where all
    answers are right or all are wrong.
    """

    calibration_error: float | None
    auroc: float | None
    surest: Share


@dataclass(frozen=True, slots=True)
class Declined:
    """What a chat would have withheld, counted as ``right`` of ``n``; and how right the rest is.

    ``unfamiliar`` of the withheld ones were so because of the picture, whatever the confidence. ``kept`` is ``None``
    for captions, of which none is simply right.
    """

    threshold: float | None
    withheld: Share
    unfamiliar: int
    kept: Share | None


@dataclass(frozen=True, slots=True)
class Score:
    """One thing asked of every row, judged in one manner.

    ``target`` is what was asked for: statement, label, coarse, name or answer. ``question`` is ``None`` where each row
    brings its own; ``options`` is the number of answers to choose among, ``None`` in free text.
    """

    target: str
    manner: Manner
    question: str | None
    options: int | None
    result: Share
    top5: Share | None
    majority: Majority
    question_alone: Share | None
    """For rows with questions: the answer that the same question mostly has about other pictures."""
    blank: Floor | None
    swapped: Floor | None
    by_kind: dict[str, Share]
    trust: Trust | None
    declined: Declined | None


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """BLEU-4 or CIDEr-D over all pictures, with the 95 % bootstrap interval by picture and the floors beneath it."""

    value: float
    low: float
    high: float
    majority: float
    blank: float | None
    swapped: float | None


@dataclass(frozen=True, slots=True)
class CaptionScores:
    """Captions of ``n`` pictures. ``majority_caption`` is the most frequent reference, given to every picture."""

    n: int
    question: str
    references: int
    scale: str
    bleu4: CorpusScore
    cider_d: CorpusScore
    majority_caption: str
    declined: Declined | None


@dataclass(frozen=True, slots=True)
class Duration:
    """Milliseconds of ``n`` calls."""

    n: int
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class Report:
    """Everything that a measurement found, with what is needed to repeat it."""

    file: dict[str, Any]
    model: dict[str, Any]
    seed: int
    versions: dict[str, str]
    scores: tuple[Score, ...]
    captions: CaptionScores | None
    milliseconds: dict[str, Duration]
    peak_memory_bytes: int | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


SHOWN_PROBLEMS = 10


def as_text(report: Report) -> str:
    """The report for a person to read: shares in percent."""
    file, model = report.file, report.model
    lines = [
        f"{file['name']}: {file['used']:,} of {file['rows']:,} rows, sha256 {file['sha256'][:12]}",
        f"{model['name']} {model['version']}".rstrip() + f", weights {model['fingerprint'][:12] or 'without a hash'}",
    ]
    for score in report.scores:
        lines += ["", *_score(score)]
    if report.captions is not None:
        lines += ["", *_captions(report.captions)]
    lines.append("")
    for name, each in report.milliseconds.items():
        lines.append(f"{name}: median {each.median:.1f} ms, 95 % under {each.p95:.1f} ms (n = {each.n:,})")
    if report.peak_memory_bytes is not None:
        lines.append(f"peak memory of the process: {report.peak_memory_bytes / 1e6:,.0f} MB")
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines) + "\n"


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """The rows that could not be used, the first few by name."""
    if problems:
        rows = "1 row was" if len(problems) == 1 else f"{len(problems):,} rows were"
        yield f"{rows} not wholly used:"
    for problem in problems[:SHOWN_PROBLEMS]:
        yield f"  {problem.id}: {problem.why}"
    if len(problems) > SHOWN_PROBLEMS:
        yield f"  and {len(problems) - SHOWN_PROBLEMS:,} more; --json names them all."


def _score(score: Score) -> Iterator[str]:
    manner = f"among {score.options:,} answers" if score.manner == "choice" else "in free text"
    asked = f"“{score.question}”" if score.question else "the row's own question"
    yield f"{score.target}, {manner} ({asked})"
    yield f"  {'right':24} {_share(score.result)}"
    if score.top5 is not None:
        yield f"  {'among its first five':24} {_share(score.top5)}"
    yield f"  {'floor: majority':24} {_share(score.majority.result)}: always “{score.majority.answer}”"
    if score.question_alone is not None:
        yield f"  {'floor: question alone':24} {_share(score.question_alone)}"
    for name, floor in (("floor: blank picture", score.blank), ("floor: swapped picture", score.swapped)):
        if floor is not None:
            yield f"  {name:24} {_share(floor.wrong_picture)}; {_percent(floor.right_picture)} with the right one"
    for kind, share in score.by_kind.items():
        yield f"  {'of kind ' + kind:24} {_share(share)}"
    if score.trust is not None:
        trust = score.trust
        error = "none" if trust.calibration_error is None else f"{100 * trust.calibration_error:.1f} %"
        auroc = "none" if trust.auroc is None else f"{trust.auroc:.3f}"
        yield f"  {'surest four fifths':24} {_share(trust.surest)}"
        yield f"  {'calibration error':24} {error}; confidence tells right from wrong: AUROC {auroc}"
    if score.declined is not None:
        yield from _declined(score.declined)


def _declined(declined: Declined) -> Iterator[str]:
    reasons = [] if declined.threshold is None else [f"confidence under {declined.threshold:.2f}"]
    reasons += [f"{declined.unfamiliar:,} for an unfamiliar picture"] if declined.unfamiliar else []
    why = f" ({'; '.join(reasons)})" if reasons else ""
    yield f"  {'a chat would withhold':24} {_share(declined.withheld)}{why}"
    if declined.kept is not None and declined.kept.n:
        yield f"  {'right of the rest':24} {_share(declined.kept)}"


def _captions(captions: CaptionScores) -> Iterator[str]:
    yield f"captions of {captions.n:,} pictures (“{captions.question}”)"
    yield f"  {'scale':24} {captions.scale}"
    for name, score in (("BLEU-4", captions.bleu4), ("CIDEr-D", captions.cider_d)):
        floors = {"majority": score.majority, "blank": score.blank, "swapped": score.swapped}
        beneath = ", ".join(f"{floor} {value:.1f}" for floor, value in floors.items() if value is not None)
        yield f"  {name:24} {score.value:5.1f}   ({score.low:.1f} to {score.high:.1f}); floors: {beneath}"
    if captions.declined is not None:
        yield from _declined(captions.declined)


def _share(share: Share) -> str:
    return f"{_percent(share):>7}   ({100 * share.low:.1f} to {100 * share.high:.1f}, n = {share.n:,})"


def _percent(share: Share) -> str:
    return "none" if share.share is None else f"{100 * share.share:.1f} %"
