"""The panels: opening, closing, and what goes wrong in one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest

from assistant import Panel, PanelRequest, Viewer, hookimpl
from assistant.accounts.person import is_this_computer, local_person
from assistant.errors import InputError
from assistant.panels import accept_panels
from assistant.ui.panel_room import PanelRoom
from assistant.ui.reading import Reader
from assistant.ui.views.markup import tag

OPERATOR = Viewer("ann", operator=True)
GUEST = Viewer("bob", operator=False)
OURS = ["appeals", "refusals", "plugins", "people", "account", "settings"]


class Parking:
    name = "parking"
    title = "Parking & more"

    def draw(self, request: PanelRequest) -> str:
        if request.act == "break":
            raise ValueError("a planted fault")
        if request.act == "refuse":
            request.must_be_operator()
        if request.act == "plain":
            return "<b>no markup</b>"
        return tag("p", f"{request.act or 'opened'} {request.text('place')}")


class Brings:
    def __init__(self, *panels: Any) -> None:
        self._panels = panels

    @hookimpl
    def register_panels(self) -> Sequence[Panel]:
        return self._panels


class Rooms:
    """The panels of a page, pressed as the script does."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.room = PanelRoom(page.runtime, Reader(page.runtime), page.running)

    def press(self, panel: str, act: str = "", viewer: Viewer = OPERATOR, **fields: Any) -> str:
        data = {"panel": panel, "act": act, **fields}
        update = self.page.take(self.room.act(self.page.place, self.page.session, data, viewer))
        return update.panel if update.panel is not None else update.phase or ""


@pytest.fixture
def rooms(make_page: Any) -> Any:
    return lambda *panels, **settings: Rooms(make_page(None, ("parking", Brings(*panels)), **settings))


def test_a_plugin_brings_a_panel(rooms: Any) -> None:
    found = rooms(Parking())
    assert [each.name for each in found.room.panels] == ["parking", *OURS]
    shown = found.press("parking")
    assert "Parking &amp; more" in shown
    assert "<p>opened </p>" in shown
    assert "<p>park &lt;here&gt;</p>" in found.press("parking", "park", place="<here>")
    assert "&lt;b&gt;no markup" in found.press("parking", "plain")
    assert found.press("parking", "close") == ""


def test_what_goes_wrong_in_a_panel_ends_in_a_sentence(rooms: Any) -> None:
    found = rooms(Parking())
    broken = found.press("parking", "break")
    assert "The panel “Parking &amp; more” failed (ValueError: a planted fault" in broken
    assert "<p>opened </p>" in broken  # the panel stays usable
    refused = found.press("parking", "refuse", viewer=GUEST)
    assert "Only the operator may do this" in refused
    assert "There is no panel “nothing”" in found.press("nothing")


@pytest.mark.parametrize(
    "wrong",
    [object(), type("P", (Parking,), {"name": "Two Words"})(), type("P", (Parking,), {"title": 3})()],
)
def test_what_is_no_panel_is_refused_with_a_note(rooms: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected"):
        accept_panels([wrong])
    found = rooms(wrong)
    assert [each.name for each in found.room.panels] == OURS
    assert "parking" in found.page.shown["warnings"]


def test_no_plugin_takes_the_place_of_our_panels(rooms: Any) -> None:
    found = rooms(type("P", (Parking,), {"name": "appeals"})())
    assert [each.title.lower() for each in found.room.panels] == OURS


def test_a_file_comes_whole_or_with_a_sentence() -> None:
    def sent(value: Any) -> bytes:
        return PanelRequest("add", {"file": value}, OPERATOR).file("file", most=10).data

    assert sent({"name": "a.yaml", "size": 3, "data": base64.b64encode(b"\xff\x00a").decode()}) == b"\xff\x00a"
    for value, message in [
        (None, "none was chosen"),
        ("text", "none was chosen"),
        ({"name": "a", "size": 5_000_000, "data": ""}, "at most 10 bytes; it has 5,000,000"),
        ({"name": "a", "size": 1, "data": base64.b64encode(b"x" * 11).decode()}, "at most 10 bytes; it has 11"),
        ({"name": "a", "size": 1, "data": "%%%"}, "did not arrive whole"),
    ]:
        with pytest.raises(InputError, match=message):
            sent(value)


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("::1", True), ("192.168.1.7", False), ("", False), ("testclient", False)],
)
def test_the_operator_sits_at_this_computer(address: str, here: bool) -> None:
    assert is_this_computer(address) is here


@pytest.mark.parametrize(
    ("address", "headers", "operator"),
    [
        ("127.0.0.1", {}, True),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, False),
        ("127.0.0.1", {"forwarded": "for=203.0.113.7"}, False),
        ("203.0.113.7", {}, False),
        (None, {}, False),
    ],
)
def test_nobody_behind_a_proxy_is_the_operator(address: str | None, headers: dict[str, str], operator: bool) -> None:
    assert local_person(address or "", headers).viewer.operator is operator


# Appeals


def test_an_appeal_is_decided_and_the_person_sees_it(rooms: Any) -> None:
    found = rooms()
    page = found.page
    assert "No appeal is waiting" in found.press("appeals")
    page.ask("something forbidden")
    page.press("appeal", turn=page.turn, text="It was a <joke>.")
    assert "<strong>Open: </strong>It waits for a reviewer." in page.shown["transcript"]
    (appeal,) = page.runtime.store.appeals()

    shown = found.press("appeals")
    assert ">Appeals (1)</button>" in page.shown["header"]
    assert 'aria-current="page" data-event="panel" data-panel="appeals"' in page.shown["header"]
    assert "something <mark>forbidden</mark>" in shown
    assert "It was a &lt;joke&gt;." in shown
    assert appeal.rule in shown
    assert "There is no panel" in found.press("appeals", viewer=GUEST)
    assert "There is no panel" in found.press("appeals", "overturn", viewer=GUEST, appeal=appeal.id, reason="No.")
    assert appeal.rule in found.press("appeals", viewer=Viewer("eve", operator=False, reviewer=True))
    assert page.runtime.store.appeal(appeal.id).status == "open"
    assert "a reason is missing" in found.press("appeals", "overturn", appeal=appeal.id, reason=" ")

    done = found.press("appeals", "overturn", appeal=appeal.id, reason="Jokes are fine.")
    assert "Overturned." in done
    assert "No appeal is waiting" in done
    assert "Jokes are fine." in done
    assert "decided already" in found.press("appeals", "uphold", appeal=appeal.id, rule=appeal.rule, reason="Yes.")
    found.press("appeals", "close")
    assert ">Appeals</button>" in page.shown["header"]
    assert "aria-current" not in page.shown["header"]
    assert "that the refusal was wrong (" in page.shown["transcript"]
    assert "The reason: Jokes are fine." in page.shown["transcript"]
    page.reload()
    assert "<strong>Overturned: </strong>" in page.shown["transcript"]


def test_upholding_needs_the_rule(rooms: Any) -> None:
    found = rooms()
    page = found.page
    page.ask("something forbidden")
    page.press("appeal", turn=page.turn, text="")
    (appeal,) = page.runtime.store.appeals()
    unticked = found.press("appeals", "uphold", appeal=appeal.id, reason="It is forbidden.")
    assert f"expected the rule that the refusal cites, {appeal.rule}; came none" in unticked
    found.press("appeals", "uphold", appeal=appeal.id, rule=appeal.rule, reason="It is forbidden.")
    found.press("appeals", "close")
    shown = page.shown["transcript"]
    assert f"the rule {appeal.rule} (test-pack 1.2) applies (" in shown
    assert "The reason: It is forbidden." in shown


# Refusals in numbers


def test_refusals_are_counted_by_rule(rooms: Any) -> None:
    found = rooms()
    page = found.page
    assert "No question has been refused yet" in found.press("refusals")
    for _ in range(2):
        page.ask("something forbidden")
    page.press("appeal", turn=page.turn, text="")
    assert "nothing decided yet" in found.press("refusals")
    (appeal,) = page.runtime.store.appeals()
    found.press("appeals", "overturn", appeal=appeal.id, reason="Fine.")
    shown = found.press("refusals")
    assert "100 % (21 % to 100 %)" in shown
    assert "Only people who appeal are counted" in shown
