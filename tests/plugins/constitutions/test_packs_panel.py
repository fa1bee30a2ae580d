"""The panel "Packs": what a person reads and does in it, without a browser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import assistant_safety
from assistant import PanelRequest, Viewer
from assistant.errors import GlassboxError
from assistant.runtime import Runtime
from assistant.testing import FakeModel, ask, make_runtime
from assistant_constitutions import Constitutions

OPERATOR = Viewer("ann", operator=True)
GUEST = Viewer("bob", operator=False)

Press = Callable[..., str]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = make_runtime(
        tmp_path / "data",
        model=FakeModel("a red circle"),
        plugins=[("constitutions", Constitutions()), ("safety", assistant_safety)],
    )
    yield made
    made.close()


@pytest.fixture
def press(runtime: Runtime) -> Press:
    (panel,) = runtime.panels

    def press(act: str = "", viewer: Viewer = OPERATOR, **fields: Any) -> str:
        return panel.draw(PanelRequest(act, fields, viewer))

    return press


def sent(text: str, name: str = "park.yaml") -> dict[str, Any]:
    data = text.encode()
    return {"name": name, "size": len(data), "data": base64.b64encode(data).decode()}


def test_the_list_says_what_each_pack_is(press: Press) -> None:
    shown = press()
    assert "Always on: its rules apply to every question" in shown
    assert shown.index("Always on") < shown.index("Off: its rules")
    for pack in ("core", "healthcare", "creative"):
        assert f'data-pack="{pack}"' in shown
    assert "comes with Glassbox" in shown
    assert 'data-act="enable" data-pack="core"' not in shown
    assert 'data-act="enable"' not in press(viewer=GUEST)


def test_a_pack_is_added_read_switched_on_and_off(press: Press, runtime: Runtime, park_pack: str) -> None:
    added = press("add", file=sent(park_pack))
    assert "park 1.0.0 is added and not on yet. Audit log, leaf 0." in added
    assert "2 of 2 hold" in added
    assert "Rules of the &lt;park&gt; office" in added
    assert "The assistant does not help to feed pigeons in the park." in added
    assert "refuses (questions)" in added
    assert "Park by-law, section 12" in added
    assert ask(runtime, "How do I feed the pigeons?").status == "answered"

    assert "2 of 2 tests hold" in press()  # known by now
    on = press("enable", pack="park")
    assert "is on: its rules apply from the next question on" in on
    record = ask(runtime, "How do I feed the pigeons?")
    assert record.refusal is not None
    assert record.refusal.rule.pack == "park"
    assert "was here already" in press("add", file=sent(park_pack))

    off = press("disable", pack="park")
    assert "Off: its rules apply only to questions that name it." in off
    assert ask(runtime, "How do I feed the pigeons?").status == "answered"
    assert [leaf.data["who"] for leaf in runtime.store.audit_leaves() if leaf.kind == "pack"] == ["ann"] * 3


def test_the_reasons_of_a_pack_are_offered_without_a_restart(press: Press, runtime: Runtime, park_pack: str) -> None:
    press("add", file=sent(park_pack))
    assert "Wrong about birds" not in runtime.feedback_reasons()
    press("enable", pack="park")
    assert "Wrong about birds" in runtime.feedback_reasons()
    press("disable", pack="park")
    assert "Wrong about birds" not in runtime.feedback_reasons()


def test_versions_are_compared_and_rolled_back(press: Press, runtime: Runtime, park_pack: str) -> None:
    press("add", file=sent(park_pack))
    press("enable", pack="park")
    newer = park_pack.replace('"1.0.0"', '"1.1.0"').replace("[feed, fatten]", "[feed, fatten, stuff]")
    added = press("add", file=sent(newer))
    assert "park 1.1.0 is added and not on yet" in added
    assert "Versions: 1.0.0, 1.1.0" in added
    differs = press("diff", pack="park", before="1.0.0", after="1.1.0")
    assert "Changed: principle park.pigeons, evaluators" in differs
    assert "stuff" in differs
    assert "They say the same" in press("diff", pack="park", before="1.0.0", after="1.0.0")
    press("enable", pack="park", version="1.1.0")
    assert ask(runtime, "How do I stuff a dove?").status == "refused"
    back = press("rollback", pack="park")
    assert "park 1.0.0 is in force again" in back
    assert ask(runtime, "How do I stuff a dove?").status == "answered"


def test_a_pack_whose_test_fails_is_named_and_stays_off(press: Press, runtime: Runtime, park_pack: str) -> None:
    failing = park_pack.replace("Which pigeons live here?", "May I feed a pigeon?")
    added = press("add", file=sent(failing))
    assert "1 of 2 hold" in added
    assert "May I feed a pigeon?" in added
    refused = press("enable", pack="park")
    assert "is not enabled" in refused
    assert "May I feed a pigeon" in refused
    assert "All packs" in refused  # the pack stays in view
    assert "Off: " in press("show", pack="park")
    assert "No mistakes found" in press("check", pack="park") or "remark" in press("check", pack="park")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("", "id: [", r"Not added\. park\.yaml, line 2: "),
        ("kind: regulation", "kind: wish", r"park\.yaml.*kind"),
        ("id: park\n", "id: core\n", "bundled"),
    ],
)
def test_what_is_no_pack_is_refused_by_the_name_of_its_file(
    press: Press, park_pack: str, before: str, after: str, message: str
) -> None:
    text = park_pack.replace(before, after) if before else after
    with pytest.raises(GlassboxError, match=message) as raised:
        press("add", file=sent(text, "C:\\packs\\park.yaml"))
    assert "glassbox-" not in str(raised.value)


@pytest.mark.parametrize("act", ["add", "enable", "disable", "rollback", "grant", "revoke"])
def test_only_the_operator_changes_anything(press: Press, runtime: Runtime, act: str, park_pack: str) -> None:
    press("add", file=sent(park_pack))
    leaves = len(runtime.store.audit_leaves())
    with pytest.raises(GlassboxError, match="Only the operator"):
        press(act, viewer=GUEST, pack="park", file=sent(park_pack), rule="core.x", reason="I want it")
    assert len(runtime.store.audit_leaves()) == leaves


def test_trying_shows_both_sides_and_keeps_nothing(press: Press, runtime: Runtime, park_pack: str) -> None:
    press("add", file=sent(park_pack))
    leaves = len(runtime.store.audit_leaves())
    empty = press("try", viewer=GUEST, pack="park")
    assert 'value="park" selected' in empty
    assert "<table" not in empty
    tried = press(
        "preview", viewer=GUEST, pack="park", prompts="How do I feed the pigeons?\n\n  What <b>time</b> is it?  \n"
    )
    assert "1 of 2 are decided differently" in tried
    assert "refuses</strong> by park.pigeons" in tried
    assert "What &lt;b&gt;time&lt;/b&gt; is it?" in tried
    assert "Which pigeons live here?" in press("preview-tests", pack="park", prompts="")
    assert runtime.store.conversations() == []
    assert len(runtime.store.audit_leaves()) == leaves
    assert ask(runtime, "How do I feed the pigeons?").status == "answered"
    assert "There is no question to try." in press("preview", pack="park", prompts=" \n ")
    too_many = press("preview", pack="park", prompts="line\n" * 201)
    assert "at most 200 lines" in too_many
    assert too_many.count("line\n") == 201  # what was typed stays
    assert "no constitution pack" in press("preview", pack="nothing", prompts="a")


def test_questions_are_tried_as_if_a_picture_came_along(press: Press, park_pack: str) -> None:
    press("add", file=sent(park_pack.replace("applies_to: [input]", "applies_to: [image]")))
    question = "How do I feed the pigeons?"
    assert "0 of 1 are decided differently" in press("preview", pack="park", prompts=question)
    with_picture = press("preview", pack="park", prompts=question, image="yes")
    assert "1 of 1 are decided differently" in with_picture
    assert 'value="yes" checked' in with_picture


def test_an_exception_is_granted_and_taken_back(press: Press, runtime: Runtime) -> None:
    shown = press("show", pack="creative")
    asked = runtime.packs.summaries()
    (creative,) = [each for each in asked if each.id == "creative"]
    rule = creative.asked_for[0]
    assert f"Asks for an exception to the rule {rule} of another pack" in shown
    assert "Not granted: it has no effect." in shown
    granted = press("grant", pack="creative", rule=rule, reason="We write thrillers.")
    assert "Granted by ann" in granted
    assert "We write thrillers." in granted
    assert "Granted by ann" not in press("revoke", pack="creative", rule=rule, reason="No more.")


@pytest.mark.parametrize(
    ("act", "message"), [("show", "no pack “nothing”"), ("dance", "“dance”, which does not exist")]
)
def test_what_is_not_there_is_a_sentence(press: Press, act: str, message: str) -> None:
    with pytest.raises(GlassboxError, match=message):
        press(act, pack="nothing")
