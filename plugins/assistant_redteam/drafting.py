"""From what got through to a revision of a pack: new terms for its lists of words, each held by a new test case.

A change is kept only where all test cases of the pack hold with it, the allowed ones included, and where the allowed
requests that were said differently still pass. Nothing is changed here: the revision is a text for a person to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.pack_text import NewCase, bumped, rules_of, with_cases, with_version
from assistant_redteam.attack import Attempt
from assistant_redteam.editing import with_term

MOST_TRIALS = 150
"""Mutants of one pack that are tried; each runs all test cases of the pack."""

NO_LIST = "no list of words of the rule holds what was replaced"

Change = tuple[str, str]
"""A word or phrase, and what was said in its place."""

TryPack = Callable[[str], Sequence[str]]
"""Runs the test cases of a pack, given as the text of its file; what comes back are the cases that do not hold."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was tried for one mutant that got through.

    ``kept``: the change is in the draft. Where it is not, ``why`` says what stood against it. ``terms`` are (list of
    words, term); none where terms of an earlier proposal were enough, or where no list could take one.
    """

    rule: str
    attack: str
    text: str
    terms: tuple[tuple[str, str], ...]
    kept: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision of one pack. ``base_version`` is empty for a pack that is new. ``failing`` are cases that did not hold
    before any change: until they do, nobody can accept the draft."""

    pack: str
    base_version: str
    version: str
    source: str
    proposals: tuple[Proposal, ...]
    failing: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to accept."""
        return any(proposal.kept for proposal in self.proposals)


def draft(
    pack: str,
    version: str,
    source: str,
    passed: Sequence[Attempt],
    allowed: Sequence[str],
    try_pack: TryPack,
    *,
    rule_of: Callable[[str], str] = lambda rule: rule,
) -> Draft:
    """Draft a revision of a pack.

    Args:
        pack: its id.
        version: its version.
        source: its file.
        passed: what got through of the requests that its rules refuse.
        allowed: requests that pass and must go on to do so.
        try_pack: runs a pack's test cases.
        rule_of: the id under which this pack has a rule.
    """
    now, known, trials = with_version(source, bumped(version)), rules_of(source), 0
    failing = try_pack(_with_allowed(now, allowed, min(known))) if known else ()
    proposals: list[Proposal] = []

    def attempt(each: Attempt, rule: str, changes: Sequence[Change]) -> tuple[str, list[tuple[str, str]], str]:
        """The pack with the terms for these changes and a case for the mutant, the terms, and the case that fails."""
        trial, terms = now, list[tuple[str, str]]()
        for before, after in changes:
            trial, names = with_term(trial, rule, before, after)
            terms += [(name, after) for name in names]
        trial = with_cases(trial, [NewCase(each.mutant.text, each.action, rule)])
        failures = [each for each in try_pack(_with_allowed(trial, allowed, rule)) if each not in failing]
        return trial, terms, failures[0] if failures else ""

    for each in passed:
        rule = rule_of(each.rule)
        why = _not_tried(each, trials) or ("" if rule in known else NO_LIST)
        terms: list[tuple[str, str]] = []
        if not why:
            trials += 1
            changes = list(each.mutant.changes)
            trial, terms, why = attempt(each, rule, changes)
            for change in () if why else each.mutant.changes:  # what is not needed for this mutant is left out
                fewer = [other for other in changes if other != change]
                smaller, smaller_terms, wrong = attempt(each, rule, fewer)
                if not wrong:
                    changes, trial, terms = fewer, smaller, smaller_terms
            if why and not terms:
                why = NO_LIST
            now = now if why else trial
        proposals.append(Proposal(rule, each.mutator.name, each.mutant.text, tuple(terms), not why, why))
    return Draft(pack, version, bumped(version), now, tuple(proposals), tuple(failing))


def _with_allowed(source: str, texts: Sequence[str], rule: str) -> str:
    return with_cases(source, [NewCase(text, "allow", rule) for text in texts])


def _not_tried(attempt: Attempt, trials: int) -> str:
    if attempt.mutant.picture is not None or not attempt.mutant.changes:
        return "no word was put in place of another; a list of words cannot mend this"
    return f"only {MOST_TRIALS} are tried for one pack" if trials >= MOST_TRIALS else ""
