"""Other people's plugins, really installed: one that works, and one that cannot be imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..serving import start_and_end

pytestmark = pytest.mark.install


def listed(place: Any, data: Path) -> dict[str, dict[str, Any]]:
    done = place.assistant("plugins", "list", "--json", data=data)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_a_plugin_is_found_by_its_entry_point(place_with_plugins: Any, tmp_path: Path):
    row = listed(place_with_plugins, tmp_path)["flumph"]
    assert (row["state"], row["version"], row["distribution"]) == ("working", "1.2.3", "glassbox-flumph")
    assert row["hooks"] == [
        {"hook": "before_turn", "phase": "check"},
        {"hook": "turn_finished", "phase": "observe"},
    ]


def test_its_rule_holds_on_the_command_line(place_with_plugins: Any, tmp_path: Path):
    lines = '{"id": 1, "text": "what is a Flumph?"}\n{"id": 2, "text": "what is this?"}\n'
    done = place_with_plugins.assistant("check", data=tmp_path, input=lines)
    assert done.returncode == 1, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["blocked"], first["rule"], first["pack"]) == (True, "flumph.never-say-it", "flumph")
    assert second["blocked"] is False


def test_its_card_is_shown_by_ask(place_with_plugins: Any, tmp_path: Path):
    done = place_with_plugins.assistant("ask", "what is a flumph?", data=tmp_path)
    assert done.returncode == 1
    assert "Rule flumph.never-say-it, pack flumph 1.2.3." in done.stdout
    assert "“flumph”" in done.stdout


def test_safe_mode_leaves_both_out(place_with_plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = (
        "from assistant.extensions import Extensions; from assistant.settings import Settings; "
        "print(*sorted(s.name for s in Extensions(Settings(safe_mode=True)).status.values() if s.state == 'left_out'))"
    )
    done = place_with_plugins.run(["-c", script], tmp_path)
    assert done.stdout.split() == ["broken", "flumph"]


CHAT = """
import json, sys
from pathlib import Path
from assistant.testing import FakeModel, ask, make_runtime
runtime = make_runtime(Path(sys.argv[1]), model=FakeModel("a red circle"), discover=True)
records = [ask(runtime, "what is this?"), ask(runtime, "is it a flumph?")]
import flumph_rules
print(json.dumps({
    "states": {status.name: status.state for status in runtime.plugins()},
    "statuses": [record.status for record in records],
    "answer": records[0].answer,
    "stored": [runtime.store.turn(record.id).status for record in records],
    "counted": flumph_rules.turns_by_status,
}))
"""


def test_a_chat_goes_on_beside_the_broken_one(place_with_plugins: Any, tmp_path: Path):
    done = place_with_plugins.run(["-c", CHAT, tmp_path], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["states"]["broken"] == "broken"
    assert {state for name, state in found["states"].items() if name != "broken"} == {"working"}
    assert found["answer"].startswith("a red circle")
    assert found["statuses"] == found["stored"] == ["answered", "refused"]
    assert found["counted"] == {"answered": 1, "refused": 1}


def test_the_broken_one_is_listed_with_the_reason_and_can_be_disabled(place_with_plugins: Any, tmp_path: Path):
    row = listed(place_with_plugins, tmp_path)["broken"]
    assert (row["state"], row["version"], row["hooks"]) == ("broken", "0.0.1", [])
    assert "the other half of this plugin is missing" in row["detail"]

    done = place_with_plugins.assistant("plugins", "disable", "broken", data=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = listed(place_with_plugins, tmp_path)
    assert rows["broken"]["state"] == "disabled"
    assert rows["flumph"]["state"] == "working"

    done = place_with_plugins.assistant("plugins", "enable", "broken", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert listed(place_with_plugins, tmp_path)["broken"]["state"] == "broken"


def test_the_page_starts_beside_the_broken_one(place_with_plugins: Any, tmp_path: Path):
    place = place_with_plugins
    said = start_and_end(place.python, place.folder, place.environment(tmp_path))
    assert "'broken' is left out" in said
