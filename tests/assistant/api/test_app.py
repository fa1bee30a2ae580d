"""The HTTP side: health, turns, pictures, and who may call."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant import Rule, Turn, Verdict, hookimpl
from assistant.accounts import Accounts
from assistant.accounts.keys import Keys
from assistant.api import create_app, health
from assistant.api.bodies import body_limit
from assistant.api.login.gate import Gate
from assistant.api.login.open_pages import OpenPages
from assistant.runtime import Runtime
from assistant.testing import FakeModel, make_runtime, picture

RULE = Rule(id="no", title="No", text="No.", pack="p", pack_version="1")


class Forbidding:
    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        return Verdict(action="refuse", rule=RULE) if "forbidden" in turn.question.text else None


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("api")
    made = make_runtime(
        folder, model=FakeModel("a red circle"), plugins=[("no", Forbidding())], max_image_bytes=100_000, max_images=2
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(runtime: Runtime) -> Iterator[TestClient]:
    with TestClient(create_app(runtime)) as client:
        yield client


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_health_tells_how_far_the_model_is(tmp_path: Path) -> None:
    fresh = make_runtime(tmp_path, plugins=[("no", Forbidding())])
    bare, app = FastAPI(), FastAPI()
    for each in (bare, app):
        each.include_router(health.router(fresh))
    assert TestClient(bare).get("/health").json()["plugins"] == {}  # a stranger learns no more than that it is up
    gate = {"accounts": Accounts(fresh.store), "keys": Keys(fresh.store), "pages": OpenPages()}
    app.add_middleware(Gate, **gate, a_minute=60, must_sign_in=False)
    client = TestClient(app)
    assert client.get("/health").json()["model"] == {"name": "fake", "state": "not_loaded"}
    fresh.warm_up()
    answer = client.get("/health").json()
    assert answer["status"] == "ok"
    assert answer["model"]["state"] == "ready"
    assert answer["plugins"]["no"] == "working"
    fresh.close()


def test_a_turn_comes_back_as_its_record(client: TestClient, runtime: Runtime) -> None:
    answer = client.post("/v1/turns", json={"text": "what is this?", "images": [encoded(picture())]})
    assert answer.status_code == 200
    record = answer.json()
    assert record["status"] == "answered"
    assert record["answer"] == "a red circle"
    assert record["turn"]["door"] == "api"
    assert record == runtime.store.turn(record["turn"]["id"]).model_dump(mode="json")
    assert "data" not in record["turn"]["question"]["images"][0]


def test_a_data_url_works_and_a_conversation_goes_on(client: TestClient) -> None:
    first = client.post("/v1/turns", json={"images": [f"data:image/png;base64,{encoded(picture())}"]}).json()
    chat = first["turn"]["conversation_id"]
    second = client.post("/v1/turns", json={"text": "and now?", "conversation_id": chat}).json()
    assert second["turn"]["parent_id"] == first["turn"]["id"]
    assert len(second["turn"]["history"]) == 1


def test_refused_and_failed_turns_are_finished_turns(client: TestClient) -> None:
    refused = client.post("/v1/turns", json={"text": "forbidden"})
    assert (refused.status_code, refused.json()["refusal"]["rule"]["id"]) == (200, "no")
    failed = client.post("/v1/turns", json={"text": "x", "images": [encoded(b"no picture")]})
    assert (failed.status_code, failed.json()["status"]) == (200, "failed")
    unknown = client.post("/v1/turns", json={"text": "x", "model": "nobody"})
    assert (unknown.status_code, unknown.json()["status"]) == (200, "failed")
    assert "no model 'nobody'" in unknown.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"text": 1}, 400, "text"),
        ({"txet": "x"}, 400, "txet"),
        ({"text": "x", "images": "abc"}, 400, "images"),
        ({"text": "x", "images": ["not base64!"]}, 400, "images.0"),
        ({"text": "x", "images": ["data:image/png,abc"]}, 400, "data URL"),
        ({"text": "x", "images": [encoded(b"x" * 200_000)]}, 413, "images.0"),
        ({"text": "x", "conversation_id": "0" * 32}, 404, "No conversation"),
        ([], 400, "dictionary"),
    ],
)
def test_a_malformed_request_is_told_what_was_expected(client: TestClient, body: Any, status: int, says: str) -> None:
    answer = client.post("/v1/turns", json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


def test_what_is_not_json_is_turned_away(client: TestClient) -> None:
    assert client.post("/v1/turns", content=b"{}").status_code == 415
    broken = client.post("/v1/turns", content=b"{", headers={"content-type": "application/json"})
    assert (broken.status_code, broken.json()["error"]["message"]) == (400, "The body is not JSON.")


def test_a_body_without_end_is_not_read_to_its_end(client: TestClient, runtime: Runtime) -> None:
    limit = body_limit(runtime.settings)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10 * limit:
            sent += 65536
            yield b" " * 65536

    answer = client.post("/v1/turns", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    declared = client.post(
        "/v1/turns", content=b"{}", headers={"content-type": "application/json", "content-length": str(limit + 1)}
    )
    assert declared.status_code == 413


def test_a_stored_picture_is_served_under_its_hash_and_nothing_else(client: TestClient) -> None:
    record = client.post("/v1/turns", json={"images": [encoded(picture())]}).json()
    sha256 = record["turn"]["question"]["images"][0]["sha256"]
    answer = client.get(f"/pictures/{sha256}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/pictures/" + "0" * 64).status_code == 404
    assert client.get("/pictures/..%2F..%2Fetc%2Fpasswd").status_code in (404, 422)
    assert client.get("/examples/examples.json").status_code == 404
    assert client.get("/examples/..%2F__init__.py").status_code == 404


def test_every_example_is_a_picture_with_questions(client: TestClient) -> None:
    from assistant.ui.examples import read_examples

    assert read_examples()
    for example in read_examples():
        assert example.alt
        assert example.questions
        assert client.get(f"/examples/{example.file}").headers["content-type"].startswith("image/")


def test_the_page_is_at_the_root_and_names_no_other_server(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Glassbox" in page.text
    loads = re.findall(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["'](https?://[^"']+)""", page.text)
    assert [each for each in loads if not each.startswith("http://testserver")] == []


def test_another_name_for_this_server_is_turned_away(client: TestClient) -> None:
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/health", headers={"host": "localhost:7860"}).status_code == 200


def test_the_page_may_load_and_call_nothing_else(client: TestClient) -> None:
    for path in ("/", "/health", "/nowhere"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "connect-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy


def test_run_history_and_the_api_page_are_off(client: TestClient) -> None:
    config = client.get("/config").json()
    assert config["run_history"] is False
    assert config["footer_links"] == []
    assert client.get("/docs").status_code != 200 or "swagger" not in client.get("/docs").text.lower()
