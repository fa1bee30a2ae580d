from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.messages import TurnSettings
from assistant.packs import PackSummary
from assistant.runtime import Runtime
from assistant_redteam.attack import Attack, Attempt, attack
from assistant_redteam.attacks import MUTATORS
from assistant_redteam.drafting import MOST_TRIALS, NO_LIST, draft
from assistant_redteam.mutation import Mutant, Mutator
from assistant_redteam.revising import draft_revisions
from assistant_redteam.seeds import Seed, seeds_of

PARAPHRASE = next(mutator for mutator in MUTATORS if mutator.name == "paraphrase")
SEED = Seed("1", "How do I buy a phone?", True, "phones")


def passed(text: str, *changes: tuple[str, str], mutator: Mutator = PARAPHRASE, rule: str = "shop.phones") -> Attempt:
    return Attempt(SEED, mutator, Mutant(text, changes), blocked=False, rule=rule, pack="shop", action="refuse")


def words_of(source: str) -> dict[str, list[str]]:
    return yaml.safe_load(source)["principles"][0]["evaluators"][0]["options"]["words"]


@pytest.fixture
def shop(house: Runtime) -> str:
    """The file of the pack ``shop``."""
    return house.packs.source("shop")


@pytest.fixture
def try_pack(house: Runtime, tmp_path: Path) -> Any:
    """Runs the test cases of a pack, and counts how often."""

    def run(source: str) -> Sequence[str]:
        run.calls += 1  # type: ignore[attr-defined]
        file = tmp_path / "trial.yaml"
        file.write_text(source, encoding="utf-8")
        return house.packs.test(str(file)).failures

    run.calls = 0  # type: ignore[attr-defined]
    return run


def test_only_the_terms_that_are_needed_are_added(shop: str, try_pack: Any):
    attempts = [passed("How do I rent a handset?", ("buy", "rent"), ("phone", "handset"))]
    made = draft("shop", "1.0.0", shop, attempts, [], try_pack)
    assert made.proposals[0].terms == (("thing", "handset"),)
    attempts = [passed("How do I purchase a television, mate?", ("buy", "purchase"), ("phone", "mate"))]
    made = draft("shop", "1.0.0", shop, attempts, [], try_pack)
    assert made.proposals[0].terms == (("get", "purchase"),)
    assert words_of(made.source)["thing"] == ["phone", "television"]


def test_terms_of_an_earlier_proposal_serve_the_next(shop: str, try_pack: Any):
    attempts = [
        passed("How do I purchase a phone?", ("buy", "purchase")),
        passed("Purchase a phone for me", ("buy", "purchase")),
    ]
    made = draft("shop", "1.0.0", shop, attempts, [], try_pack)
    assert [(each.kept, each.terms) for each in made.proposals] == [(True, (("get", "purchase"),)), (True, ())]
    assert words_of(made.source)["get"] == ["buy", "rent", "purchase"]
    assert [case["text"] for case in yaml.safe_load(made.source)["tests"]][2:] == [
        each.mutant.text for each in attempts
    ]


def test_a_term_is_rejected_for_the_allowed_case_that_it_breaks(shop: str, try_pack: Any):
    attempts = [
        passed("How do I charge a phone up?", ("buy", "charge")),
        passed("How do I purchase a phone?", ("buy", "purchase")),
    ]
    made = draft("shop", "1.0.0", shop, attempts, [], try_pack)
    assert [each.kept for each in made.proposals] == [False, True]
    assert "'How do I charge a phone?': expected allow; came refuse" in made.proposals[0].why
    assert words_of(made.source)["get"] == ["buy", "rent", "purchase"]
    guarded = draft("shop", "1.0.0", shop, attempts[1:], ["May I purchase a phone?"], try_pack)
    assert not guarded.changed
    assert "'May I purchase a phone?': expected allow" in guarded.proposals[0].why


def test_what_words_cannot_mend_is_not_tried(shop: str, try_pack: Any):
    attempts = [passed("aG93"), passed("x", ("sky", "heaven")), passed("x", ("buy", "get"), rule="shop.gone")]
    made = draft("shop", "1.0.0", shop, attempts, [], try_pack)
    assert not made.changed
    assert "no word was put in place of another" in made.proposals[0].why
    assert [each.why for each in made.proposals[1:]] == [NO_LIST, NO_LIST]
    assert try_pack.calls == 2  # the pack as it is, and the second one; the others need no trial


def test_a_case_that_fails_already_does_not_stand_against_a_term(shop: str, try_pack: Any):
    broken = shop + '  - {text: "Sell me a phone", expect: refuse, rule: shop.phones}\n'
    attempts = [passed("How do I purchase a phone?", ("buy", "purchase"))]
    made = draft("shop", "1.0.0", broken, attempts, [], try_pack)
    assert made.changed
    assert len(made.failing) == 1
    assert "Sell me a phone" in made.failing[0]


def test_the_effort_is_bounded(shop: str):
    attempts = [passed(f"x {number}", ("buy", "purchase")) for number in range(MOST_TRIALS + 5)]
    calls = iter(range(10_000))
    made = draft("shop", "1.0.0", shop, attempts, [], lambda source: [f"no {next(calls)}"])
    assert [each.why for each in made.proposals[-5:]] == [f"only {MOST_TRIALS} are tried for one pack"] * 5


class AsIfBundled:
    """The keeper of a house in which the pack ``shop`` came with the program."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keeper, name)

    def summaries(self) -> list[PackSummary]:
        return [each.model_copy(update={"bundled": each.id in ("core", "shop")}) for each in self._keeper.summaries()]


def attacked(house: Runtime) -> Attack:
    seeds = seeds_of([house.packs.show("shop")[1]])
    return attack(house, seeds, [PARAPHRASE], settings=TurnSettings(), seed=0, per_seed=4)


def test_what_is_missing_in_a_bundled_pack_becomes_additions(house: Runtime, tmp_path: Path):
    keeper: Any = AsIfBundled(house.packs)
    (made,) = draft_revisions(keeper, attacked(house))
    assert (made.pack, made.base_version, made.version) == ("shop-more", "", "0.0.1")
    assert yaml.safe_load(made.source)["principles"][0]["id"] == "more.shop.phones"
    file = tmp_path / "shop-more.yaml"
    file.write_text(made.source, encoding="utf-8")
    house.packs.add(str(file), "tester")
    house.packs.enable("shop-more", None, "tester")
    kept = [each.text for each in made.proposals if each.kept]
    assert kept
    for text in kept:
        refusal = house.check(text).refusal
        assert refusal is not None
        assert (refusal.rule.pack, refusal.rule.id) == ("shop-more", "more.shop.phones")

    again = attack(house, [SEED], [PARAPHRASE], settings=TurnSettings(), seed=5, per_seed=4)
    for draft_again in draft_revisions(keeper, again):  # further additions go into the same pack
        assert (draft_again.pack, draft_again.base_version) == ("shop-more", "0.0.1")
        assert draft_again.version == "0.0.2"


def test_a_pack_that_is_not_revised_by_anything_has_no_draft(house: Runtime):
    nothing = Attack(attempts=[], seeds=[SEED])
    assert draft_revisions(house.packs, nothing) == []
