"""Settings of plugins: two tiers, checked, secret where they are, and fixed for each call."""

from __future__ import annotations

import logging
import stat
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr

from assistant import PluginSettings, Turn, Verdict, hookimpl, settings_of
from assistant.errors import SettingsError
from assistant.plugin_choices import Choices
from assistant.plugin_settings import accept_settings
from assistant.testing import ask, make_runtime

OPERATOR: dict[str, Any] = {"tier": "operator"}


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Wishes(PluginSettings):
    greeting: str = Field(default="hello", max_length=20)
    loudness: float = Field(default=0.5, ge=0, le=1)
    tone: Literal["kind", "dry"] = "kind"
    colour: Colour = Colour.RED
    topics: tuple[Literal["birds", "trees"], ...] = ()
    key: SecretStr = Field(default=SecretStr(""), max_length=30)
    limit: int = Field(default=3, ge=1, json_schema_extra=OPERATOR)


class Greets:
    @hookimpl
    def register_settings(self) -> type[PluginSettings]:
        return Wishes

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict:
        wishes = settings_of(Wishes)
        return Verdict(action="warn", message=f"{wishes.greeting} {wishes.limit} {turn.question.text}")


@pytest.fixture
def choices(tmp_path: Path) -> Choices:
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())])
    runtime.close()
    return runtime.extensions.choices


def test_defaults_hold_until_something_is_chosen(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())])
    assert "hello 3 x" in ask(runtime, "x").trace.notes
    assert runtime.extensions.choices.save("greets", "local", {"greeting": "good day"}, operator=False) == {}
    assert "good day 3 x" in ask(runtime, "x").trace.notes
    runtime.close()
    again = make_runtime(tmp_path, plugins=[("greets", Greets())])
    assert "good day 3 x" in ask(again, "x").trace.notes
    again.close()


def test_the_operators_fields_hold_for_everybody_and_are_theirs_alone(choices: Choices) -> None:
    assert choices.save("greets", "anna", {"limit": 9}, operator=False) == {"limit": "Only the operator may set this."}
    assert choices.save("greets", "anna", {"limit": 9, "greeting": "mine"}, operator=True) == {}
    assert choices.chosen("bert")["greets"] == {"limit": 9}
    assert choices.chosen("anna")["greets"] == {"limit": 9, "greeting": "mine"}


WRONG = {
    "greeting": "x" * 21,
    "loudness": 2,
    "tone": "rude",
    "colour": "green",
    "topics": ["cars"],
    "limit": 0,
    "nothing": 1,
}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_value_that_cannot_be_is_said_at_its_field_and_nothing_is_saved(
    name: str, value: Any, choices: Choices
) -> None:
    problems = choices.save(
        "greets", "anna", {name: value, "greeting" if name != "greeting" else "tone": "kind"}, operator=True
    )
    assert list(problems) == [name]
    assert problems[name]
    assert choices.chosen("anna")["greets"] == {}


def test_a_secret_is_neither_logged_nor_quoted_and_lies_in_a_private_file(
    tmp_path: Path, choices: Choices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret-value-that-is-much-too-long-to-be-kept"
    problems = choices.save("greets", "anna", {"key": secret}, operator=False)
    assert problems == {"key": "This is not accepted."}
    assert choices.save("greets", "anna", {"key": "s3cret"}, operator=False) == {}
    files = list((tmp_path / "plugins" / "settings").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(Wishes.model_validate(dict(choices.chosen("anna")["greets"])))


def test_what_holds_for_a_call_cannot_be_changed(choices: Choices) -> None:
    before = choices.chosen("anna")
    choices.save("greets", "anna", {"greeting": "later"}, operator=False)
    assert before["greets"] == {}
    assert choices.chosen("anna")["greets"] == {"greeting": "later"}
    with pytest.raises(TypeError):
        before["greets"]["greeting"] = "x"  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        Wishes().greeting = "x"  # type: ignore[misc]


def test_forgetting_a_person(choices: Choices) -> None:
    choices.save("greets", "anna", {"greeting": "hi", "limit": 7}, operator=True)
    choices.forget("anna")
    assert choices.chosen("anna")["greets"] == {"limit": 7}


def test_a_damaged_file_is_named_and_the_defaults_hold(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "settings"
    folder.mkdir(parents=True)
    (folder / "operator.json").write_text("{")
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())])
    assert "hello 3 x" in ask(runtime, "x").trace.notes
    assert "operator.json" in runtime.extensions.choices.problem
    with pytest.raises(SettingsError, match=r"operator\.json"):
        runtime.extensions.choices.save("greets", "anna", {"limit": 4}, operator=True)
    assert (folder / "operator.json").read_text() == "{"
    runtime.close()


def test_what_an_update_does_not_know_any_more_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "settings"
    folder.mkdir(parents=True)
    (folder / "operator.json").write_text('{"greets": {"limit": -1, "old": 2}}')
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())])
    assert "hello 3 x" in ask(runtime, "x").trace.notes
    runtime.close()


def test_a_model_that_cannot_be_settings_is_refused() -> None:
    class Needs(PluginSettings):
        name: str

    with pytest.raises(TypeError, match="'name' has none"):
        accept_settings(Needs)
    with pytest.raises(TypeError, match="subclass of PluginSettings"):
        accept_settings(dict)

    class Odd(PluginSettings):
        what: Callable[..., None] = print

    with pytest.raises(TypeError, match="no form can be made of Odd"):
        accept_settings(Odd)


@pytest.mark.timeout(600)
def test_two_people_a_thousand_turns_no_cross_over(tmp_path: Path) -> None:
    """Whole turns of two people with different settings, from four threads at once, who change them on the way."""
    runtime = make_runtime(tmp_path, plugins=[("greets", Greets())], hook_seconds=60, queue_seconds=600)
    choices = runtime.extensions.choices
    people = {"anna": "A", "bert": "B"}
    houses = {owner: runtime.for_person(owner) for owner in people}
    for owner, letter in people.items():
        assert choices.save("greets", owner, {"greeting": f"{letter}0"}, operator=False) == {}
    wrong: list[str] = []
    done: list[int] = []

    def chat(owner: str, part: int) -> None:
        for number in range(250):
            text = f"{owner}-{part}-{number}"
            (said,) = [note for note in ask(houses[owner], text).trace.notes if text in note]
            if not said.startswith(people[owner]):
                wrong.append(said)
            done.append(1)
            if number % 50 == 25:
                assert choices.save("greets", owner, {"greeting": f"{people[owner]}{number}"}, operator=False) == {}

    threads = [threading.Thread(target=chat, args=(owner, part)) for owner in people for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runtime.close()
    assert wrong == []
    assert len(done) == 1000
