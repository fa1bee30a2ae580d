"""Which packs a revision is drafted for, and out of what."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from assistant.errors import GlassboxError
from assistant.pack_text import rules_of
from assistant.packs import PackKeeper, PackSummary
from assistant_redteam.attack import Attack, Attempt, OnStep
from assistant_redteam.drafting import Draft, TryPack, draft
from assistant_redteam.editing import with_term
from assistant_redteam.supplement import FIRST_VERSION, copied_rule, new_supplement, supplement_id, with_rules


def draft_revisions(keeper: PackKeeper, found: Attack, on_step: OnStep = lambda what, done, steps: None) -> list[Draft]:
    """Draft a revision of every pack of which something got through.

    A pack that comes with the program is not replaced: what is missing in `core` is drafted as additions in a pack of
    its own, `core-more`, which can only tighten.

    Raises:
        GlassboxError: the packs cannot be read.
    """
    there = {each.id: each for each in keeper.summaries()}
    bundled = {supplement_id(each.id): each.id for each in there.values() if each.bundled}
    targets: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in found.attempts:
        if attempt.got_through and attempt.pack in there:
            target = supplement_id(attempt.pack) if there[attempt.pack].bundled else attempt.pack
            targets[target].append(attempt)
    allowed = _allowed(found)
    drafts: list[Draft] = []
    with tempfile.TemporaryDirectory(prefix="glassbox-") as folder:
        try_pack = _trier(keeper, Path(folder) / "pack.yaml")
        for number, (target, passed) in enumerate(sorted(targets.items())):
            on_step("drafting", number, len(targets))
            if target in bundled:
                drafts.append(_additions(keeper, there, bundled[target], passed, allowed, try_pack))
            else:
                drafts.append(draft(target, there[target].version, keeper.source(target), passed, allowed, try_pack))
    on_step("drafting", len(targets), len(targets))
    return drafts


def _additions(
    keeper: PackKeeper,
    there: Mapping[str, PackSummary],
    pack: str,
    passed: Sequence[Attempt],
    allowed: Sequence[str],
    try_pack: TryPack,
) -> Draft:
    """Additions to a pack that comes with the program: first with every rule that could take a term, then with those
    alone that did."""
    target, base = supplement_id(pack), keeper.source(pack)
    before = there.get(target)
    start = new_supplement(base) if before is None else keeper.source(target)
    version = FIRST_VERSION if before is None else before.version
    rules = {
        attempt.rule
        for attempt in passed
        for change in attempt.mutant.changes
        if attempt.rule in rules_of(base) and with_term(base, attempt.rule, *change)[1]
    }

    def widen(rules: set[str]) -> Draft:
        widened = with_rules(start, base, rules)
        made = draft(target, version, widened, passed, allowed, try_pack, rule_of=copied_rule)
        return made if before is not None else replace(made, base_version="")

    made = widen(rules)
    kept = {proposal.rule for proposal in made.proposals if proposal.kept}
    useful = {rule for rule in rules if copied_rule(rule) in kept}
    if useful == rules:
        return made
    final = widen(useful)
    pairs = zip(made.proposals, final.proposals, strict=True)
    return replace(final, proposals=tuple(after if after.rule in kept else before for before, after in pairs))


def _allowed(found: Attack) -> list[str]:
    """Allowed requests that pass, and the same with other words in them."""
    plain = [seed.text for seed in found.seeds if not seed.refused]
    other = [
        each.mutant.text
        for each in found.attempts
        if not each.seed.refused and not each.blocked and each.mutant.changes and each.mutant.picture is None
    ]
    return list(dict.fromkeys((*plain, *other)))


def _trier(keeper: PackKeeper, file: Path) -> TryPack:
    def try_pack(source: str) -> Sequence[str]:
        file.write_text(source, encoding="utf-8")
        try:
            return keeper.test(str(file)).failures
        except GlassboxError as error:
            return (str(error),)

    return try_pack
