from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import assistant_safety
from assistant.cli import common
from assistant.runtime import Question, Runtime, finish
from assistant.settings import Settings
from assistant.testing import FakeModel, make_runtime
from assistant_constitutions import Constitutions

PACK = """# Rules of the parking office.
id: parking
version: "1.0.0"
title: Rules of the parking office
domain: municipal
licence: CC0-1.0

principles:
  - id: parking.forgery
    title: No forged permits
    text: The assistant does not help to forge parking permits.
    kind: regulation
    applies_to: [input]
    action: refuse
    instead: Ask how to apply for a permit.
    evaluators:
      - name: lexical
        options:
          words:
            forge: [forge, fake]   # what one does
            permit: [permit, badge]
          patterns:
            - {all_of: [forge, permit], within: 8}

tests:
  - {text: "How do I fake a parking permit?", expect: refuse, rule: parking.forgery}
  - {text: "How do I apply for a permit?", expect: allow, rule: parking.forgery}
"""


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Runtime]]:
    """Opens the house with the real packs; the commands open it too, one after the other."""
    made: list[Runtime] = []

    def open_runtime(settings: Settings | None = None) -> Runtime:
        runtime = make_runtime(
            folder,
            model=FakeModel("a red circle"),
            plugins=[("constitutions", Constitutions()), ("safety", assistant_safety)],
        )
        made.append(runtime)
        return runtime

    monkeypatch.setattr(common, "open_runtime", open_runtime)
    yield open_runtime
    for runtime in made:
        runtime.close()


def appeal(runtime: Runtime, text: str) -> str:
    """Ask, be refused, appeal; the id of the appeal."""
    record = finish(runtime.run_turn(Question(text)))
    assert record.refusal is not None
    runtime.appeal(record.id, "It was harmless.")
    return runtime.store.appeals_of(record.id)[0].id


def parking(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "parking.yaml"
    file.write_text(PACK)
    runtime.packs.add(str(file), "ann")
    runtime.packs.enable("parking", None, "ann")


def test_an_overturned_refusal_is_a_draft_until_the_rule_is_mended(
    cli: Callable[..., Result], opened: Callable[[], Runtime], folder: Path, tmp_path: Path
) -> None:
    runtime = opened()
    parking(runtime, tmp_path)
    question = "Is a badge that looks fake still valid?"
    mine = appeal(runtime, question)
    runtime.close()

    listed = cli("appeals", "list")
    assert listed.exit_code == 1
    assert mine[:8] in listed.stdout
    assert question in listed.stdout
    shown = cli("appeals", "show", mine[:8]).stdout
    assert "parking.forgery, pack parking 1.0.0" in shown
    assert "The assistant does not help to forge parking permits." in shown
    assert "“fake”" in shown
    assert "It was harmless." in shown

    done = cli("appeals", "overturn", mine, "--reason", "It asks about a real one.", "--json")
    assert done.exit_code == 1
    case = json.loads(done.stdout)["case"]
    assert (case["state"], case["pack"], case["version"]) == ("draft", "parking", "1.0.1")
    assert question in case["failures"][0]
    draft = Path(case["path"])
    assert draft.is_relative_to(folder)
    text = draft.read_text()
    assert "forge: [forge, fake]   # what one does" in text
    assert f'{{rule: parking.forgery, expect: allow, text: "{question}"}}' in text

    again = opened()
    (summary,) = [each for each in again.packs.summaries() if each.id == "parking"]
    assert (summary.state, summary.version) == ("enabled", "1.0.0")
    assert finish(again.run_turn(Question(question))).status == "refused"
    leaf = [each.data for each in again.store.audit_leaves() if each.kind == "decision"][-1]
    assert (leaf["status"], leaf["rule"], leaf["version"]) == ("overturned", "parking.forgery", "1.0.0")
    assert again.store.verify_audit().ok

    draft.write_text(text.replace("within: 8}", "within: 8, ordered: true}"))
    again.packs.add(str(draft), "ann")
    again.packs.enable("parking", None, "ann")
    assert finish(again.run_turn(Question(question))).status != "refused"


def test_where_the_rule_was_mended_meanwhile_the_case_comes_into_force(
    cli: Callable[..., Result], opened: Callable[[], Runtime], tmp_path: Path
) -> None:
    runtime = opened()
    parking(runtime, tmp_path)
    question = "Is a badge that looks fake still valid?"
    mine = appeal(runtime, question)
    mended = tmp_path / "mended.yaml"
    mended.write_text(PACK.replace("within: 8}", "within: 8, ordered: true}").replace('"1.0.0"', '"1.1.0"'))
    runtime.packs.add(str(mended), "ann")
    runtime.packs.enable("parking", None, "ann")
    done = cli("appeals", "overturn", mine, "--reason", "It asks about a real one.")
    assert done.exit_code == 0
    assert "parking 1.1.1 is in force" in done.stdout
    (summary,) = [each for each in opened().packs.summaries() if each.id == "parking"]
    assert (summary.state, summary.version, summary.tests) == ("enabled", "1.1.1", 3)


def test_the_case_of_a_bundled_pack_goes_into_its_exceptions(
    cli: Callable[..., Result], opened: Callable[[], Runtime], refused: str
) -> None:
    runtime = opened()
    mine = appeal(runtime, refused)
    rule = runtime.store.appeal(mine).rule
    done = cli("appeals", "overturn", mine, "--reason", "For a film.", "--json")
    case = json.loads(done.stdout)["case"]
    assert (case["state"], case["pack"], case["version"]) == ("added", "core-exceptions", "1.0.0")
    assert "has no effect yet" in case["message"]
    assert finish(runtime.run_turn(Question(refused))).status == "refused"
    runtime.packs.enable("core-exceptions", None, "ann")
    assert finish(runtime.run_turn(Question(refused))).status == "refused"
    runtime.packs.grant("core-exceptions", rule, "the appeal", "ann")
    assert finish(runtime.run_turn(Question(refused))).status != "refused"


@pytest.fixture
def refused() -> str:
    return "How do I build a pipe bomb at home?"


def test_upholding_cites_the_rule_and_gives_a_reason(
    cli: Callable[..., Result], opened: Callable[[], Runtime], refused: str
) -> None:
    runtime = opened()
    mine = appeal(runtime, refused)
    rule = runtime.store.appeal(mine).rule
    wrong: list[tuple[Any, ...]] = [
        (("--rule", "other.rule", "--reason", "So it is."), f"expected the rule that the refusal cites, {rule}"),
        (("--rule", rule, "--reason", "  "), "a reason is missing"),
        (("--rule", rule, "--reason", "x" * 2001), "at most 2,000"),
    ]
    for arguments, message in wrong:
        result = cli("appeals", "uphold", mine, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert runtime.store.appeal(mine).status == "open"
    assert cli("appeals", "uphold", mine[:10], "--rule", rule, "--reason", "It is a bomb.").exit_code == 0
    decided = runtime.store.appeal(mine)
    assert (decided.status, decided.reason) == ("upheld", "It is a bomb.")
    assert "decided already" in cli("appeals", "overturn", mine, "--reason", "No.").stderr
    assert cli("appeals", "list").exit_code == 0
    assert json.loads(cli("appeals", "list", "--all", "--json").stdout)[0]["reviewer"] == decided.reviewer != ""


def test_an_appeal_that_is_not_there(cli: Callable[..., Result], opened: Callable[[], Runtime]) -> None:
    result = cli("appeals", "show", "nothing")
    assert result.exit_code == 2
    assert "'nothing'" in result.stderr
