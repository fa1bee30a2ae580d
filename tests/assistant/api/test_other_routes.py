"""Models, ratings, explanations, checks, health, metrics, and what is not there."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from openai import OpenAI

from assistant import Explanation, ModelTrace, TurnRecord, hookimpl
from assistant.api.running import RunningRequests
from assistant.runtime import Runtime
from assistant.testing import FAULTS, FORBIDDEN_RULE, FakeModel, Fault, FaultyPlugin, ask, commit, make_runtime, picture


@pytest.fixture(scope="module")
def http(address: str) -> Any:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def chat(http: httpx.Client, text: str, **more: Any) -> Any:
    body = {"messages": [{"role": "user", "content": text}], **more}
    return http.post("/v1/chat/completions", json=body)


def test_the_models(address: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    (model,) = client.models.list().data
    assert (model.id, model.glassbox["default"], model.glassbox["can_trace"]) == ("fake", True, True)  # type: ignore[attr-defined]
    assert client.models.retrieve("fake").id == "fake"
    missing = httpx.get(f"{address}/v1/models/some/other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


class Keeps:
    """Keeps ratings in a list."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    @hookimpl
    def record_feedback(self, feedback: Any) -> Any:
        from assistant import Receipt

        self.kept.append(feedback)
        return Receipt(stored=True, message="Stored.")

    @hookimpl
    def explain_word(self, record: TurnRecord, trace: ModelTrace, word: int) -> Explanation:
        return Explanation(method="test", title="Test", word=trace.words[word].text, text="because")


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    keeps = Keeps()
    runtime = make_runtime(tmp_path_factory.mktemp("keeping"), plugins=[("keeps", keeps)])
    with TestClient(create_app(runtime)) as client:
        yield client, runtime, keeps
    runtime.close()


def test_a_rating_gets_a_receipt(keeping: Any) -> None:
    client, runtime, keeps = keeping
    turn = ask(runtime, "what?").id
    body = {"turn_id": turn, "rating": "down", "reasons": ["wrong"], "text": "no", "correction": "a blue one"}
    reply = client.post("/v1/feedback", json=body)
    assert reply.status_code == 200
    (given,) = keeps.kept
    assert reply.json() == {"id": given.id, "turn_id": turn, "stored": True, "message": "Stored."}
    assert (given.rating, given.reasons, given.text, given.correction) == ("down", ("wrong",), "no", "a blue one")
    assert client.post("/v1/feedback", json={"turn_id": f"chatcmpl-{turn}", "rating": "up"}).json()["turn_id"] == turn
    assert client.post("/v1/feedback", json={"turn_id": "0" * 32, "rating": "up"}).status_code == 404
    assert client.post("/v1/feedback", json={"turn_id": turn, "rating": "meh"}).status_code == 400


def test_where_nobody_keeps_ratings_the_receipt_says_so(http: httpx.Client) -> None:
    turn = chat(http, "what?").json()["id"]
    receipt = http.post("/v1/feedback", json={"turn_id": turn, "rating": "up"}).json()
    assert receipt["stored"] is False
    assert "no plugin that keeps ratings" in receipt["message"]


def test_a_word_is_explained(keeping: Any) -> None:
    client, runtime, _ = keeping
    turn = ask(runtime, "what?", [picture()]).id
    reply = client.post("/v1/explain", json={"turn_id": turn, "word": 1}).json()
    assert [word["text"] for word in reply["words"]] == ["a", "red", "circle"]
    assert (reply["words"][1]["start"], reply["words"][1]["end"]) == (2, 5)
    assert reply["explanations"][0] == {
        "method": "test",
        "title": "Test",
        "word": "red",
        "heat_map": None,
        "regions": [],
        "text": "because",
        "caveat": "",
    }
    assert client.post("/v1/explain", json={"turn_id": turn, "word": 9}).status_code == 404
    assert client.post("/v1/explain", json={"turn_id": "0" * 32, "word": 0}).status_code == 404


class BadAfterwards:
    """Does the fault where an answer is rated or explained."""

    def __init__(self, fault: Fault) -> None:
        @hookimpl(time_limit=0.3)
        def record_feedback(record: TurnRecord) -> Any:
            return commit(fault, record.turn)

        @hookimpl(time_limit=0.3)
        def explain_word(record: TurnRecord) -> Any:
            return commit(fault, record.turn)

        self.record_feedback, self.explain_word = record_feedback, explain_word


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_a_finished_reply(tmp_path: Any, fault: Fault) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    plugins = [("bad", BadAfterwards(fault)), ("rule", FaultyPlugin(fault, "before_turn", on_failure="open"))]
    runtime = make_runtime(tmp_path, plugins=plugins)
    client = TestClient(create_app(runtime))
    turn = ask(runtime, "what?").id
    receipt = client.post("/v1/feedback", json={"turn_id": turn, "rating": "up"})
    assert (receipt.status_code, receipt.json()["stored"]) == (200, False)
    assert receipt.json()["message"].startswith("Not stored")
    explained = client.post("/v1/explain", json={"turn_id": turn, "word": 0})
    assert (explained.status_code, explained.json()["explanations"]) == (200, [])
    checked = client.post("/v1/check", json={"input": ["hello", "you"]})
    assert [result["blocked"] for result in checked.json()["results"]] == [False, False]
    runtime.close()


def test_texts_are_checked(http: httpx.Client) -> None:
    reply = http.post("/v1/check", json={"input": ["fine", "a forbidden thing"]}).json()
    first, second = reply["results"]
    assert (first["blocked"], first["action"], first["rule"]) == (False, "allow", None)
    assert (second["blocked"], second["action"], second["rule"]) == (True, "refuse", FORBIDDEN_RULE.id)
    assert (second["pack"], second["score"], second["refusal"]["triggers"]) == ("test-pack", 0.97, ["forbidden"])
    answer = http.post("/v1/check", json={"input": "a forbidden thing", "role": "assistant"}).json()["results"][0]
    assert (answer["blocked"], answer["refusal"]["stage"]) == (True, "answer")


def test_a_picture_is_checked_with_its_question(http: httpx.Client) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    assert http.post("/v1/check", json={"input": "fine", "image": url}).status_code == 200
    broken = http.post("/v1/check", json={"input": "fine", "image": "data:image/png;base64,AAAA"})
    assert (broken.status_code, broken.json()["error"]["param"]) == (400, "image")
    assert http.post("/v1/check", json={"input": "x", "image": url, "role": "assistant"}).status_code == 400
    assert http.post("/v1/check", json={"input": ["fine", ""]}).json()["error"]["param"] == "input.1"


def test_packs_that_are_not_there_stop_nobody_else(tmp_path: Any) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    runtime = make_runtime(tmp_path, discover=True)
    client = TestClient(create_app(runtime))
    for _ in range(4):
        (result,) = client.post("/v1/check", json={"input": "hello", "packs": ["nowhere"]}).json()["results"]
        assert (result["blocked"], result["rule"]) == (True, "constitutions.named-packs-apply")
        refused = chat(client, "what colour?", glassbox={"packs": ["nowhere"]}).json()
        assert refused["choices"][0]["finish_reason"] == "content_filter"
    (result,) = client.post("/v1/check", json={"input": "hello"}).json()["results"]
    assert result["blocked"] is False
    runtime.close()


def test_what_is_not_there(http: httpx.Client) -> None:
    missing = http.post("/v1/embeddings", json={})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = http.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    form = http.post("/v1/check", data={"input": "x"})
    assert (form.status_code, form.json()["error"]["type"]) == (415, "invalid_request_error")


def test_ready_waits_for_the_model(tmp_path: Any) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    runtime = make_runtime(tmp_path, plugins=[("bad", FaultyPlugin("raise"))], failures_before_off=1)
    client = TestClient(create_app(runtime))
    waiting = client.get("/ready")
    assert (waiting.status_code, waiting.json()) == (
        503,
        {"ready": False, "waiting_for": ["the model fake: not loaded"]},
    )
    runtime.warm_up()
    assert (client.get("/ready").status_code, client.get("/ready").json()["ready"]) == (200, True)
    runtime.close()
    assert client.get("/ready").status_code == 503


def test_one_request_too_many_is_told_to_come_back(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    monkeypatch.setattr(RunningRequests.__init__, "__defaults__", (0,))
    runtime = make_runtime(tmp_path)
    reply = chat(TestClient(create_app(runtime)), "what?")
    assert (reply.status_code, reply.json()["error"]["type"]) == (429, "rate_limit_error")
    assert reply.headers["retry-after"] == "5"
    runtime.close()


def numbers(page: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_the_metrics_count_every_door(tmp_path: Any) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app
    from assistant.testing import ForbiddenWord

    rules = [("rules", ForbiddenWord()), ("bad", FaultyPlugin("raise", "turn_finished", on_failure="open"))]
    runtime: Runtime = make_runtime(tmp_path, model=FakeModel("yes"), plugins=rules)
    client = TestClient(create_app(runtime))
    chat(client, "what?")
    chat(client, "forbidden?")
    ask(runtime, "what?")
    client.post("/v1/check", json={"input": "forbidden"})
    client.post("/v1/turns", json={"text": ""})
    found = numbers(client.get("/metrics").text)
    assert found['glassbox_turns_total{door="api",status="answered"}'] == 1
    assert found['glassbox_turns_total{door="api",status="refused"}'] == 1
    assert found['glassbox_turns_total{door="api",status="failed"}'] == 1
    assert found['glassbox_turns_total{door="test",status="answered"}'] == 1
    verdict = 'glassbox_verdicts_total{action="refuse",pack="test-pack",rule="test.forbidden",stage="question"}'
    assert found[verdict] == 1
    assert found["glassbox_first_text_seconds_count"] == 2
    assert found["glassbox_checks_seconds_count"] == 4
    assert found['glassbox_turn_seconds_count{door="api"}'] == 3
    assert found['glassbox_model_loaded{model="fake"}'] == 1
    assert found['glassbox_plugin_working{plugin="rules"}'] == 1
    assert found["glassbox_store_bytes"] > 10_000
    assert found["glassbox_running_requests"] == 0
    runtime.close()


def test_a_failed_hook_is_counted(tmp_path: Any) -> None:
    from fastapi.testclient import TestClient

    from assistant.api import create_app

    runtime = make_runtime(tmp_path, plugins=[("bad", FaultyPlugin("raise"))])
    client = TestClient(create_app(runtime))
    chat(client, "what?")
    found = numbers(client.get("/metrics").text)
    assert found['glassbox_hook_failures_total{hook="before_turn",outcome="crash",plugin="bad"}'] == 1
    runtime.close()
