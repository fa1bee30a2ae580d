"""The panel "Plugins", without a browser: what it says, who may change what, and the forms of settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr

import assistant_feedback
import assistant_safety
from assistant import PluginSettings, Turn, Verdict, Viewer, hookimpl, settings_of
from assistant.errors import InputError
from assistant.extensions import read_disabled
from assistant.extensions.purpose import first_sentence, purpose, summary
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.testing import FaultyPlugin, ask, make_runtime
from assistant.ui.plugins_panel import PluginsPanel

OPERATOR, GUEST = Viewer("olga", operator=True, owner="olga"), Viewer("gus", operator=False, owner="gus")


class Wishes(PluginSettings):
    greeting: str = Field(default="hello", max_length=20)
    """What it says first."""
    loudness: float = Field(default=0.5, ge=0, le=1)
    tone: Literal["kind", "dry"] = "kind"
    topics: tuple[Literal["birds", "trees"], ...] = ("birds",)
    names: tuple[str, ...] = ()
    loud: bool = True
    key: SecretStr = SecretStr("")
    limit: int = Field(default=3, ge=1, json_schema_extra={"tier": "operator"})


class Greets:
    @hookimpl
    def register_settings(self) -> type[PluginSettings]:
        return Wishes

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict:
        return Verdict(action="warn", message=settings_of(Wishes).model_dump_json())


Press = Callable[..., str]


@pytest.fixture
def house(tmp_path: Path) -> Any:
    runtime = make_runtime(
        tmp_path, plugins=[("greets", Greets()), ("faulty", FaultyPlugin("raise", on_failure="open"))]
    )
    yield runtime
    runtime.close()


def press(runtime: Runtime, act: str = "", viewer: Viewer = OPERATOR, **fields: Any) -> str:
    return PluginsPanel(runtime).draw(PanelRequest(act, fields, viewer))


def test_it_lists_state_hooks_phase_time_and_failures_with_what_to_do(house: Runtime) -> None:
    ask(house, "hello")
    drawn = press(house)
    assert "before_turn" in drawn
    assert "Latest failure: The plugin &#x27;faulty&#x27; failed in before_turn: ValueError: a planted fault." in drawn
    assert "What to do: nothing yet." in drawn
    timing = house.extensions.timings["greets", "before_turn"]
    assert timing.calls == 1
    assert f'<td data-label="Longest ms">{timing.longest:.2f}</td>' in drawn
    for _ in range(3):
        ask(house, "hello")
    assert "switched off" in press(house)
    assert "try it once more" in press(house)


def test_an_operator_switches_off_and_on_and_it_holds_at_once_and_later(house: Runtime, tmp_path: Path) -> None:
    assert "is off" in press(house, "off", plugin="greets")
    assert ask(house, "hello").trace.verdicts == ()
    assert read_disabled(tmp_path) == {"greets"}
    assert "is on again" in press(house, "on", plugin="greets")
    assert len(ask(house, "hello").trace.verdicts) == 1
    assert read_disabled(tmp_path) == set()
    leaves = [leaf.data for leaf in house.store.audit_leaves() if leaf.kind == "plugin"]
    assert [(leaf["plugin"], leaf["what"], leaf["who"]) for leaf in leaves] == [
        ("greets", "switched off", "olga"),
        ("greets", "switched on", "olga"),
    ]
    assert house.store.verify_audit().ok


def test_switching_is_for_operators_alone(house: Runtime, tmp_path: Path) -> None:
    assert "Switch greets off" not in press(house, viewer=GUEST)
    for act in ("on", "off", "off-for-sure"):
        with pytest.raises(InputError, match="operator"):
            press(house, act, GUEST, plugin="greets")
    assert read_disabled(tmp_path) == set()


def test_rules_that_must_hold_are_asked_about_first(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())], required_plugins=frozenset({"greets"}))
    assert "applied to nobody" in press(runtime, "off", plugin="greets")
    assert read_disabled(tmp_path) == set()
    press(runtime, "off-for-sure", plugin="greets")
    assert read_disabled(tmp_path) == {"greets"}
    runtime.close()


@pytest.mark.parametrize("act", ["off", "settings", "save", "nonsense"])
def test_what_does_not_exist_is_said(house: Runtime, act: str) -> None:
    with pytest.raises(InputError):
        press(house, act, plugin="nobody")
    with pytest.raises(InputError):
        press(house, "settings", plugin="faulty")


TYPED: dict[str, Any] = {
    "f:greeting": "good day",
    "f:loudness": "0.25",
    "f:tone": "dry",
    "f:topics:trees": "yes",
    "f:names": "Anna\n\n Bert ",
    "f:key": "s3cret",
    "f:limit": "5",
}


def test_every_kind_of_field_is_read_from_the_form(house: Runtime) -> None:
    drawn = press(house, "save", plugin="greets", **TYPED)
    assert "Saved" in drawn
    assert "s3cret" not in drawn
    assert "Leave empty to keep it" in drawn
    chosen = house.extensions.choices.chosen("olga")["greets"]
    assert chosen == {
        "greeting": "good day",
        "loudness": 0.25,
        "tone": "dry",
        "topics": ["trees"],
        "names": ["Anna", "Bert"],
        "loud": False,
        "key": "s3cret",
        "limit": 5,
    }
    press(house, "save", plugin="greets", **{**TYPED, "f:key": ""})
    assert house.extensions.choices.chosen("olga")["greets"]["key"] == "s3cret"
    assert '"limit":5' in ask(house.for_person("gus"), "x").trace.notes[-1]
    assert '"greeting":"hello"' in ask(house.for_person("gus"), "x").trace.notes[-1]


def test_problems_stand_at_their_fields_and_what_was_typed_stays(house: Runtime) -> None:
    drawn = press(house, "save", plugin="greets", **{**TYPED, "f:loudness": "loud", "f:limit": "0"})
    assert "Nothing was saved. 2 fields below cannot be used" in drawn
    assert 'id="setting-greets-loudness-problem"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert "good day" in drawn
    assert "s3cret" not in drawn
    assert house.extensions.choices.chosen("olga")["greets"] == {}


def test_a_guest_neither_sees_nor_sets_the_operators_fields(house: Runtime) -> None:
    assert "setting-greets-limit" not in press(house, "settings", GUEST, plugin="greets")
    assert "setting-greets-limit" in press(house, "settings", plugin="greets")
    press(house, "save", GUEST, plugin="greets", **TYPED)
    assert "limit" not in house.extensions.choices.chosen("gus")["greets"]
    assert house.extensions.choices.chosen("gus")["greets"]["greeting"] == "good day"


def test_what_plugins_say_is_text(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, plugins=[("<b>x</b>", Greets())])
    assert "<b>x" not in press(runtime)
    runtime.close()


def test_each_plugin_says_what_it_is_for(tmp_path: Path) -> None:
    assert purpose(assistant_safety, "glassbox").startswith("The eyes of the rules")
    assert purpose(assistant_feedback.Recorder(), "glassbox").startswith("Feedback that does something")
    assert purpose(assistant_feedback.Recorder(), "") == "The plugin."
    assert purpose(object(), "no-such-package")  # no package of that name is loaded: its class says something
    assert first_sentence("Counts cars. And bicycles.") == "Counts cars."
    assert first_sentence("No full stop\n\nAnother thought") == "No full stop"
    folder = tmp_path / "parking-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: parking\nVersion: 1.0\nSummary: Counts cars.\n")
    assert summary(tmp_path, "parking") == "Counts cars."
    assert summary(tmp_path, "bicycles") == ""
