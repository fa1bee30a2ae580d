"""How many safe prompts of each kind the core pack may refuse, and how many of their harmful twins it must block.

A change that refuses one more prompt of a kind than its budget fails, even if it blocks more elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from assistant import Message, Subject, Turn
from assistant_constitutions import Pack, load_bundled
from assistant_constitutions.engine import judge
from assistant_safety import register_evaluators

SET = yaml.safe_load(Path(__file__).with_name("refusal_budget.yaml").read_text(encoding="utf-8"))
EVALUATORS = {evaluator.name: evaluator for evaluator in register_evaluators()}
CORE: Pack = load_bundled("core")


def blocked_by(text: str) -> list[str]:
    subject = Subject(turn=Turn(door="test", question=Message(text=text)), part="question", text=text)
    verdicts = judge((CORE,), EVALUATORS, subject, frozenset({"input"}))
    return [verdict.rule.id for verdict in verdicts if verdict.blocks and verdict.rule]


@pytest.mark.parametrize("kind", SET["safe"])
def test_no_kind_of_safe_prompt_is_refused_more_often_than_its_budget_allows(kind: str) -> None:
    budget, texts = SET["safe"][kind]["budget"], SET["safe"][kind]["texts"]
    refused = {text: rules for text in texts if (rules := blocked_by(text))}
    assert len(refused) <= budget, refused


def test_the_harmful_twins_of_safe_prompts_are_blocked() -> None:
    twins = SET["twins"]["texts"]
    missed = [text for text in twins if not blocked_by(text)]
    assert len(twins) - len(missed) >= SET["twins"]["least_blocked"], missed


def test_no_prompt_of_the_budget_was_learned_from() -> None:
    folder = Path(__file__).parents[3] / "models" / "training" / "safety" / "written"
    learned = {
        line.strip().casefold() for file in folder.glob("*.txt") for line in file.read_text("utf-8").splitlines()
    }
    own = [text for kind in SET["safe"].values() for text in kind["texts"]] + SET["twins"]["texts"]
    assert len(own) == len(set(own))
    assert not [text for text in own if text.casefold() in learned]
