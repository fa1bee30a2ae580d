"""Chats of other products: branches and pictures kept, what has no place told, and nothing twice."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.chat_files import import_chats
from assistant.errors import InputError
from assistant.runtime import Runtime
from assistant.testing import ForbiddenWord, make_runtime, picture

RED = "data:image/png;base64," + base64.b64encode(picture("red")).decode()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Runtime]:
    made = make_runtime(tmp_path, plugins=[("rules", ForbiddenWord(hooks=["check_segment"]))])
    yield made
    made.close()


def spoken(role: str, *parts: Any, at: float = 1_700_000_000.0, **more: Any) -> dict[str, Any]:
    kind = "text" if all(isinstance(each, str) for each in parts) else "multimodal_text"
    content = {"content_type": kind, "parts": list(parts)}
    return {"author": {"role": role}, "content": content, "create_time": at, "recipient": "all", "metadata": {}} | more


def node(id: str, parent: str | None, message: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": id, "parent": parent, "children": [], "message": message}


IMAGE = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbC", "width": 96, "height": 64}
LOST = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_gone", "width": 1, "height": 1}


def chatgpt(**changed: dict[str, Any]) -> dict[str, Any]:
    """A question with a picture and two answers, one of them found with a tool, and a question after the second."""
    nodes = [
        node("root", None, None),
        node("order", "root", spoken("system", "Be kind.", metadata={"is_visually_hidden_from_conversation": True})),
        node("q1", "order", spoken("user", IMAGE, LOST, "What is this?", at=1_700_000_010.5)),
        node("a1", "q1", spoken("assistant", "A red square.", at=1_700_000_011, metadata={"model_slug": "gpt-4o"})),
        node("call", "q1", spoken("assistant", "search(square)", recipient="browser")),
        node("found", "call", spoken("tool", "a page about squares")),
        node("a2", "found", spoken("assistant", "I looked.", metadata={"model_slug": "gpt-4o"})),
        node("a3", "a2", spoken("assistant", "It is a square.", metadata={"model_slug": "o3"})),
        node("q2", "a3", spoken("user", "And its colour?", at=1)),
        node("a4", "q2", spoken("assistant", "Red.")),
        node("q3", "a4", spoken("user", "Thanks")),
    ]
    mapping = {each["id"]: each | changed.get(each["id"], {}) for each in nodes}
    chat = {"title": "Squares", "create_time": 1_700_000_000.0, "mapping": mapping, "current_node": "a1"}
    return chat | {"conversation_id": "c1", "id": "c1"}


def in_zip(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def turns_of(house: Runtime) -> list[Any]:
    (summary,) = house.store.conversations()
    return house.store.all_turns(summary.id)


def by_question(house: Runtime) -> dict[tuple[str, str], Any]:
    return {(each.turn.question.text, each.answer): each for each in turns_of(house)}


def test_chatgpt_with_its_branches_its_picture_and_what_was_left_out(house: Runtime) -> None:
    chats = json.dumps([chatgpt()]).encode()
    data = in_zip(("conversations.json", chats), ("file-AbC-red.png", picture("red")), ("user.json", b"{}"))
    done = import_chats(house, data)
    assert (done.product, done.new_turns, done.known_turns) == ("ChatGPT", 4, 0)
    assert done.message == (
        "Imported 4 turns of 1 chats from ChatGPT. Left out: messages of the system or of tools (3), pictures that are "
        "not in the file (1)."
    )
    found = by_question(house)
    first, second = found["What is this?", "A red square."], found["What is this?", "I looked.\n\nIt is a square."]
    third, last = found["And its colour?", "Red."], found["Thanks", ""]
    assert (first.turn.parent_id, second.turn.parent_id) == (None, None)
    assert house.store.siblings(first.id) == [first.id, second.id]
    assert (third.turn.parent_id, last.turn.parent_id) == (second.id, third.id)
    assert third.turn.created_at > second.turn.created_at  # though the file says otherwise
    assert [each.name for each in first.turn.images] == ["file-AbC-red.png"]
    assert (first.trace.model.name, second.trace.model.name) == ("gpt-4o", "o3")
    assert (last.status, last.error) == ("failed", "The file has no answer to this question.")
    (summary,) = house.store.conversations()
    assert summary.title == "Squares"
    assert house.store.last_leaf(summary.id) == first.id
    assert house.store.verify_audit().ok


def test_a_second_time_nothing_is_doubled_and_what_is_new_is_added(house: Runtime) -> None:
    import_chats(house, json.dumps([chatgpt()]).encode())
    again = import_chats(house, json.dumps([chatgpt()]).encode())
    assert (again.new_turns, again.known_turns) == (0, 4)
    longer = chatgpt()
    longer["mapping"]["q4"] = node("q4", "a1", spoken("user", "And how large?"))
    longer["mapping"]["a5"] = node("a5", "q4", spoken("assistant", "Large."))
    third = import_chats(house, json.dumps([longer]).encode())
    assert (third.new_turns, third.known_turns) == (1, 4)
    assert len(turns_of(house)) == 5


def test_chatgpt_in_several_files(house: Runtime) -> None:
    other = chatgpt() | {"conversation_id": "c2", "title": "Other"}
    parts = [(f"conversations-00{at}.json", json.dumps([each]).encode()) for at, each in enumerate([chatgpt(), other])]
    assert len(import_chats(house, in_zip(*parts)).chats) == 2


def test_an_answer_that_a_rule_refuses_is_left_out_also_far_down(house: Runtime) -> None:
    late = {"message": spoken("assistant", "word " * 6000 + "forbidden")}
    done = import_chats(house, json.dumps([chatgpt(a1=late)]).encode())
    assert any("“What is this?” was left out" in each and "No forbidden things" in each for each in done.problems)
    assert not any("forbidden" in each.answer for each in turns_of(house))


@pytest.mark.parametrize(
    "changed",
    [
        {"q1": {"parent": "a4"}},  # a ring
        {"q1": {"parent": "q1"}},
        {"q1": {"message": None}},
        {"a1": {"message": {"author": None, "content": "text", "create_time": "soon"}}},
        {"a1": {"message": spoken("assistant", None, 5, {"text": "x"}, "A red square.", at=1e300)}},
        {"q1": {"message": spoken("user", {"content_type": "image_asset_pointer", "asset_pointer": 5})}},
    ],
)
def test_odd_nodes_lose_no_other_chat(house: Runtime, changed: dict[str, Any]) -> None:
    whole = chatgpt() | {"conversation_id": "whole"}
    done = import_chats(house, json.dumps([chatgpt(**changed), whole, 5]).encode())
    assert done.new_turns >= 4
    assert "entries that are no chats" not in done.message
    assert len(house.store.conversations()) in (1, 2)


def test_a_chat_longer_than_python_may_nest(house: Runtime) -> None:
    chat = chatgpt()
    last = "a1"
    for number in range(1500):
        role = "assistant" if number % 2 else "user"
        chat["mapping"][f"n{number}"] = node(f"n{number}", last, spoken(role, f"{role} {number}"))
        last = f"n{number}"
    assert import_chats(house, json.dumps([chat]).encode()).new_turns == 4 + 750


def webui(**more: Any) -> dict[str, Any]:
    messages = {
        "m1": {
            "id": "m1", "parentId": None, "childrenIds": ["m2", "m3"], "role": "user", "content": "What is this?",
            "timestamp": 1_700_000_000,
            "files": [
                {"type": "image", "url": RED, "name": "red.png"},
                {"type": "image", "url": "/api/v1/files/abc/content"},
                {"type": "file", "name": "notes.pdf"},
            ],
        },
        "m2": {"id": "m2", "parentId": "m1", "role": "assistant", "content": "A square.", "model": "llava:7b"},
        "m3": {"id": "m3", "parentId": "m1", "role": "assistant", "content": "A red square.", "model": "qwen2.5-vl"},
        "m4": {"id": "m4", "parentId": "m3", "role": "user", "content": [{"type": "text", "text": "How large?"}]},
        "m5": {"id": "m5", "parentId": "m4", "role": "assistant", "content": "Half the picture."},
    }  # fmt: skip
    chat = {"title": "Shapes", "history": {"messages": messages, "currentId": "m5"}, "messages": [], "tags": ["shapes"]}
    return {"id": "w1", "user_id": "u", "title": "Shapes", "chat": chat, "meta": {"tags": ["holiday"]}} | more


@pytest.mark.parametrize("listed", [True, False])
def test_open_webui(house: Runtime, listed: bool) -> None:
    data = json.dumps([webui()] if listed else webui()).encode()
    done = import_chats(house, data)
    assert (done.product, done.new_turns) == ("Open WebUI", 3)
    assert done.problems == ["Left out: files that are no pictures (1), pictures that are not in the file (1)."]
    found = by_question(house)
    one, two = found["What is this?", "A square."], found["What is this?", "A red square."]
    last = found["How large?", "Half the picture."]
    assert last.turn.parent_id == two.id
    assert [(each.name, each.width, each.height) for each in one.turn.images] == [("red.png", 96, 64)]
    assert one.turn.images[0].data == two.turn.images[0].data != b""
    assert two.trace.model.name == "qwen2.5-vl"
    (summary,) = house.store.conversations()
    assert (summary.title, set(summary.tags)) == ("Shapes", {"holiday", "shapes"})
    assert house.store.last_leaf(summary.id) == last.id
    assert import_chats(house, data).new_turns == 0


def libre(recursive: bool) -> dict[str, Any]:
    def message(own: str, parent: str, person: bool, text: str, **more: Any) -> dict[str, Any]:
        who = {"sender": "User" if person else "GPT-4o", "isCreatedByUser": person}
        return (
            {"messageId": own, "parentMessageId": parent, "text": text, "createdAt": "2024-05-01T10:00:00.000Z"}
            | who
            | more
        )

    none = "00000000-0000-0000-0000-000000000000"
    pieces = [{"type": "text", "text": {"value": "A red"}}, {"type": "tool_call"}, {"type": "text", "text": "square."}]
    messages = [
        message("l1", none, True, "What is this?", files=[{"type": "image/png", "filepath": "/images/x.png"}]),
        message("l2", "l1", False, "A square.", model="gpt-4o"),
        message("l3", "l1", False, "", content=pieces),
        message("l4", "l3", True, "How large?"),
        message("l5", "l4", False, "Large."),
    ]
    chat: dict[str, Any] = {"conversationId": "x1", "endpoint": "openAI", "title": "Forms", "exportAt": "10:00:00 GMT"}
    if not recursive:
        return chat | {"branches": True, "recursive": False, "messages": messages}
    by_id = {each["messageId"]: {**each, "children": []} for each in messages}
    for each in by_id.values():
        if each["parentMessageId"] in by_id:
            by_id[each["parentMessageId"]]["children"].append(each)
    return chat | {"branches": True, "recursive": True, "messagesTree": [by_id["l1"]]}


def test_librechat_in_both_of_its_forms_is_the_same_chat(house: Runtime) -> None:
    done = import_chats(house, json.dumps(libre(recursive=False)).encode())
    assert (done.product, done.new_turns) == ("LibreChat", 3)
    assert done.problems == ["Left out: pictures that are not in the file (1)."]
    found = by_question(house)
    two = found["What is this?", "A red\nsquare."]
    assert found["How large?", "Large."].turn.parent_id == two.id
    assert found["What is this?", "A square."].trace.model.name == "gpt-4o"
    assert two.turn.created_at.year == 2024
    again = import_chats(house, json.dumps(libre(recursive=True)).encode())
    assert (again.new_turns, again.known_turns) == (0, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[]", "no chats that Glassbox knows"),
        (b'[{"a": 1}]', "no chats that Glassbox knows"),
        (b"5", "no chats that Glassbox knows"),
        (in_zip(("conversations.json", b"[]")), "no chats that Glassbox knows"),
        (in_zip(("conversations.json", b"{")), "neither JSON nor a zip"),
        (in_zip(("other.json", b"[]")), "cannot be read"),
    ],
)
def test_what_is_no_such_file_says_what_was_expected(house: Runtime, data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        import_chats(house, data)
    assert "ChatGPT, Open WebUI or LibreChat" in str(caught.value)


def test_an_imported_chat_goes_on_here(house: Runtime) -> None:
    from assistant.testing import ask

    import_chats(house, json.dumps([webui()]).encode())
    (summary,) = house.store.conversations()
    record = ask(house, "and its colour?", conversation_id=summary.id)
    assert record.status == "answered"
    assert len(record.turn.history) == 2
    assert record.turn.images  # those of the imported question
