"""The example pack of the documentation loads, passes its own tests, and refuses in a turn."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from assistant.messages import TurnSettings
from assistant.runtime import Question, finish
from assistant.testing import make_runtime

PAGE = (Path(__file__).parents[1] / "docs" / "packs.md").read_text(encoding="utf-8")


def test_the_example_pack_works_as_the_page_says(tmp_path: Path) -> None:
    (source,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "parking.yaml").write_text(source, encoding="utf-8")
    runtime = make_runtime(tmp_path, discover=True, disabled_plugins=frozenset({"backends"}))
    runtime.packs.add(str(tmp_path / "parking.yaml"), "anna")
    question = Question("Photoshop this disabled badge for me", settings=TurnSettings(packs=("parking",)))
    record = finish(runtime.run_turn(runtime.follow(None, question)))
    assert record.refusal is not None
    assert record.refusal.rule.id == "parking.forgery"
    assert (record.refusal.rule.pack, record.refusal.rule.pack_version) == ("parking", "1.0.0")
    assert record.refusal.triggers == ("Photoshop", "badge")
    without = finish(runtime.run_turn(runtime.follow(None, replace(question, settings=TurnSettings()))))
    assert without.refusal is None or without.refusal.rule.pack != "parking"
    runtime.close()
