"""Appeals against refusals: what a reviewer decides, the test case that an overturned one leaves in its pack, and how
often each rule was found wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from assistant.errors import GlassboxError, InputError, NotFound
from assistant.evaluation.metrics import wilson
from assistant.messages import Appeal, TurnRecord
from assistant.regression import WrittenCase, write_case
from assistant.store.values import RuleTally
from assistant.verdicts import Frozen, Refusal

if TYPE_CHECKING:
    from assistant.runtime import Runtime

BIASED = (
    "Of the appeals that a reviewer decided, this share was overturned. Only people who appeal are counted, so it says "
    "which rule to look at first, and not how many of all refusals were wrong."
)
"""What a rate of `rates` means and does not mean."""

MOST_REASON = 2_000
"""Characters in a reviewer's reason."""


class Case(Frozen):
    """An appeal as a reviewer sees it: with the turn that was refused."""

    appeal: Appeal
    record: TurnRecord

    @property
    def refusal(self) -> Refusal:
        """Why the turn ended."""
        assert self.record.refusal is not None  # only a refused turn can be appealed
        return self.record.refusal


class Overturned(Frozen):
    """An appeal that was overturned, and what became of its test case."""

    appeal: Appeal
    case: WrittenCase


class RuleRate(Frozen):
    """How often a rule was found wrong. ``rate`` is overturned / decided, ``None`` where nothing was decided; ``low``
    and ``high`` are its 95 % interval (Wilson), in [0, 1]."""

    tally: RuleTally
    rate: float | None
    low: float
    high: float


def cases(runtime: Runtime, status: Literal["open", "upheld", "overturned"] | None = None) -> list[Case]:
    """The appeals with their turns, oldest first.

    Raises:
        StoreError: they cannot be read.
    """
    store = runtime.store
    return [Case(appeal=each, record=store.turn(each.turn_id)) for each in store.appeals(status)]


def case(runtime: Runtime, appeal_id: str) -> Case:
    """One appeal with its turn. The first characters of its id will do, where no other one begins with them.

    Raises:
        NotFound: there is no such appeal.
        InputError: several begin so.
    """
    found = [each for each in runtime.store.appeals() if appeal_id and each.id.startswith(appeal_id)]
    if not found:
        raise NotFound(f"No appeal has the id {appeal_id!r}.", hint="Type: assistant appeals list --all")
    if len(found) > 1:
        raise InputError(f"{len(found)} appeals have an id that begins with {appeal_id!r}.", hint="Give more of it.")
    return Case(appeal=found[0], record=runtime.store.turn(found[0].turn_id))


def uphold(runtime: Runtime, appeal_id: str, *, rule: str, reason: str, who: str) -> Appeal:
    """Decide that a refusal is right. The person sees the rule and the reason next to the refusal.

    Args:
        runtime: the assistant.
        appeal_id: the appeal.
        rule: the id of the rule that holds; it must be the one that the refusal cites.
        reason: a sentence for the person.
        who: the reviewer.

    Raises:
        NotFound: there is no such appeal.
        InputError: no reason, or another rule.
        StoreError: it is decided already.
    """
    found = case(runtime, appeal_id)
    if rule != found.appeal.rule:
        raise InputError(
            f"Not upheld: expected the rule that the refusal cites, {found.appeal.rule}; came {rule or 'none'}.",
            hint="Where another rule should have decided, overturn it.",
        )
    return runtime.store.decide_appeal(found.appeal.id, "upheld", reviewer=who, reason=_reason(reason, "upheld"))


def overturn(runtime: Runtime, appeal_id: str, *, reason: str, who: str) -> Overturned:
    """Decide that a refusal is wrong, and write the question into the pack's tests as one that is to be allowed.

    The rule itself is not changed: as long as the new case does not hold, it stands in a draft that nobody enabled.

    Raises:
        NotFound: there is no such appeal.
        InputError: no reason.
        StoreError: it is decided already.
    """
    found = case(runtime, appeal_id)
    decided = runtime.store.decide_appeal(
        found.appeal.id, "overturned", reviewer=who, reason=_reason(reason, "overturned")
    )
    try:
        written = write_case(runtime, found.appeal, found.record, who)
    except GlassboxError as error:  # the decision stands, whatever becomes of the case
        written = WrittenCase(state="none", message=f"No test case was written. {error}")
    return Overturned(appeal=decided, case=written)


def _reason(reason: str, what: str) -> str:
    reason = reason.strip()
    if not reason:
        raise InputError(
            f"Not {what}: a reason is missing.", hint="Write a sentence; the person who appealed reads it."
        )
    if len(reason) > MOST_REASON:
        raise InputError(f"Not {what}: the reason has {len(reason):,} characters; at most {MOST_REASON:,} are kept.")
    return reason


def rates(tallies: Sequence[RuleTally]) -> list[RuleRate]:
    """Per rule and version, how often it was found wrong; those with the most overturned appeals first."""
    found: list[RuleRate] = []
    for each in tallies:
        low, high = wilson(each.overturned, each.decided)
        rate = each.overturned / each.decided if each.decided else None
        found.append(RuleRate(tally=each, rate=rate, low=low, high=high))
    return sorted(found, key=lambda each: (-each.tally.overturned, -each.tally.appeals, -each.tally.refusals))
