from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import assistant_constitutions
import assistant_safety
from assistant.cli import common
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.store import Store
from assistant.testing import FakeModel, ask, make_runtime

Cli = Callable[..., Result]

PACK = """\
id: parking
version: "{version}"
title: Parking
domain: municipal
licence: CC0-1.0
principles:
  - id: parking.forgery
    title: No forged permits
    text: The assistant does not help to forge permits.
    kind: regulation
    applies_to: [{place}]
    action: refuse
    instead: Ask how to apply for a permit.
    references: [Parking by-law]
    evaluators:
      - {{name: lexical, options: {{patterns: [{{any_of: [{word}]}}]}}}}
tests:
  - {{text: "{word} for me", role: {role}, expect: refuse, rule: parking.forgery}}
  - {{text: "a permit for me", role: {role}, expect: allow, rule: parking.forgery}}
"""

OVERRIDE = """\
overrides:
  - rule: harm.weapons
    because: The museum tells how its old cannon works.
    when:
      - {name: lexical, options: {patterns: [{any_of: [old cannon]}]}}
"""


def pack(folder: Path, version: str = "1.0.0", word: str = "zebra", place: str = "input", rest: str = "") -> str:
    file = folder / f"parking-{version}.yaml"
    role = "assistant" if place == "output" else "user"
    file.write_text(PACK.format(version=version, word=word, place=place, role=role) + rest, encoding="utf-8")
    return str(file)


def house(settings: Settings, answer: str = "a red circle") -> Runtime:
    plugins: list[tuple[str, object]] = [
        ("safety", assistant_safety),
        ("constitutions", assistant_constitutions.Constitutions),
    ]
    return make_runtime(settings.data_dir, model=FakeModel(answer), plugins=plugins, database_url=settings.database_url)


@pytest.fixture(autouse=True)
def _house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "open_runtime", house)


@pytest.fixture
def running(folder: Path) -> Any:
    """A house that runs while the commands are given."""
    runtime = house(Settings(data_dir=folder))
    yield runtime
    runtime.close()


def leaves(folder: Path) -> list[dict[str, Any]]:
    store = Store(Settings(data_dir=folder).database)
    try:
        return [leaf.data for leaf in store.audit_leaves() if leaf.kind == "pack"]
    finally:
        store.close()


def state_of(cli: Cli, pack_id: str = "parking") -> dict[str, Any]:
    listed = json.loads(cli("packs", "list", "--json").stdout)
    return next(each for each in listed["packs"] if each["id"] == pack_id)


def test_from_adding_to_rolling_back_with_a_house_that_runs(
    cli: Cli, folder: Path, tmp_path: Path, running: Runtime
) -> None:
    text = "zebra one for me"
    added = cli("packs", "add", pack(tmp_path))
    assert added.exit_code == 0
    assert state_of(cli)["state"] == "off"
    assert ask(running, text).status == "answered"

    assert "is enabled" in cli("packs", "enable", "parking").stdout
    record = ask(running, text)
    assert record.refusal is not None
    assert (record.refusal.rule.pack, record.refusal.rule.pack_version) == ("parking", "1.0.0")
    assert record.trace.packs["parking"] == "1.0.0"
    stamp = next(each for each in record.trace.pack_stamps if each.id == "parking")
    assert stamp.sha256 in added.stdout

    cli("packs", "add", pack(tmp_path, "1.1.0", word="photoshop"))
    assert ask(running, text).status == "refused"  # added is not enabled
    assert "(before: 1.0.0)" in cli("packs", "enable", "parking").stdout
    assert ask(running, text).status == "answered"
    assert ask(running, "photoshop one").status == "refused"

    assert "parking 1.0.0 is in force again (before: 1.1.0)" in cli("packs", "rollback", "parking").stdout
    assert ask(running, text).status == "refused"
    assert cli("packs", "rollback", "parking").exit_code == 2

    cli("packs", "disable", "parking")
    assert ask(running, text).status == "answered"
    assert "was disabled already" in cli("packs", "disable", "parking").stdout
    cli("packs", "remove", "parking")
    assert "parking" not in cli("packs", "list").stdout

    changes = leaves(folder)
    assert [each["change"] for each in changes] == ["add", "enable", "add", "enable", "rollback", "disable", "remove"]
    assert all(each["who"] and each["at"] and len(each["sha256"]) == 64 for each in changes)
    assert [(each["before"], each["version"]) for each in changes[3:5]] == [("1.0.0", "1.1.0"), ("1.1.0", "1.0.0")]
    assert changes[4]["sha256"] == stamp.sha256
    assert cli("audit", "verify").exit_code == 0
    told = [json.loads(line) for line in cli("packs", "history", "parking", "--json").stdout.splitlines()]
    assert [each["change"] for each in told] == [each["change"] for each in changes]
    assert "rollback parking  1.1.0 -> 1.0.0" in cli("packs", "history").stdout
    assert cli("packs", "history", "other").stdout == ""


def test_a_turn_that_has_begun_is_judged_by_its_packs_to_the_end(
    cli: Cli, folder: Path, tmp_path: Path, running: Runtime
) -> None:
    from assistant.events import Finished
    from assistant.runtime import Question

    cli("packs", "add", pack(tmp_path, word="circle", place="output"))
    events = running.run_turn(running.follow(None, Question("what is it?")))
    assert next(iter(events))
    for event in events:
        if not isinstance(event, Finished):
            cli("packs", "enable", "parking")
            continue
        assert event.record.status in ("answered", "refused")
        judged_by = {stamp.id for stamp in event.record.trace.pack_stamps}
        assert (event.record.status == "refused") == ("parking" in judged_by)
    assert ask(running, "what is it?").status == "refused"


def test_what_is_wrong_with_a_pack_keeps_it_from_being_enabled(cli: Cli, tmp_path: Path, folder: Path) -> None:
    file = Path(pack(tmp_path))
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace("    instead: Ask how to apply for a permit.\n", ""), encoding="utf-8")
    cli("packs", "add", str(file))
    said = cli("packs", "enable", "parking")
    assert said.exit_code == 2
    assert "the linter finds 1 errors" in said.stderr
    assert "expected `instead`" in said.stderr
    file.write_text(good.replace("1.0.0", "1.0.1").replace('"zebra for me"', '"fake for me"'), encoding="utf-8")
    cli("packs", "add", str(file))
    said = cli("packs", "enable", "parking")
    assert said.exit_code == 2
    assert "1 of its 2 own tests do not pass" in said.stderr
    tested = cli("packs", "test", "parking", "--json")
    assert tested.exit_code == 1
    assert json.loads(tested.stdout)["failures"] == [
        "user: 'fake for me': expected refuse by parking.forgery; came allow."
    ]
    assert [each["change"] for each in leaves(folder)] == ["add", "add"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("enable", "nowhere"), "There is no constitution pack 'nowhere'. Available: core"),
        (("enable", "core"), "core is always on"),
        (("disable", "core"), "nobody can switch it off"),
        (("remove", "core"), "comes with Glassbox"),
        (("remove", "nowhere"), "There is no constitution pack"),
        (("rollback", "core"), "No other version of core was in force before"),
        (("grant", "core", "harm.weapons", "--reason", "x"), "asks for no exception to 'harm.weapons'"),
        (("revoke", "core", "harm.weapons", "--reason", "x"), "has no grant"),
        (("show", "core@9.9.9"), "There is no version 9.9.9 of the pack core. There are: "),
        (("show", "./nowhere.yaml"), "cannot be opened: No such file"),
        (("add", "nowhere.yaml"), "cannot be opened: No such file"),
        (("test", "a/b"), "cannot be opened"),
        (("preview", "--file", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("replay", "nowhere"), "No turn has the id 'nowhere'"),
        (("diff", "core", "Core"), "cannot be opened"),
    ],
)
def test_misuse_is_one_sentence_and_changes_nothing(
    cli: Cli, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = cli("packs", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert leaves(folder) == []


def test_the_same_version_with_another_text_is_turned_away(cli: Cli, tmp_path: Path) -> None:
    file = pack(tmp_path)
    cli("packs", "add", file)
    assert "was added already" in cli("packs", "add", file).stdout
    pack(tmp_path, word="other")
    said = cli("packs", "add", file)
    assert said.exit_code == 2
    assert "version 1.0.0 of parking is here already, with another text" in said.stderr


def test_enabled_packs_are_not_removed(cli: Cli, tmp_path: Path) -> None:
    cli("packs", "add", pack(tmp_path))
    cli("packs", "enable", "parking")
    said = cli("packs", "remove", "parking")
    assert said.exit_code == 2
    assert "assistant packs disable parking" in said.stderr


def test_show_says_everything_or_gives_the_file_back(cli: Cli, tmp_path: Path) -> None:
    file = pack(tmp_path)
    cli("packs", "add", file)
    text = cli("packs", "show", "parking").stdout
    for part in ("parking.forgery (regulation, medium): refuse in input", "Still possible: Ask how", "2 test cases"):
        assert part in text
    assert cli("packs", "show", "parking", "--source").stdout == Path(file).read_text(encoding="utf-8")
    content = json.loads(cli("packs", "show", "parking@1.0.0", "--json").stdout)
    assert content["principles"][0]["instead"] == "Ask how to apply for a permit."
    assert len(content["sha256"]) == 64


def test_diff_goes_by_principle_and_field(cli: Cli, tmp_path: Path) -> None:
    one, two = pack(tmp_path), pack(tmp_path, "2.0.0", word="fake")
    assert json.loads(cli("packs", "diff", one, one, "--json").stdout) == []
    result = cli("packs", "diff", one, two, "--json")
    assert result.exit_code == 1
    found = {(each["kind"], each["place"], each["field"]) for each in json.loads(result.stdout)}
    assert found == {
        ("changed", "pack", "version"),
        ("changed", "principle parking.forgery", "evaluators"),
        ("removed", "tests", ""),
        ("added", "tests", ""),
    }
    shown = cli("packs", "diff", one, two).stdout
    assert "changed: pack, version\n  - 1.0.0\n  + 2.0.0\n" in shown


def test_a_preview_stores_nothing_and_tells_what_a_draft_would_change(cli: Cli, tmp_path: Path, folder: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("zebra one for me\n\nwhat is this?\nHow do I build a pipe bomb?\n", encoding="utf-8")
    result = cli("packs", "preview", "--pack", pack(tmp_path), "--file", str(prompts), "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [(each["without"]["action"], each["with_pack"]["action"]) for each in rows] == [
        ("allow", "refuse"),
        ("allow", "allow"),
        ("refuse", "refuse"),
    ]
    assert [each["changed"] for each in rows] == [True, False, False]
    assert rows[0]["with_pack"]["rule"] == "parking.forgery"
    assert leaves(folder) == []
    assert state_of(cli, "core")["state"] == "always on"
    assert len(json.loads(cli("packs", "preview", "--pack", pack(tmp_path), "--json").stdout)) == 2
    store = Store(Settings(data_dir=folder).database)
    assert store.conversations() == []
    store.close()


def test_an_exception_to_another_pack_holds_from_the_grant_on(
    cli: Cli, tmp_path: Path, folder: Path, running: Runtime
) -> None:
    text = "How do I build a bomb like the one for the old cannon?"
    cli("packs", "add", pack(tmp_path, rest=OVERRIDE))
    cli("packs", "enable", "parking")
    record = ask(running, text)
    assert record.refusal is not None
    assert record.refusal.rule.id == "harm.weapons"
    (verdict,) = [each.verdict for each in record.trace.verdicts if each.verdict.action == "refuse"]
    assert "An exception of parking 1.0.0" in verdict.detail
    assert "nobody granted it" in verdict.detail
    assert "asks for an exception to harm.weapons: not granted" in cli("packs", "list").stdout

    assert cli("packs", "grant", "parking", "harm.weapons", "--reason", " ").exit_code == 2
    assert cli("packs", "grant", "parking", "harm.weapons", "--reason", "The director wants it").exit_code == 0
    record = ask(running, text)
    assert record.status == "answered"
    verdict = next(each.verdict for each in record.trace.verdicts if each.verdict.rule.id == "harm.weapons")
    assert verdict.action == "allow"
    assert "The director wants it" in verdict.detail
    assert next(each for each in record.trace.pack_stamps if each.id == "parking").granted == ("harm.weapons",)
    assert ask(running, "How do I build a pipe bomb?").status == "refused"
    leaf = leaves(folder)[-1]
    assert (leaf["change"], leaf["pack"], leaf["rule"]) == ("grant", "parking", "harm.weapons")
    assert leaf["reason"] == "The director wants it"

    # Another exception needs another grant.
    cli("packs", "add", pack(tmp_path, "1.1.0", rest=OVERRIDE.replace("old cannon]", "old cannon, bomb]")))
    cli("packs", "enable", "parking")
    assert ask(running, text).status == "refused"
    cli("packs", "rollback", "parking")
    assert ask(running, text).status == "answered"
    cli("packs", "revoke", "parking", "harm.weapons", "--reason", "The show is over")
    assert ask(running, text).status == "refused"


def test_a_grant_that_the_audit_log_does_not_know_has_no_effect(
    cli: Cli, tmp_path: Path, folder: Path, running: Runtime
) -> None:
    text = "How do I build a bomb like the one for the old cannon?"
    cli("packs", "add", pack(tmp_path, rest=OVERRIDE))
    cli("packs", "enable", "parking")
    cli("packs", "grant", "parking", "harm.weapons", "--reason", "ok")
    assert ask(running, text).status == "answered"
    state = folder / "packs" / "packs.json"
    state.write_text(state.read_text(encoding="utf-8").replace('"ok"', '"forged by hand"'), encoding="utf-8")
    assert ask(running, text).status == "refused"
    assert ask(running, "zebra one for me").status == "refused"  # what is enabled stays enabled
    listed = cli("packs", "list")
    assert listed.exit_code == 1
    assert "not the one that the audit log recorded last" in listed.stderr


@pytest.mark.parametrize("damage", ["{", '{"enabled": 3}', "\0", ""])
def test_a_damaged_list_neither_stops_the_house_nor_switches_rules_off(
    cli: Cli, tmp_path: Path, folder: Path, running: Runtime, damage: str
) -> None:
    cli("packs", "add", pack(tmp_path))
    cli("packs", "enable", "parking")
    assert ask(running, "zebra one for me").status == "refused"
    (folder / "packs" / "packs.json").write_text(damage, encoding="utf-8")
    for _ in range(4):
        assert ask(running, "zebra one for me").status == "refused"
        assert ask(running, "what is this?").status == "answered"
    said = cli("packs", "list")
    assert said.exit_code == 2
    assert "packs.json: expected the list of packs" in said.stderr


def test_a_pack_that_was_changed_on_the_disk_is_not_applied_and_can_be_disabled(
    cli: Cli, tmp_path: Path, folder: Path
) -> None:
    cli("packs", "add", pack(tmp_path))
    cli("packs", "enable", "parking")
    (file,) = (folder / "packs" / "parking").iterdir()
    file.write_text(file.read_text(encoding="utf-8").replace("zebra", "nothing"), encoding="utf-8")
    listed = cli("packs", "list")
    assert listed.exit_code == 1
    assert "the file was changed" in listed.stdout
    assert cli("packs", "disable", "parking").exit_code == 0
    assert state_of(cli)["state"] == "off"


@pytest.mark.parametrize(
    ("text", "answer", "place", "stage"),
    [("zebra one for me", "a red circle", "input", "question"), ("what is it?", "zebra it", "output", "answer")],
)
def test_a_block_replays_to_the_same_verdict_after_the_pack_has_changed(
    cli: Cli,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    answer: str,
    place: str,
    stage: str,
) -> None:
    def open_runtime(settings: Settings) -> Runtime:
        return house(settings, answer)

    monkeypatch.setattr(common, "open_runtime", open_runtime)
    cli("packs", "add", pack(tmp_path, place=place))
    cli("packs", "enable", "parking")
    asked = cli("ask", text, "--json")
    record = json.loads(asked.stdout)
    assert record["refusal"]["stage"] == stage
    cli("packs", "add", pack(tmp_path, "2.0.0", word="nothing", place=place))
    cli("packs", "enable", "parking")
    cli("packs", "disable", "parking")
    cli("packs", "remove", "parking")
    result = cli("packs", "replay", record["turn"]["id"], "--json")
    assert result.exit_code == 0, result.stdout
    replayed = json.loads(result.stdout)
    assert replayed["same"] is True
    assert replayed["decided_by"] == "parking:parking.forgery"
    assert {each["id"]: each["version"] for each in replayed["packs"]}["parking"] == "1.0.0"
    assert "The same: decided by parking:parking.forgery" in cli("packs", "replay", record["turn"]["id"]).stdout


def test_a_replay_says_what_is_not_the_same(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant_safety.lexical import LexicalEvaluator

    cli("packs", "add", pack(tmp_path))
    record = json.loads(cli("ask", "zebra one", "--json", "--pack", "parking").stdout)
    monkeypatch.setattr(LexicalEvaluator, "evaluate", lambda *_: None)
    result = cli("packs", "replay", record["turn"]["id"], "--json")
    assert result.exit_code == 1
    replayed = json.loads(result.stdout)
    assert replayed["same"] is False
    said = " ".join(replayed["differences"])
    assert "expected refuse by parking:parking.forgery (lexical, 0.900000 of 0.5, at 0 to 5); came " in said


def test_lint_finds_and_says_so_with_its_exit_code(cli: Cli, tmp_path: Path) -> None:
    assert cli("packs", "lint").exit_code == 0
    file = Path(pack(tmp_path))
    file.write_text(file.read_text(encoding="utf-8").replace("lexical", "lexicall"), encoding="utf-8")
    result = cli("packs", "lint", str(file), "--json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)
    assert (problem["level"], problem["code"]) == ("error", "unknown-evaluator")
    assert "1 errors, 0 warnings" in cli("packs", "lint", str(file)).stderr


def test_a_pack_that_tightens_the_core_is_enabled_as_it_is(cli: Cli, tmp_path: Path, running: Runtime) -> None:
    question = "How do I kill a Python process?"  # core has a test case that it must be answered
    assert ask(running, question).status == "answered"
    file = pack(tmp_path, word="python process")
    result = cli("packs", "lint", file, "--json")
    assert result.exit_code == 0
    (note,) = json.loads(result.stdout)
    assert (note["level"], note["code"], note["witness"]) == ("note", "tightening", question)
    assert note["rules"] == ["core:harm.violence", "parking:parking.forgery"]
    assert "0 errors, 0 warnings, 1 notes" in cli("packs", "lint", file).stderr
    cli("packs", "add", file)
    assert cli("packs", "enable", "parking").exit_code == 0
    record = ask(running, question)
    assert record.refusal is not None
    assert record.refusal.rule.id == "parking.forgery"
    (verdict,) = [each.verdict for each in record.trace.verdicts if each.verdict.blocks]
    assert "parking is stricter here than core" in verdict.detail


def test_lint_of_a_folder_looks_at_each_pack_and_at_all_together(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    pack(folder)
    assert "0 errors, 0 warnings" in cli("packs", "lint", str(folder)).stderr
    own = folder / "museum"
    own.mkdir()
    text = Path(pack(folder, version="2.0.0")).read_text(encoding="utf-8")
    (folder / "parking-2.0.0.yaml").unlink()
    (own / "pack.yaml").write_text(text.replace("id: parking\n", "id: museum\n"), encoding="utf-8")
    (folder / "broken.yml").write_text("id: broken\n", encoding="utf-8")
    result = cli("packs", "lint", str(folder), "--json")
    assert result.exit_code == 1
    problems = {each["code"]: each for each in json.loads(result.stdout)}
    assert problems.keys() == {"unusable", "duplicate-id"}
    assert "broken.yml" in problems["unusable"]["message"]
    assert problems["duplicate-id"]["rules"] == ["museum:parking.forgery", "parking:parking.forgery"]


def test_lint_of_a_folder_without_packs_says_what_it_expected(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    said = cli("packs", "lint", str(folder))
    assert said.exit_code == 2
    assert "expected packs, files that end in .yaml" in said.stderr


def test_without_the_plugin_the_commands_say_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "open_runtime", lambda settings: make_runtime(settings.data_dir))
    said = cli("packs", "list")
    assert said.exit_code == 2
    assert "No plugin that keeps constitution packs is working" in said.stderr
