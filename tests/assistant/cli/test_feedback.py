from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from assistant import Appeal, Feedback, Message, Refusal, Rule, Turn, TurnRecord
from assistant.appeals import BIASED
from assistant.evaluation.metrics import wilson
from assistant.settings import Settings
from assistant.store import Store


def test_counts_what_holds_now(cli: Callable[..., Result], folder: Path):
    store = Store(Settings(data_dir=folder).database)
    records = [TurnRecord(turn=Turn(question=Message(text=str(n))), status="answered", answer="x") for n in range(4)]
    for record in records:
        store.save_turn(record)
    first, second, third, _ = (record.id for record in records)
    for event in (
        Feedback(turn_id=first, rating="up", reasons=("clear",)),
        Feedback(turn_id=second, rating="up"),
        Feedback(turn_id=second, rating="down", reasons=("wrong", "unclear")),
        Feedback(turn_id=third, rating="down", reasons=("wrong",)),
        Feedback(turn_id=third, rating="none"),
    ):
        store.add_feedback(event)
    store.close()

    result = cli("feedback", "stats", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "up": 1,
        "down": 1,
        "taken_back": 1,
        "reasons": {
            "clear": {"up": 1, "down": 0},
            "unclear": {"up": 0, "down": 1},
            "wrong": {"up": 0, "down": 1},
        },
        "rules": [],
        "rate_means": BIASED,
    }
    assert "1 taken back" in cli("feedback", "stats").stdout


def test_nothing_rated_yet(cli: Callable[..., Result]):
    result = cli("feedback", "stats", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "up": 0,
        "down": 0,
        "taken_back": 0,
        "reasons": {},
        "rules": [],
        "rate_means": BIASED,
    }


def test_counts_refusals_and_overturned_appeals_by_rule(cli: Callable[..., Result], folder: Path):
    store = Store(Settings(data_dir=folder).database)
    rule = Rule(id="no.flumph", title="t", text="t", pack="p", pack_version="1.0")
    refusal = Refusal(cause="rule", stage="question", rule=rule)
    for number in range(6):
        record = TurnRecord(turn=Turn(question=Message(text=str(number))), status="refused", refusal=refusal)
        store.save_turn(record)
        if number < 4:
            appeal = Appeal(turn_id=record.id, rule=rule.id, pack="p", pack_version="1.0")
            store.add_appeal(appeal)
            if number < 3:
                status = "overturned" if number == 0 else "upheld"
                store.decide_appeal(appeal.id, status, reviewer="Ada", reason="So.")
    store.close()
    (found,) = json.loads(cli("feedback", "stats", "--json").stdout)["rules"]
    low, high = wilson(1, 3)
    assert found == {
        "rule": "no.flumph",
        "pack": "p",
        "version": "1.0",
        "refusals": 6,
        "appeals": 4,
        "upheld": 2,
        "overturned": 1,
        "rate": pytest.approx(1 / 3),
        "low": pytest.approx(low),
        "high": pytest.approx(high),
    }
    shown = cli("feedback", "stats").stdout
    assert "33% (6% to 79%)" in shown
    assert BIASED in shown
