"""Several packs at once: what each says is put into one order, and a pack's exceptions to another's rules hold where an
operator granted them.

A pack can add rules, and so only tighten what others say: the strongest verdict decides. The order is the same
whatever way the packs came in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assistant.evaluators import Evaluator, Subject
from assistant.messages import PackStamp
from assistant.packs import PackGrant
from assistant.verdicts import ACTIONS, Action, Verdict
from assistant_constitutions.engine import holds_against, judge
from assistant_constitutions.loader import ALWAYS_ON
from assistant_constitutions.pack import Override, Pack, Place
from assistant_constitutions.revising import Rewrite
from assistant_constitutions.shelf import Kept

GENERAL = "general"
"""The domain of a pack for everything; at the same precedence, a pack for one domain speaks before it."""

SEVERITIES = ("low", "medium", "high", "critical")

OrderKey = tuple[int, int, int, bool, str, str]


@dataclass(frozen=True)
class GrantedOverride:
    """A pack's exception to another pack's rule, with the grant; without one it has no effect."""

    pack: Pack
    override: Override
    grant: PackGrant | None


@dataclass(frozen=True)
class Constitution:
    """The packs that one turn is judged by. Made by `compose`."""

    packs: tuple[Pack, ...]
    stamps: tuple[PackStamp, ...]
    overrides: Mapping[str, tuple[GrantedOverride, ...]] = field(default_factory=dict[str, tuple[GrantedOverride, ...]])
    """By the rule that they are about."""

    def judge(
        self,
        evaluators: Mapping[str, Evaluator],
        subject: Subject,
        places: frozenset[Place],
        actions: frozenset[Action] = frozenset(ACTIONS),
        rewrite: Rewrite | None = None,
    ) -> list[Verdict]:
        """Judge a text: `assistant_constitutions.engine.judge`, with the exceptions that packs make for each other.

        What comes back is in no order yet; `ranked` orders the verdicts on texts that belong together.
        """
        found = judge(self.packs, evaluators, subject, places, actions, rewrite)
        return [self._with_overrides(verdict, evaluators, subject) for verdict in found]

    def ranked(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Verdicts in the order of their weight: action, severity, precedence of the pack, a pack for one domain before
        a general one, and the ids. What decides says over whom, what gives way says why, and what stops a text that the
        packs that are always on would let pass says so."""
        precedence = {pack.id: (-pack.precedence, pack.domain == GENERAL) for pack in self.packs}
        unknown = (0, True)

        def key(verdict: Verdict) -> OrderKey:
            rule = verdict.rule
            severity = SEVERITIES.index(rule.severity) if rule else 0
            first, general = precedence.get(rule.pack, unknown) if rule else unknown
            return (
                -ACTIONS.index(verdict.action),
                -severity,
                first,
                general,
                rule.pack if rule else "",
                rule.id if rule else "",
            )

        ordered = sorted(dict.fromkeys(verdicts), key=key)
        if not ordered or ordered[0].rule is None:
            return ordered
        ordered[0] = first = self._tightening(ordered)
        others = [
            each for each in ordered if each.action != "allow" and each.rule is not None and _name(each) != _name(first)
        ]
        if not others:
            return ordered
        reasons = {_name(each): _reason(key(first), key(each), first, each) for each in others}
        explained = [_with_detail(first, f"Decides over {_name(others[0])}: {reasons[_name(others[0])]}.")]
        for each in ordered[1:]:
            reason = reasons.get(_name(each)) if each.action != "allow" else None
            explained.append(_with_detail(each, f"Gives way to {_name(first)}: {reason}.") if reason else each)
        return explained

    def _tightening(self, ordered: Sequence[Verdict]) -> Verdict:
        """The first verdict; where it stops what the core lets pass, it says so."""
        first = ordered[0]
        stopping = {verdict.rule.pack for verdict in ordered if verdict.blocks and verdict.rule}
        core = [pack for pack in self.packs if pack.id in ALWAYS_ON]
        if not core or not stopping or not stopping.isdisjoint(ALWAYS_ON) or first.rule is None:
            return first
        names = " and ".join(f"{pack.id} {pack.version}" for pack in core)
        return _with_detail(first, f"{first.rule.pack} is stricter here than {names}, which would let it pass.")

    def _with_overrides(self, verdict: Verdict, evaluators: Mapping[str, Evaluator], subject: Subject) -> Verdict:
        rule = verdict.rule
        if verdict.action == "allow" or rule is None:
            return verdict
        for each in self.overrides.get(rule.id, ()):
            if each.pack.id == rule.pack or not holds_against(each.override.when, evaluators, subject):
                continue
            source = f"An exception of {each.pack.id} {each.pack.version} (“{each.override.because}”)"
            if each.grant is None:
                verdict = _with_detail(verdict, f"{source} would apply; nobody granted it.")
                continue
            granted = f"granted by {each.grant.who} on {each.grant.at.date().isoformat()}: {each.grant.reason}"
            return verdict.model_copy(
                update={
                    "action": "allow",
                    "spans": (),
                    "regions": (),
                    "message": "",
                    "replacement": None,
                    "detail": f"{source} applies, {granted}.",
                }
            )
        return verdict


def compose(kept: Sequence[Kept], grants: Sequence[PackGrant] = ()) -> Constitution:
    """Put packs together.

    Args:
        kept: the packs, in any order.
        grants: those that the audit log knows of. One for an exception that has changed since has no effect.
    """
    unique = {each.pack.id: each for each in kept}
    ordered = sorted(
        unique.values(), key=lambda each: (-each.pack.precedence, each.pack.domain == GENERAL, each.pack.id)
    )
    by_exception = {(grant.pack, grant.rule, grant.digest): grant for grant in grants}
    overrides: dict[str, list[GrantedOverride]] = {}
    stamps: list[PackStamp] = []
    for each in ordered:
        granted: list[str] = []
        for override in each.pack.overrides:
            grant = by_exception.get((each.pack.id, override.rule, digest_of(override)))
            overrides.setdefault(override.rule, []).append(GrantedOverride(each.pack, override, grant))
            if grant is not None:
                granted.append(override.rule)
        stamps.append(each.stamp.model_copy(update={"granted": tuple(sorted(set(granted)))}))
    return Constitution(
        packs=tuple(each.pack for each in ordered),
        stamps=tuple(sorted(stamps, key=lambda stamp: stamp.id)),
        overrides={rule: tuple(each) for rule, each in overrides.items()},
    )


def digest_of(override: Override) -> str:
    """A hash over an exception: a grant is for exactly this one."""
    text = json.dumps(override.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _name(verdict: Verdict) -> str:
    return f"{verdict.rule.pack}:{verdict.rule.id}" if verdict.rule else ""


def _with_detail(verdict: Verdict, sentence: str) -> Verdict:
    return verdict.model_copy(update={"detail": f"{verdict.detail} {sentence}".strip()})


def _reason(first: OrderKey, other: OrderKey, winner: Verdict, loser: Verdict) -> str:
    """In words, the first thing in which two verdicts differ."""
    if first[0] != other[0]:
        return f"the stronger action ({winner.action} over {loser.action})"
    if first[1] != other[1]:
        assert winner.rule is not None
        assert loser.rule is not None
        return f"the higher severity ({winner.rule.severity} over {loser.rule.severity})"
    if first[2] != other[2]:
        return f"the higher precedence of its pack ({-first[2]} over {-other[2]})"
    if first[3] != other[3]:
        return "its pack is for one domain, the other for all"
    return "the order of the ids; in weight they are equal"
