from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.testing import picture


@pytest.fixture
def asked(cli: Any, house: Any, tmp_path: Path) -> Any:
    file = tmp_path / "pier.png"
    file.write_bytes(picture())
    cli("ask", str(file), "where is the lighthouse?")
    cli("ask", "what about flumph?")
    return cli


def listed(cli: Any) -> list[dict[str, Any]]:
    return json.loads(cli("history", "list", "--json").stdout)


def test_chats_are_listed_and_found(asked: Any) -> None:
    assert [each["title"] for each in listed(asked)] == ["what about flumph?", "where is the lighthouse?"]
    assert "1 turn" in asked("history", "list").stdout
    found = asked("history", "search", "light")
    assert found.exit_code == 0
    assert "where is the lighthouse?" in found.stdout
    assert asked("history", "search", "pier", "--json").stdout.count('"turn_id"') == 1
    nothing = asked("history", "search", "nowhere")
    assert (nothing.exit_code, nothing.stdout) == (1, "")


def test_a_chat_is_shown_by_the_beginning_of_its_id(asked: Any) -> None:
    chat = listed(asked)[1]["id"]
    shown = asked("history", "show", chat[:8])
    assert "[picture: pier.png]" in shown.stdout
    assert "a red circle" in shown.stdout
    assert json.loads(asked("history", "show", chat, "--json").stdout)["turns"][0]["answer"] == "a red circle"
    unknown = asked("history", "show", "xyz")
    assert unknown.exit_code == 2
    assert "No chat has an id that begins with 'xyz'" in unknown.stderr


@pytest.mark.parametrize("name", ["chats.json", "chats.zip"])
def test_all_chats_are_saved_deleted_and_imported_twice(asked: Any, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    before = listed(asked)
    assert asked("history", "export", "--out", str(file)).exit_code == 0
    deleted = asked("history", "delete", "--yes", *(each["id"] for each in before))
    assert deleted.stdout == "Deleted: 2\n"
    assert listed(asked) == []
    assert asked("history", "import", str(file)).stdout == "Imported 2 turns of 2 chats.\n"
    again = json.loads(asked("history", "import", str(file), "--json").stdout)
    assert (again["new_turns"], again["known_turns"]) == (0, 2)
    assert {each["id"] for each in listed(asked)} == {each["id"] for each in before}


def test_one_chat_becomes_a_page_on_standard_output(asked: Any) -> None:
    chat = listed(asked)[0]["id"]
    page = asked("history", "export", chat, "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    assert "Not answered" in page
    assert asked("history", "export", "--format", "html").exit_code == 2
    assert "json, zip, md, html" in asked("history", "export", "--format", "pdf").stderr


def test_deleting_asks_first(asked: Any) -> None:
    chat = listed(asked)[0]["id"]
    assert asked("history", "delete", chat, input="n\n").exit_code != 0
    assert len(listed(asked)) == 2
    assert asked("history", "delete", chat, input="y\n").exit_code == 0
    assert len(listed(asked)) == 1


def test_a_file_that_cannot_be_read_is_named(cli: Any, house: Any, tmp_path: Path) -> None:
    missing = cli("history", "import", str(tmp_path / "gone.zip"))
    assert (missing.exit_code, "gone.zip cannot be read" in missing.stderr) == (2, True)
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    assert cli("history", "import", str(wrong)).exit_code == 2
