"""Apply packs to a text: every principle's evaluators look, and what they find becomes verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.evaluators import Evaluator, Finding, Subject
from assistant.messages import ImagePart, Message, Turn
from assistant.verdicts import ACTIONS, Action, Verdict
from assistant_constitutions.errors import PackError
from assistant_constitutions.pack import EvaluatorUse, Pack, Place, Principle, SecondLook, TestCase
from assistant_constitutions.revising import Rewrite, revised


def check_evaluators(pack: Pack, evaluators: Mapping[str, Evaluator]) -> None:
    """Make sure that every evaluator of a pack is there and accepts its options.

    Raises:
        PackError: one does not; the message says which principle and why.
    """
    for where, use in evaluator_uses(pack):
        where = f"Pack {pack.id} {pack.version}, {where}"
        evaluator = evaluators.get(use.name)
        if evaluator is None:
            there = ", ".join(sorted(evaluators)) or "none"
            raise PackError(
                f"{where}: expected an evaluator that is there; came {use.name!r}.",
                hint=f"There are: {there}. Install or enable the plugin that brings it.",
            )
        try:
            evaluator.check_options(use.options)
        except ValueError as error:
            raise PackError(f"{where}: the evaluator {use.name!r} does not accept its options: {error}.") from error


def evaluator_uses(pack: Pack) -> Iterator[tuple[str, EvaluatorUse | SecondLook]]:
    """Every use of an evaluator in a pack, with the place where it stands, in words."""
    for principle in pack.principles:
        uses = (*principle.evaluators, *(use for each in principle.exceptions for use in each.evaluators))
        for use in uses:
            yield f"principle {principle.id}", use
        if principle.second_look is not None:
            yield f"principle {principle.id}, second look", principle.second_look
    for override in pack.overrides:
        for use in override.when:
            yield f"override of {override.rule}", use


def judge(
    packs: Sequence[Pack],
    evaluators: Mapping[str, Evaluator],
    subject: Subject,
    places: frozenset[Place],
    actions: frozenset[Action] = frozenset(ACTIONS),
    rewrite: Rewrite | None = None,
) -> list[Verdict]:
    """Apply every principle of the packs that is for one of these places and has one of these actions.

    Args:
        packs: with evaluators that `check_evaluators` has accepted.
        evaluators: by name.
        subject: the text, and the turn around it.
        places: where the text stands.
        actions: which actions are possible here.
        rewrite: how to have an answer written anew, where a model can.

    Returns:
        A verdict for each principle that holds against the text, and an ``allow`` with score and threshold where an
        evaluator saw something and not enough of it. Nothing for the others.
    """
    verdicts: list[Verdict] = []
    for pack in packs:
        for principle in pack.principles:
            if principle.action in actions and not places.isdisjoint(principle.applies_to):
                verdict = _apply(pack, principle, evaluators, subject, rewrite)
                if verdict is not None:
                    verdicts.append(verdict)
    return verdicts


def _apply(
    pack: Pack,
    principle: Principle,
    evaluators: Mapping[str, Evaluator],
    subject: Subject,
    rewrite: Rewrite | None,
) -> Verdict | None:
    seen = _look(principle.evaluators, evaluators, subject)
    if not seen:
        return None
    over = [(use, finding) for use, finding in seen if finding.score >= use.threshold]
    second = principle.second_look
    unsure = [] if second is None or over else [each for each in seen if each[1].score >= second.unsure_from]
    excused = bool(over or unsure) and any(
        holds_against(exception.evaluators, evaluators, subject) for exception in principle.exceptions
    )
    # The evaluator that is furthest over its own threshold speaks; the places of all that are over it are marked.
    use, finding = max(over or seen, key=lambda each: each[1].score - each[0].threshold)
    name, score, threshold = use.name, finding.score, use.threshold
    holds, shown = bool(over) and not excused, over
    look_again = second is not None and not excused and bool(unsure or (over and second.always))
    if second is not None and look_again and getattr(evaluators[second.name], "ready", True):
        if not subject.whole:
            return _wait(pack, principle, second.name, subject)
        looked = evaluators[second.name].evaluate(subject, second.options) or Finding(score=0.0)
        name, score, threshold = second.name, looked.score, second.threshold
        holds, shown = looked.score >= second.threshold, [*over, *unsure, (use, looked)]
    marked = [each for _, each in shown] if holds else []
    spans = tuple(dict.fromkeys(span for each in marked for span in each.spans))
    action = principle.action if holds else "allow"
    replacement = None
    if action == "revise":
        if not subject.whole:
            return _wait(pack, principle, name, subject)
        replacement = revised(principle, subject.text, spans, subject.shown, rewrite)
        action = "refuse" if replacement is None else "revise"
    return Verdict(
        action=action,
        rule=pack.rule(principle),
        evaluator=name,
        spans=spans,
        regions=tuple(dict.fromkeys(region for each in marked for region in each.regions)),
        score=score,
        threshold=threshold,
        message=principle.message if holds else "",
        # Of a refused answer no word is kept, and what an evaluator says may quote it.
        detail=_in_words(shown) if holds and subject.part != "answer" else "",
        replacement=replacement,
    )


def _in_words(shown: Sequence[tuple[EvaluatorUse | SecondLook, Finding]]) -> str:
    """What the evaluators say about their findings, each with its name; empty where none says anything."""
    said = dict.fromkeys(f"{use.name}: {finding.detail.rstrip('.')}" for use, finding in shown if finding.detail)
    return "; ".join(said) + "." if said else ""


def _wait(pack: Pack, principle: Principle, evaluator: str, subject: Subject) -> Verdict:
    """Hold the answer back until it is over: nothing is changed yet."""
    return Verdict(
        action="revise",
        rule=pack.rule(principle),
        evaluator=evaluator,
        message="Held back until the answer was over.",
        replacement=subject.text[subject.shown :],
    )


def holds_against(uses: Sequence[EvaluatorUse], evaluators: Mapping[str, Evaluator], subject: Subject) -> bool:
    """Whether one of some evaluators reaches its threshold."""
    return any(finding.score >= use.threshold for use, finding in _look(uses, evaluators, subject))


def _look(
    uses: Sequence[EvaluatorUse], evaluators: Mapping[str, Evaluator], subject: Subject
) -> list[tuple[EvaluatorUse, Finding]]:
    seen: list[tuple[EvaluatorUse, Finding]] = []
    for use in uses:
        finding = evaluators[use.name].evaluate(subject, use.options)
        if finding is not None:
            seen.append((use, finding))
    return seen


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one test case: the strongest action, and the principle behind it."""

    case: TestCase
    action: Action
    rule: str

    @property
    def holds(self) -> bool:
        """Whether it is what the case expects. For ``allow`` it does not matter which principle was near."""
        return self.action == self.case.expect and (self.action == "allow" or self.rule == self.case.rule)

    def __str__(self) -> str:
        came = self.action if self.action == "allow" else f"{self.action} by {self.rule}"
        wanted = self.case.expect if self.case.expect == "allow" else f"{self.case.expect} by {self.case.rule}"
        return f"{self.case.role}: {self.case.text!r}: expected {wanted}; came {came}."


@dataclass(frozen=True, slots=True)
class TestReport:
    """What became of all test cases of a pack."""

    __test__ = False  # a name that pytest would take for a class of tests

    pack: str
    version: str
    results: tuple[CaseResult, ...]

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The cases that do not hold."""
        return tuple(result for result in self.results if not result.holds)

    @property
    def passed(self) -> bool:
        """Whether every case holds."""
        return not self.failures


# One grey pixel stands for "a picture"; the evaluators of test cases look at texts.
_PICTURE = ImagePart(sha256="0" * 64, media_type="image/png", width=1, height=1)


def subject_of(
    text: str, role: Literal["user", "assistant"], *, image: bool = False
) -> tuple[Subject, frozenset[Place]]:
    """A text outside of any chat, as the rules look at it, and where it stands.

    Args:
        text: what was said.
        role: by whom.
        image: whether a picture comes with it.
    """
    if role == "assistant":
        turn = Turn(door="test", question=Message(text=""))
        return Subject(turn=turn, part="answer", text=text), OUTPUT
    turn = Turn(door="test", question=Message(text=text, images=(_PICTURE,) if image else ()))
    return Subject(turn=turn, part="question", text=text), places_of(turn)


def run_pack_tests(pack: Pack, evaluators: Mapping[str, Evaluator], others: Sequence[Pack] = ()) -> TestReport:
    """Run a pack's own test cases against the pack alone.

    Args:
        pack: the pack.
        evaluators: by name.
        others: packs to whose rules this one adds exceptions; its cases for those are run as if they were granted.

    Returns:
        The report; a pack without cases passes.

    Raises:
        PackError: an evaluator is missing or does not accept its options.
    """
    check_evaluators(pack, evaluators)
    results: list[CaseResult] = []
    for case in pack.tests:
        subject, places = subject_of(case.text, case.role, image=case.image)
        verdicts = judge((pack,), evaluators, subject, places)
        verdicts += _excepted(pack, others, case.rule, evaluators, subject, places)
        strongest = max(verdicts, key=lambda verdict: ACTIONS.index(verdict.action), default=None)
        if strongest is None or strongest.rule is None:
            results.append(CaseResult(case, "allow", ""))
        else:
            results.append(CaseResult(case, strongest.action, strongest.rule.id))
    return TestReport(pack.id, pack.version, tuple(results))


def _excepted(
    pack: Pack,
    others: Sequence[Pack],
    rule: str,
    evaluators: Mapping[str, Evaluator],
    subject: Subject,
    places: frozenset[Place],
) -> list[Verdict]:
    """What another pack's rule says where none of this pack's exceptions to it applies."""
    exceptions = [override for override in pack.overrides if override.rule == rule]
    if not exceptions or any(holds_against(each.when, evaluators, subject) for each in exceptions):
        return []
    return [
        verdict
        for other in others
        if other.id != pack.id
        for verdict in judge((other,), evaluators, subject, places)
        if verdict.rule is not None and verdict.rule.id == rule
    ]


OUTPUT: frozenset[Place] = frozenset({"output"})


def places_of(turn: Turn) -> frozenset[Place]:
    """Where a question stands: ``input``, and ``image`` where it is about a picture."""
    return frozenset({"input", "image"}) if turn.images else frozenset({"input"})
