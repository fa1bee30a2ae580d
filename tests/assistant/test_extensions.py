"""Plugins: found, ordered, guarded, switched off, explained."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import pluggy
import pytest

import assistant
from assistant import Verdict, hookimpl
from assistant.errors import SettingsError
from assistant.extensions import Extensions, read_disabled, write_disabled
from assistant.hookspecs import PROJECT, Hooks, hook_names
from assistant.judgement import accept_verdicts
from assistant.marks import CHECKING_HOOKS
from assistant.messages import ImagePart, Message, Trace, Turn, TurnRecord
from assistant.settings import Settings
from assistant.testing import FaultyPlugin

TURN = Turn(question=Message(text="hello"))


def extensions(tmp_path: Path, *plugins: tuple[str, object], **settings: Any) -> Extensions:
    return Extensions(Settings(data_dir=tmp_path, **settings), plugins, discover=False)


def speaker(message: str, **mark: Any) -> object:
    class Plugin:
        @hookimpl(**mark)
        def before_turn(self, turn: Turn) -> Verdict:
            return Verdict(action="warn", message=message)

    return Plugin()


def messages(found: Extensions) -> list[str]:
    answers = found.call("before_turn", {"turn": TURN}, accept_verdicts)
    return [verdict.message for answer in answers if answer.value for verdict in answer.value]


def test_order_is_by_phase_then_name_and_not_by_registration(tmp_path: Path) -> None:
    found = extensions(
        tmp_path,
        ("z", speaker("observe", phase="observe")),
        ("b", speaker("check b")),
        ("a", speaker("check a")),
        ("c", speaker("normalise", phase="normalise")),
        ("d", speaker("judge", phase="judge")),
    )
    assert messages(found) == ["normalise", "check a", "check b", "judge", "observe"]


def test_a_disabled_plugin_is_not_called(tmp_path: Path) -> None:
    found = extensions(tmp_path, ("a", speaker("a")), ("b", speaker("b")), disabled_plugins=frozenset({"a"}))
    assert messages(found) == ["b"]
    assert found.status["a"].state == "disabled"


def test_disabling_is_kept_beside_the_data(tmp_path: Path) -> None:
    assert read_disabled(tmp_path) == set()
    write_disabled(tmp_path / "new", {"b", "a"})
    assert read_disabled(tmp_path / "new") == {"a", "b"}
    assert messages(extensions(tmp_path / "new", ("a", speaker("a")), ("c", speaker("c")))) == ["c"]


def test_a_damaged_list_of_disabled_plugins_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugins.json").write_text("{")
    with pytest.raises(SettingsError, match=r"plugins\.json"):
        read_disabled(tmp_path)


def test_switched_off_after_failures_in_a_row_and_never_silently_open(tmp_path: Path) -> None:
    found = extensions(tmp_path, ("bad", FaultyPlugin("raise")), failures_before_off=2)
    for expected in ("crash", "crash", "switched_off", "switched_off"):
        (answer,) = found.call("before_turn", {"turn": TURN}, accept_verdicts)
        assert answer.call.outcome == expected
        assert answer.error is not None
        assert answer.implementation.on_failure == "closed"
    assert found.status["bad"].state == "switched_off"
    assert "assistant plugins disable bad" in found.status["bad"].detail


def test_a_call_that_works_forgives_earlier_failures(tmp_path: Path) -> None:
    class Sometimes:
        calls = 0

        @hookimpl
        def before_turn(self, turn: Turn) -> None:
            self.calls += 1
            if self.calls % 2:
                raise ValueError("odd")

    found = extensions(tmp_path, ("sometimes", Sometimes()), failures_before_off=2)
    for _ in range(6):
        found.call("before_turn", {"turn": TURN}, accept_verdicts)
    assert found.status["sometimes"].state == "working"


def test_a_plugin_with_an_argument_that_no_hook_has_is_broken_and_the_rest_works(tmp_path: Path) -> None:
    class Wrong:
        @hookimpl
        def before_turn(self, turn: Turn, colour: str) -> None: ...

    found = extensions(tmp_path, ("wrong", Wrong()), ("good", speaker("good")))
    assert found.status["wrong"].state == "broken"
    assert "colour" in found.status["wrong"].detail
    assert messages(found) == ["good"]


def test_a_hook_that_does_not_exist_is_broken(tmp_path: Path) -> None:
    class Wrong:
        @hookimpl
        def before_trun(self, turn: Turn) -> None: ...

    found = extensions(tmp_path, ("wrong", Wrong()))
    assert found.status["wrong"].state == "broken"
    assert "before_trun" in found.status["wrong"].detail


def test_an_implementation_takes_only_what_it_names(tmp_path: Path) -> None:
    class Small:
        @hookimpl
        def check_segment(self, segment: str) -> Verdict:
            return Verdict(action="warn", message=segment)

    found = extensions(tmp_path, ("small", Small()))
    arguments = {"turn": TURN, "released": "a", "segment": "b"}
    (answer,) = found.call("check_segment", arguments, accept_verdicts)
    assert answer.value[0].message == "b"


def test_what_a_plugin_changes_the_next_one_does_not_see(tmp_path: Path) -> None:
    seen: list[str] = []

    class Looks:
        @hookimpl(phase="observe")
        def before_turn(self, turn: Turn) -> None:
            seen.append(turn.question.text)

    found = extensions(tmp_path, ("bad", FaultyPlugin("mutate", on_failure="open")), ("looks", Looks()))
    found.call("before_turn", {"turn": TURN}, accept_verdicts)
    assert seen == ["hello"]
    assert TURN.question.text == "hello"


def test_what_lies_deep_in_an_argument_is_a_copy_too(tmp_path: Path) -> None:
    class Digs:
        @hookimpl
        def turn_finished(self, record: TurnRecord) -> None:
            vars(record.turn.question.images[0])["name"] = "changed"
            record.trace.packs["mine"] = "1"
            record.trace.backend_state["tokens"][0]["id"] = 2

    part = ImagePart(sha256="0" * 64, media_type="image/png", width=1, height=1, name="mine")
    turn = Turn(question=Message(text="hello", images=(part,)))
    record = TurnRecord(turn=turn, status="answered", trace=Trace(backend_state={"tokens": [{"id": 1}]}))
    (answer,) = extensions(tmp_path, ("digs", Digs())).call("turn_finished", {"record": record})
    assert "changed its argument" in str(answer.error)
    assert record.turn.question.images[0].name == "mine"
    assert record.trace.packs == {}
    assert record.trace.backend_state == {"tokens": [{"id": 1}]}


def test_the_message_of_a_crash_that_saw_an_answer_is_not_kept(tmp_path: Path) -> None:
    class Quotes:
        @hookimpl
        def after_turn(self, answer: str) -> None:
            raise ValueError(answer)

    found = extensions(tmp_path, ("quotes", Quotes()))
    (answer,) = found.call("after_turn", {"turn": TURN, "answer": "MARKER"}, accept_verdicts)
    assert "MARKER" not in str(answer.error)
    assert "ValueError" in str(answer.error)


def test_a_required_plugin_that_is_missing_is_reported_and_a_disabled_one_is_not(tmp_path: Path) -> None:
    found = extensions(tmp_path, required_plugins=frozenset({"rules"}))
    assert [each.name for each in found.missing_required()] == ["rules"]
    found = extensions(tmp_path, required_plugins=frozenset({"rules"}), disabled_plugins=frozenset({"rules"}))
    assert found.missing_required() == []


@pytest.mark.parametrize("arguments", [{"phase": "late"}, {"on_failure": "shut"}, {"time_limit": 0}])
def test_a_wrong_mark_is_refused_when_it_is_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hookimpl"):
        hookimpl(**arguments)


# The specification itself


def test_every_hook_is_documented_with_all_that_an_author_needs() -> None:
    assert hook_names()
    for name in hook_names():
        function = getattr(Hooks, name)
        text = inspect.getdoc(function) or ""
        assert text.startswith("Called"), name
        for section in ("Returns:", "Example:", ">>>"):
            assert section in text, (name, section)
        for argument in list(inspect.signature(function).parameters)[1:]:
            assert f"{argument}:" in text, (name, argument)
        returns = typing.cast(str, function.__annotations__["return"])
        if "None" in returns and returns != "None":
            assert "``None``" in text, name


def test_pluggy_and_the_protocol_agree_on_the_arguments() -> None:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    for name in hook_names():
        spec = getattr(manager.hook, name).spec
        assert list(spec.argnames) == list(inspect.signature(getattr(Hooks, name)).parameters)[1:]


def test_checking_hooks_exist() -> None:
    assert set(hook_names()) >= CHECKING_HOOKS


def test_what_the_package_offers_is_what_it_says() -> None:
    assert list(assistant.__all__) == sorted(assistant.__all__)
    assert set(dir(assistant)) == set(assistant.__all__)
    for name in assistant.__all__:
        assert getattr(assistant, name).__module__.startswith("assistant.")
    with pytest.raises(AttributeError, match="no_such_thing"):
        assistant.no_such_thing  # noqa: B018


def test_a_plugin_that_is_a_class_is_made_anew_for_each_runtime(tmp_path: Path) -> None:
    class Counts:
        def __init__(self) -> None:
            self.calls = 0

        @hookimpl
        def before_turn(self) -> Verdict:
            self.calls += 1
            return Verdict(action="warn", message=str(self.calls))

    first, second = extensions(tmp_path, ("counts", Counts)), extensions(tmp_path, ("counts", Counts))
    assert messages(first) == ["1"]
    assert messages(first) == ["2"]
    assert messages(second) == ["1"]
