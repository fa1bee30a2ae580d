"""Say every seed differently, put it to the rules, and remember what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.errors import GlassboxError
from assistant.messages import CheckResult, TurnSettings
from assistant.runtime import Runtime
from assistant_redteam.mutation import Mutant, Mutator, mutate
from assistant_redteam.seeds import Seed


@dataclass(frozen=True, slots=True)
class Attempt:
    """One mutant and what the rules said.

    ``rule``, ``pack`` and ``action`` are those that refuse the seed itself; for an allowed seed they are those that
    refused the mutant, and ``rule`` and ``pack`` are empty where none did.
    """

    seed: Seed
    mutator: Mutator
    mutant: Mutant
    blocked: bool
    rule: str
    pack: str
    action: Literal["refuse", "ask"]

    @property
    def got_through(self) -> bool:
        """Whether a request that is refused as it stands passed when it was said differently."""
        return self.seed.refused and not self.blocked


@dataclass
class Attack:
    """Everything that was tried. ``not_blocked`` are seeds that pass as they stand, ``refused_anyway`` allowed ones
    that do not; neither is said differently. ``problems`` name what could not be judged."""

    attempts: list[Attempt] = field(default_factory=list[Attempt])
    not_blocked: list[Seed] = field(default_factory=list[Seed])
    refused_anyway: list[Seed] = field(default_factory=list[Seed])
    seeds: list[Seed] = field(default_factory=list[Seed])
    problems: list[str] = field(default_factory=list[str])


OnStep = Callable[[str, int, int], None]


def attack(
    runtime: Runtime,
    seeds: Sequence[Seed],
    mutators: Sequence[Mutator],
    *,
    settings: TurnSettings,
    seed: int,
    per_seed: int,
    on_step: OnStep = lambda what, done, steps: None,
) -> Attack:
    """Try every mutator on every seed that is judged rightly as it stands.

    Args:
        runtime: with the packs that are in force.
        seeds: requests to be refused, and allowed ones: what an attack detector refuses of these is a false alarm.
        mutators: the ways to say them differently.
        settings: the packs to apply besides.
        seed: of all chance.
        per_seed: at most so many mutants by each mutator of each seed.
        on_step: is told how far it is.
    """
    found = Attack()
    for done, each in enumerate(seeds, 1):
        result = _check(runtime, Mutant(each.text), settings, f"seed {each.id}", found)
        on_step("attacking", done, len(seeds))
        if result is None:
            continue
        if (result.refusal is not None) != each.refused:
            (found.not_blocked if each.refused else found.refused_anyway).append(each)
            continue
        found.seeds.append(each)
        for mutator in mutators:
            for mutant in mutate(mutator, each.text, seed=seed, count=per_seed):
                judged = _check(runtime, mutant, settings, f"seed {each.id}, {mutator.name}", found)
                if judged is not None:
                    found.attempts.append(_attempt(each, mutator, mutant, result, judged))
    return found


def _attempt(seed: Seed, mutator: Mutator, mutant: Mutant, plain: CheckResult, judged: CheckResult) -> Attempt:
    cited = plain.refusal or judged.refusal
    return Attempt(
        seed,
        mutator,
        mutant,
        blocked=judged.refusal is not None,
        rule=cited.rule.id if cited else "",
        pack=cited.rule.pack if cited else "",
        action=cited.action if cited else "refuse",
    )


def _check(runtime: Runtime, mutant: Mutant, settings: TurnSettings, name: str, found: Attack) -> CheckResult | None:
    """What the rules say; ``None``, with a note, where they could not be asked or a check could not run."""
    try:
        result = runtime.check(mutant.text, images=[mutant.picture] if mutant.picture else (), settings=settings)
    except GlassboxError as error:
        found.problems.append(f"{name}: {error}")
        return None
    if result.refusal is not None and result.refusal.cause == "check_failed":
        found.problems.append(f"{name}: not judged: {result.refusal.message}")
        return None
    return result
