"""Chats as files, and back."""

from __future__ import annotations

import io
import json
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assistant.chat_files import export_chats, file_name, import_chats, read_chat
from assistant.errors import InputError
from assistant.intake import read_image
from assistant.runtime import Runtime
from assistant.testing import FakeModel, ForbiddenWord, ask, make_runtime, picture
from assistant.versions import edit_answer

EVIL = "<script>alert(1)</script> **bold** [link](javascript:x) \"quoted\" & 'so'"


@pytest.fixture
def make(tmp_path: Path) -> Any:
    made: list[Runtime] = []

    def house(name: str, *plugins: tuple[str, object]) -> Runtime:
        runtime = make_runtime(tmp_path / name, model=FakeModel(f"An answer {EVIL}"), plugins=plugins)
        made.append(runtime)
        return runtime

    yield house
    for runtime in made:
        runtime.close()


@pytest.fixture
def house(make: Any) -> Runtime:
    """One chat: a question with two pictures and two versions of its answer, a refused one, and a last one."""
    runtime = make("first", ("forbidding", ForbiddenWord(hooks=("before_turn",))))
    parts = [read_image(picture(colour), runtime.settings) for colour in ("red", "blue")]
    parts[0] = parts[0].model_copy(update={"name": "<b>.png", "alt": f"A square {EVIL}"})
    first = ask(runtime, f"What is this? {EVIL}", parts)
    chat = first.turn.conversation_id
    edit_answer(runtime, first.id, "written by hand")
    ask(runtime, "something forbidden", conversation_id=chat)
    ask(runtime, "last question", conversation_id=chat)
    runtime.store.rename_conversation(chat, f"My chat {EVIL}")
    runtime.store.tag_conversation(chat, ["holiday"])
    return runtime


def chat_of(runtime: Runtime) -> Any:
    (summary,) = runtime.store.conversations()
    return read_chat(runtime.store, summary.id)


@pytest.mark.parametrize("format", ["json", "zip"])
def test_what_was_exported_comes_back_whole_and_only_once(house: Runtime, make: Any, format: Any) -> None:
    chat = chat_of(house)
    data = export_chats([chat], format)
    other = make("second")
    done = import_chats(other, data)
    assert (done.new_turns, done.known_turns, done.problems) == (4, 0, [])
    assert chat_of(other) == chat
    again = import_chats(other, data)
    assert (again.new_turns, again.known_turns) == (0, 4)
    assert chat_of(other) == chat
    assert other.store.verify_audit().ok
    assert other.store.search("bold", tags=["holiday"])


def test_only_what_is_new_is_added_to_a_chat_that_is_there(house: Runtime, make: Any) -> None:
    other = make("second")
    before = chat_of(house)
    import_chats(other, export_chats([before], "json"))
    other.store.rename_conversation(before.id, "My own name")
    ask(house, "one more", conversation_id=before.id)
    done = import_chats(other, export_chats([chat_of(house)], "zip"))
    assert (done.new_turns, done.known_turns) == (1, 4)
    assert chat_of(other).title == "My own name"
    assert [each.turn.question.text for each in chat_of(other).shown][-1] == "one more"


def test_a_chat_of_another_account_becomes_a_copy_of_ones_own_and_only_once(house: Runtime) -> None:
    hers = chat_of(house)
    bob = house.for_person("bob")
    data = export_chats([hers], "json")
    done = import_chats(bob, data)
    assert (done.new_turns, done.known_turns, done.problems) == (4, 0, [])
    copy = chat_of(bob)
    assert done.chats == [copy.id] != [hers.id]
    assert {each.id for each in copy.turns}.isdisjoint(each.id for each in hers.turns)
    assert [each.shown for each in copy.shown] == [each.shown for each in hers.shown]
    assert (copy.title, copy.tags) == (hers.title, hers.tags)
    edited = next(each for each in copy.turns if each.edited_from)
    assert edited.edited_from in {each.id for each in copy.turns}
    assert import_chats(bob, data).known_turns == 4
    assert chat_of(house.for_person("local")) == hers
    # Its owner takes part, and then the chat of that id is gone.
    ask(house, "one more", conversation_id=hers.id)
    longer = export_chats([read_chat(house.store, hers.id)], "zip")
    assert import_chats(bob, longer).new_turns == 1
    house.for_person("local").store.delete_conversation(hers.id)
    again = import_chats(bob, longer)
    assert (again.new_turns, again.known_turns) == (0, 5)
    assert len(chat_of(bob).turns) == 5
    assert import_chats(house.for_person("carl"), export_chats([chat_of(bob)], "json")).new_turns == 5
    assert house.store.verify_audit().ok


class Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_itself_and_runs_nothing(house: Runtime) -> None:
    page = export_chats([chat_of(house)], "html").decode()
    parsed = Parsed(page)
    names = [name for name, _ in parsed.tags]
    assert not {"script", "b", "a", "link", "iframe"} & set(names)
    assert EVIL in parsed.text
    images = [attributes for name, attributes in parsed.tags if name == "img"]
    assert [each["alt"] for each in images] == [f"A square {EVIL}", "Picture 2"]
    for _, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:image/png").startswith("data:image/png")
    policy = next(each["content"] for name, each in parsed.tags if "http-equiv" in each)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "written by hand" in parsed.text
    assert "Answer, written by the person" in parsed.text


def test_what_a_rule_refused_is_in_no_file_as_an_answer(house: Runtime) -> None:
    chat = chat_of(house)
    refused = next(record for record in chat.turns if record.refusal)
    for format in ("md", "html"):
        text = export_chats([chat], format).decode()  # pyright: ignore[reportArgumentType]
        assert "Not answered" in text
        assert "No forbidden things" in text
    document = json.loads(export_chats([chat], "json"))
    (turn,) = [each for each in document["chats"][0]["turns"] if each["turn"]["id"] == refused.id]
    assert turn["answer"] == ""


def test_markdown_shows_everything_as_it_was_typed(house: Runtime) -> None:
    text = export_chats([chat_of(house)], "md").decode()
    assert "\\<script\\>alert(1)\\</script\\> \\*\\*bold\\*\\* \\[link\\](javascript:x)" in text
    assert "<script>" not in text
    assert text.count("\n## ") == 6


def test_the_zip_has_the_pictures_as_files(house: Runtime) -> None:
    chat = chat_of(house)
    with zipfile.ZipFile(io.BytesIO(export_chats([chat], "zip"))) as archive:
        names = archive.namelist()
        pictures = [name for name in names if name.startswith("pictures/")]
        assert len(pictures) == 2
        (markdown,) = [name for name in names if name.endswith(".md")]
        text = archive.read(markdown).decode()
        assert all(f"]({name})" in text for name in pictures)


def test_several_chats_are_no_page(house: Runtime) -> None:
    chat = chat_of(house)
    with pytest.raises(InputError, match="one chat becomes one file; 2 came"):
        export_chats([chat, chat], "html")
    assert len(json.loads(export_chats([chat, chat], "json"))["chats"]) == 2


@pytest.mark.parametrize("title", ['"; rm -rf', "../../etc", "日本", "a\r\nSet-Cookie: x"])
def test_a_file_name_is_plain(house: Runtime, title: str) -> None:
    house.store.rename_conversation(chat_of(house).id, title)
    name = file_name([chat_of(house)], "md")
    assert name.endswith(".md")
    assert name[:-3].replace("-", "").isalnum()


# What comes from outside


def test_an_answer_that_a_rule_of_this_house_refuses_is_left_out_and_named(house: Runtime, make: Any) -> None:
    strict = make("strict", ("forbidding", ForbiddenWord("An answer")))
    done = import_chats(strict, export_chats([chat_of(house)], "json"))
    assert len(done.problems) == 2
    assert "No forbidden things" in done.problems[0]
    answers = [record.answer for record in chat_of(strict).turns]
    assert sorted(answers) == ["", "", "", "written by hand"]
    left_out = [record for record in chat_of(strict).turns if record.status == "failed"]
    assert all("left out when this chat was imported" in record.error for record in left_out)


def spoiled(house: Runtime, change: Any) -> bytes:
    document = json.loads(export_chats([chat_of(house)], "json"))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format="other"), "no chats that Glassbox"),
        (lambda d: d.update(version=9), "version 9"),
        (lambda d: d.update(chats="x"), "named 'chats'"),
        (lambda d: d.update(chats=["x"]), "entry of 'chats'"),
        (lambda d: d["chats"][0].pop("turns"), "named 'turns'"),
        (lambda d: d["chats"][0]["turns"][0].update(status="great"), "first thing wrong is status"),
        (lambda d: d["chats"][0].update(id="another"), "not of the chat"),
        (lambda d: d["pictures"].update({next(iter(d["pictures"])): "%%"}), "not base64"),
        (lambda d: [t.update(answer="x") for t in d["chats"][0]["turns"] if t["refusal"]], "refused and has an answer"),
    ],
)
def test_a_file_that_is_not_ours_is_a_sentence(house: Runtime, make: Any, change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        import_chats(make("second"), spoiled(house, change))


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04broken", b"[1]", b"[" * 100_000])
def test_a_file_that_is_no_such_file_is_a_sentence(make: Any, data: bytes) -> None:
    with pytest.raises(InputError):
        import_chats(make("second"), data)


def test_a_picture_that_was_changed_or_is_missing_leaves_its_turns_out(house: Runtime, make: Any) -> None:
    other = make("second")
    done = import_chats(other, spoiled(house, lambda d: d.update(pictures={})))
    assert (done.new_turns, len(done.problems), done.chats) == (0, 4, [])
    assert "is missing or was changed" in done.problems[0]
    assert other.store.conversations() == []
