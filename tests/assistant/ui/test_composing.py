"""The box for the question: pictures in order, with descriptions, from files and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.errors import FetchError
from assistant.testing import FakeModel, picture
from assistant.ui import composing


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{name}.png" for name in ("a", "b", "c")]
    for file, colour in zip(files, ("red", "green", "blue"), strict=True):
        file.write_bytes(picture(colour))
    return files


def keys(page: Any) -> list[str]:
    return [each.key for each in page.draft.pictures]


def test_pictures_keep_their_order_and_are_moved_and_removed(make_page: Any, three: list[Path]) -> None:
    model = FakeModel()
    page = make_page(model)
    page.add(*three)
    assert page.waiting == ["a.png", "b.png", "c.png"]
    first, _, third = keys(page)
    page.prepare("later", picture=first)
    assert page.waiting == ["b.png", "a.png", "c.png"]
    assert f'data-focus="later-{first}"' in page.shown["tray"]
    page.prepare("later", picture=first)
    assert f'data-focus="earlier-{first}"' in page.shown["tray"], "a button that cannot be pressed takes no focus"
    page.prepare("later", picture=first)
    assert page.waiting == ["b.png", "c.png", "a.png"]
    page.prepare("remove", picture=third)
    assert f'data-focus="remove-{first}"' in page.shown["tray"]
    page.prepare("remove", picture="no such")
    page.ask("what are these?")
    assert [image.name for image in model.turns[0].images] == ["b.png", "a.png"]
    assert page.waiting == []


def test_a_description_goes_with_the_picture_and_is_found(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.add(three[0])
    page.prepare("alt", picture=keys(page)[0], value="  A lighthouse \n at dusk ")
    page.ask("what is this?")
    assert page.runtime.store.turn(page.turn).turn.images[0].alt == "A lighthouse at dusk"
    assert 'alt="A lighthouse at dusk"' in page.shown["transcript"]
    assert page.runtime.store.search("dusk")[0].turn_id == page.turn


def test_too_many_pictures_leave_the_last_ones_out_and_say_so(make_page: Any, three: list[Path]) -> None:
    page = make_page(max_images=2)
    page.add(*three)
    assert page.waiting == ["a.png", "b.png"]
    assert "At most 2 pictures go with one question; 1 were left out" in page.shown["tray"]


@pytest.mark.parametrize("path", ["/etc/hostname", "../../etc/hostname", "a\0b", "", "gone.png"])
def test_only_what_was_uploaded_is_read(make_page: Any, path: str, tmp_path: Path) -> None:
    page = make_page()
    outside = tmp_path.parent / "outside.png"
    outside.write_bytes(picture())
    page.prepare("add", files=[path, str(outside), 7, None])
    assert page.waiting == []
    assert "did not arrive" in page.shown["tray"]


def test_a_picture_is_fetched_from_an_address(make_page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "fetch", lambda url, most_bytes: picture("blue"))
    page = make_page()
    page.prepare("address", address=" https://example.org/a%20b/sea.png?size=2 ")
    assert page.waiting == ["sea.png"]


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/x.png", "http://[::1]/", "http://192.168.1.1/", "http://169.254.169.254/meta", "file:///x", ""],
)
def test_an_address_of_the_own_network_is_a_sentence_and_nothing_is_lost(
    make_page: Any, address: str, three: list[Path]
) -> None:
    page = make_page()
    page.add(three[0])
    page.prepare("address", address=address)
    assert page.waiting == ["a.png"]
    assert 'class="problem"' in page.shown["tray"]
    assert "Send the file itself" in page.shown["tray"]


def test_an_address_that_is_no_picture_is_a_sentence(make_page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "fetch", lambda url, most_bytes: b"<html>")
    page = make_page()
    page.prepare("address", address="https://example.org/")
    assert "is not a picture" in page.shown["tray"]

    def slow(url: str, most_bytes: int) -> bytes:
        raise FetchError("It took too long.")

    monkeypatch.setattr(composing, "fetch", slow)
    page.prepare("address", address="https://example.org/")
    assert "It took too long." in page.shown["tray"]


def test_a_photo_of_the_camera_joins_the_others(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.add(three[0])
    assert page.prepare("camera").camera is True
    update = page.take(page.composing.add_photo(page.session, str(three[1])))
    assert update.camera is False
    assert page.waiting == ["a.png", "b.png"]
    assert page.composing.add_photo(page.session, None).tray is None


@pytest.mark.parametrize("data", [{}, {"act": "explode"}, {"act": ["add"]}, {"act": "add"}, {"act": "add", "files": 3}])
def test_whatever_a_browser_sends_is_a_sentence_or_nothing(make_page: Any, data: dict[str, Any]) -> None:
    page = make_page()
    page.take(page.composing.act(page.session, data))
    assert page.waiting == []


def test_pages_have_drafts_of_their_own(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.add(three[0])
    page.session = "another"
    page.ask("no picture here")
    assert page.runtime.store.turn(page.turn).turn.images == ()
    page.session = "one"
    assert page.waiting == ["a.png"]


# An earlier question is changed


def test_a_question_is_changed_with_its_pictures_and_the_old_version_stays(make_page: Any, three: list[Path]) -> None:
    model = FakeModel(lambda turn: f"about {turn.question.text}")
    page = make_page(model)
    page.ask("what is this?", three[0])
    first = page.turn
    page.ask("second")
    page.prepare("edit", turn=first)
    assert page.shown["box"] == "what is this?"
    assert "changing an earlier question" in page.shown["tray"]
    assert page.waiting == ["a.png"]
    page.run(page.asking.ask(page.place, page.session, "what colour is this?"))
    assert page.runtime.store.siblings(first) == [first, page.turn]
    assert model.turns[-1].images == model.turns[0].images
    assert model.turns[-1].history == ()
    assert "2 of 2" in page.shown["transcript"]
    assert "second" not in page.shown["transcript"]
    page.press("version", turn=first)
    assert "second" in page.shown["transcript"]


def test_a_picture_of_an_earlier_question_is_replaced(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.ask("what is this?", three[0])
    page.prepare("edit", turn=page.turn)
    page.prepare("remove", picture=keys(page)[0])
    page.add(three[1])
    page.run(page.asking.ask(page.place, page.session, "what is this?"))
    assert [each.name for each in page.runtime.store.turn(page.turn).turn.images] == ["b.png"]
    assert page.draft.editing is None


def test_changing_can_be_left_and_a_turn_that_is_gone_is_a_sentence(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.ask("what is this?", three[0])
    page.prepare("edit", turn=page.turn)
    page.prepare("cancel")
    assert page.shown["box"] == ""
    assert page.waiting == []
    page.prepare("edit", turn="0" * 32)
    assert "No turn has the id" in page.shown["tray"]
    page.prepare("edit", turn=page.turn)
    page.runtime.store.delete_conversation(page.place.conversation_id)
    page.run(page.asking.ask(page.place, page.session, "changed"))
    assert "No turn has the id" in page.shown["phase"]
    assert page.shown["box"] == "changed"
    assert page.waiting == ["a.png"]


def test_a_refused_question_can_be_changed_into_one_that_passes(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.ask("something forbidden", three[0])
    page.prepare("edit", turn=page.turn)
    page.run(page.asking.ask(page.place, page.session, "something allowed"))
    assert page.runtime.store.turn(page.turn).status == "answered"
    assert "2 of 2" in page.shown["transcript"]


# Point and ask


def test_places_are_drawn_or_typed_numbered_over_all_pictures_and_sent(make_page: Any, three: list[Path]) -> None:
    model = FakeModel()
    page = make_page(model)
    page.add(*three[:2])
    first, second = keys(page)
    page.prepare("point", picture=second)
    assert "Point at a part of picture 2" in page.shown["tray"]
    assert 'data-focus="pointing-title"' in page.shown["tray"]
    page.prepare("place", picture=second, left="0.75", top="0.5", right="0.25", bottom="1.2")
    page.prepare("place-by-numbers", picture=first, left="10", top="20", width="30", height="40")
    assert "Remove place 2" in page.shown["tray"]
    page.prepare("point", picture="")
    assert "Draw a box" not in page.shown["tray"]
    page.ask("what is there?")
    regions = page.runtime.store.turn(page.turn).turn.question.regions
    assert [(each.image, round(each.left, 6), each.right, each.bottom) for each in regions] == [
        (0, 0.1, 0.4, pytest.approx(0.6)),
        (1, 0.25, 0.75, 1.0),
    ]
    assert [each.place for each in model.turns[0].images] == [1, 2]
    assert page.shown["transcript"].count("<rect") == 2
    assert "Place 2 is marked" in page.shown["transcript"]
    page.prepare("edit", turn=page.turn)
    assert [len(each.regions) for each in page.draft.pictures] == [1, 1]


def test_a_place_is_removed(make_page: Any, three: list[Path]) -> None:
    page = make_page()
    page.add(three[0])
    (key,) = keys(page)
    page.prepare("point", picture=key)
    for left in ("0.1", "0.5"):
        page.prepare("place", picture=key, left=left, top="0", right="0.9", bottom="1")
    page.prepare("remove-place", picture=key, place="0")
    page.prepare("remove-place", picture=key, place="9")
    assert [each.left for each in page.draft.regions] == [0.5]


@pytest.mark.parametrize(
    "edges",
    [
        {},
        {"left": "a", "top": "0", "right": "1", "bottom": "1"},
        {"left": "nan", "top": "0", "right": "1", "bottom": "1"},
        {"left": "0.5", "top": "0.5", "right": "0.5001", "bottom": "1"},
    ],
)
def test_a_place_that_cannot_be_is_a_sentence(make_page: Any, three: list[Path], edges: dict[str, str]) -> None:
    page = make_page()
    page.add(three[0])
    page.prepare("place", picture=keys(page)[0], **edges)
    assert 'class="problem"' in page.shown["tray"]
    assert page.draft.regions == ()
    page.prepare("place", picture="gone", left="0", top="0", right="1", bottom="1")
    assert "no longer there" in page.shown["tray"]
