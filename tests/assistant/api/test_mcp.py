"""MCP: the official client finds three tools, and what the rules and the gate say holds there too."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from assistant import AnswerEnd, Delta, Explanation, ModelTrace, Turn, TurnRecord, hookimpl
from assistant.accounts import Accounts
from assistant.accounts.keys import Keys
from assistant.api import create_app
from assistant.errors import SettingsError
from assistant.runtime import Runtime
from assistant.testing import FORBIDDEN_RULE, FakeModel, ForbiddenWord, make_runtime, picture

PICTURE = "data:image/png;base64," + base64.b64encode(picture()).decode()
PASSWORD = "correct horse battery"


class Explains:
    """Explains every word alike."""

    @hookimpl
    def explain_word(self, record: TurnRecord, trace: ModelTrace, word: int) -> Explanation:
        return Explanation(method="test", title="Test", word=trace.words[word].text, text="because")


class Patient(FakeModel):
    """Writes for a minute where the question says ``slow``, fails where it says ``break``."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        if turn.question.text == "break":
            raise ValueError("a planted fault")
        for _ in range(3000 if turn.question.text == "slow" else 0):
            if should_stop():
                return
            time.sleep(0.02)
            yield Delta("so ")
        yield from super().stream(turn, should_stop)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    plugins = [("rules", ForbiddenWord()), ("explains", Explains())]
    runtime = make_runtime(tmp_path_factory.mktemp("mcp"), model=Patient(), plugins=plugins, mcp=True)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def address(house: Runtime, served_at: Any) -> Iterator[str]:
    with served_at(house) as address:
        yield address


def talk(address: str, *calls: tuple[str, dict[str, Any]], key: str = "") -> Any:
    """What the official client gets: the tools, and the result of each call."""

    async def session() -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            streamable_http_client(f"{address}/v1/mcp", http_client=http) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(asyncio.wait_for(session(), 90))


def said(result: Any) -> Any:
    """The document that a tool returned."""
    assert not result.isError, result.content[0].text
    (content,) = result.content
    return json.loads(content.text)


def problem(result: Any) -> str:
    """Why a tool could not do its work."""
    assert result.isError
    return result.content[0].text


def test_exactly_three_tools_are_offered(address: str) -> None:
    tools, _ = talk(address)
    fields = {tool.name: set(tool.inputSchema["properties"]) for tool in tools}
    assert fields == {
        "ask": {"question", "pictures", "conversation_id"},
        "check": {"text", "role"},
        "explain": {"turn_id", "word"},
    }
    assert {tool.name: tool.inputSchema["required"] for tool in tools} == {
        "ask": ["question"],
        "check": ["text"],
        "explain": ["turn_id", "word"],
    }
    for tool in tools:
        assert tool.description
        assert all(field["description"] for field in tool.inputSchema["properties"].values())


def test_a_question_is_answered_goes_on_and_is_explained(house: Runtime, address: str) -> None:
    _, (first,) = talk(address, ("ask", {"question": "what is it?", "pictures": [PICTURE]}))
    answer = said(first)
    assert (answer["answer"], answer["status"], answer["refusal"]) == ("a red circle", "answered", None)
    assert len(house.store.turn(answer["turn_id"]).turn.question.images) == 1
    again = {"question": "and its colour?", "conversation_id": answer["conversation_id"]}
    _, results = talk(address, ("ask", again), ("explain", {"turn_id": answer["turn_id"], "word": 1}))
    next_answer, explained = map(said, results)
    assert house.store.turn(next_answer["turn_id"]).turn.parent_id == answer["turn_id"]
    assert explained["explanations"][0]["text"] == "because"
    assert explained["words"][1]["text"] == "red"


def test_a_refusal_comes_back_with_its_rule(address: str) -> None:
    asked = ("ask", {"question": "say forbidden"})
    checked = ("check", {"text": "say forbidden"})
    _, results = talk(address, asked, checked, ("check", {"text": "hello", "role": "assistant"}))
    refused, blocked, fine = map(said, results)
    assert refused["status"] == "refused"
    assert refused["refusal"]["rule"]["id"] == FORBIDDEN_RULE.id
    assert FORBIDDEN_RULE.title in refused["answer"]
    assert blocked["blocked"] is True
    assert blocked["refusal"]["rule"]["id"] == FORBIDDEN_RULE.id
    assert (fine["blocked"], fine["refusal"]) == (False, None)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("ask", {"question": ""}, "question"),
        ("ask", {"question": "what?", "pictures": ["http://127.0.0.1/a.png"]}, "only public addresses"),
        ("ask", {"question": "what?", "pictures": ["data:image/png;base64,!"]}, "base64"),
        ("ask", {"question": "what?", "conversation_id": "0" * 32}, "conversation"),
        ("ask", {"question": "break"}, "model"),
        ("ask", {}, "question"),
        ("check", {"text": "a", "role": "judge"}, "role"),
        ("explain", {"turn_id": "mine", "word": 0}, "turn_id"),
        ("explain", {"turn_id": "0" * 32, "word": 0}, "turn"),
        ("rate", {}, "rate"),
    ],
)
def test_what_cannot_be_done_is_said(address: str, tool: str, arguments: dict[str, Any], words: str) -> None:
    _, (result,) = talk(address, (tool, arguments))
    assert words in problem(result)
    assert "Traceback" not in problem(result)


def test_a_client_that_goes_away_stops_the_model(house: Runtime, address: str) -> None:
    call = {"name": "ask", "arguments": {"question": "slow"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accepted = {"Accept": "application/json, text/event-stream"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/v1/mcp", json=body, headers=accepted, timeout=httpx.Timeout(30, read=1))
    for _ in range(300):
        (chat, *_) = house.store.conversations()
        (record, *_) = house.store.branch(chat.id)
        if record.turn.question.text == "slow":
            break
        time.sleep(0.1)
    assert (record.turn.question.text, record.status) == ("slow", "stopped")


def test_nothing_else_is_spoken_there(address: str) -> None:
    reply = httpx.get(f"{address}/v1/mcp", headers={"Accept": "text/event-stream"})
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert httpx.post(f"{address}/v1/mcp", content="{}").status_code == 415
    assert httpx.get(f"{address}/v1/mcp/schema").status_code == 404
    assert "/v1/mcp" not in httpx.get(f"{address}/v1/openapi.json").json()["paths"]


def test_with_accounts_it_takes_a_key_with_the_scope_of_the_tool(tmp_path: Path, served_at: Any) -> None:
    runtime = make_runtime(tmp_path, plugins=[("explains", Explains())], mcp=True, requests_a_minute=1000)
    accounts, keys = Accounts(runtime.store), Keys(runtime.store)
    people = [accounts.add(name, PASSWORD, who="test") for name in ("olga", "ada")]
    (olga, _), (ada, _) = [keys.add(each, "test", scopes=("chat", "explain"), who="test") for each in people]
    checker, _ = keys.add(people[0], "test", scopes=("check",), who="test")
    asked = ("ask", {"question": "what is it?", "pictures": [PICTURE]})
    with served_at(runtime) as address:
        refused = httpx.post(f"{address}/v1/mcp", json={})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        _, (result,) = talk(address, asked, key=olga)
        explained = ("explain", {"turn_id": said(result)["turn_id"], "word": 0})
        _, (theirs,) = talk(address, explained, key=olga)
        assert said(theirs)["words"]
        _, (strange,) = talk(address, explained, key=ada)
        assert "turn" in problem(strange)
        _, (checked, closed) = talk(address, ("check", {"text": "hello"}), asked, key=checker)
        assert said(checked)["blocked"] is False
        assert "the scope chat, and the key has check" in problem(closed)
        assert [len(runtime.for_person(each.id).store.conversations()) for each in people] == [1, 0]
    runtime.close()


def test_it_is_off_unless_it_is_wanted(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    runtime = make_runtime(tmp_path)
    assert TestClient(create_app(runtime)).post("/v1/mcp", json={}).status_code == 404
    runtime.close()


def test_without_the_package_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.streamable_http_manager", None)
    runtime = make_runtime(tmp_path, mcp=True)
    with pytest.raises(SettingsError) as error:
        create_app(runtime)
    assert "glassbox[mcp]" in error.value.hint
    runtime.close()
