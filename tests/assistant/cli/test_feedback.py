from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from assistant import Feedback, Message, Turn, TurnRecord
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
    }
    assert "1 taken back" in cli("feedback", "stats").stdout


def test_nothing_rated_yet(cli: Callable[..., Result]):
    result = cli("feedback", "stats", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"up": 0, "down": 0, "taken_back": 0, "reasons": {}}
