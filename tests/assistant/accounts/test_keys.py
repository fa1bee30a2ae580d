"""API keys: what they open, how much, and what ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assistant import AnswerEnd, Delta, TokenCount, Turn
from assistant.accounts import Accounts, keys
from assistant.accounts.keys import TIERS, Keys
from assistant.accounts.pace import Pace
from assistant.api import create_app
from assistant.api.login.scopes import scope_for
from assistant.errors import InputError, NotFound
from assistant.runtime import Runtime
from assistant.testing import FakeModel, make_runtime

PASSWORD = "correct horse battery"
CHAT = {"messages": [{"role": "user", "content": "two words"}]}


class Counting(FakeModel):
    """Reads 10 tokens and writes 5, unless the question says that it does not count."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        yield Delta("x" * 40)
        yield AnswerEnd(tokens=None if "uncounted" in turn.question.text else TokenCount(read=10, written=5))


class House:
    """Accounts, keys, and the API."""

    def __init__(self, runtime: Runtime, client: TestClient) -> None:
        self.runtime, self.client = runtime, client
        self.accounts, self.keys = Accounts(runtime.store), Keys(runtime.store)
        number = len(self.accounts.list())  # people of their own for each test
        self.olga = self.accounts.add(f"olga{number}", PASSWORD, role="operator", who="test")
        self.ada = self.accounts.add(f"ada{number}", PASSWORD, who="test")

    def key(self, *scopes: Any, owner: Any = None, **quotas: int) -> str:
        key, _ = self.keys.add(owner or self.ada, "test", scopes=scopes or ("chat",), who="test", **quotas)
        return key

    def post(self, path: str, key: str, body: Any = None) -> Any:
        return self.client.post(path, json=body or CHAT, headers={"authorization": f"Bearer {key}"})

    def get(self, path: str, key: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, TestClient]]:
    runtime = make_runtime(tmp_path_factory.mktemp("keys"), model=Counting(), requests_a_minute=20)
    yield runtime, TestClient(create_app(runtime))
    runtime.close()


@pytest.fixture
def house(served: tuple[Runtime, TestClient]) -> House:
    return House(*served)


def test_a_key_lets_a_program_in_and_its_chats_are_its_owners(house: House) -> None:
    reply = house.post("/v1/chat/completions", house.key())
    assert reply.status_code == 200
    turn = reply.json()["glassbox"]["turns"][0]["turn_id"]
    assert house.runtime.store.for_person(house.ada.id).has_turn(turn)
    assert not house.runtime.store.for_person(house.olga.id).has_turn(turn)


def test_the_official_client_sends_it(house: House) -> None:
    from openai import OpenAI

    client = OpenAI(base_url="http://testserver/v1", api_key=house.key(), http_client=house.client, max_retries=0)
    reply = client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "two words"}])
    assert reply.choices[0].message.content == "x" * 40


def test_a_key_is_kept_as_a_hash(house: House) -> None:
    key = house.key()
    assert key.startswith("gb_")
    secret = key.split("_", 2)[2]
    files = [each for each in house.runtime.settings.data_dir.iterdir() if each.is_file()]
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)
    assert secret not in str(house.keys.list())


def test_what_is_no_key_opens_nothing(house: House) -> None:
    key = house.key()
    head, secret = key[:15], key[16:]
    other = house.key()
    wrong = ["", "none", head, f"{head}_", f"{head}_{secret[:-1]}", f"{head}_{secret[::-1]}", f"{other[:15]}_{secret}"]
    for each in wrong:
        answer = house.post("/v1/chat/completions", each)
        assert answer.status_code == 401, each
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert house.get("/", key).status_code == 401  # the page is for people
    assert house.get("/pictures/" + "0" * 64, key).status_code == 401


def test_a_revoked_key_and_one_of_a_disabled_account_open_nothing(house: House) -> None:
    revoked, disabled = house.key(), house.key()
    house.keys.revoke(revoked.split("_")[1], who="test")
    assert house.post("/v1/chat/completions", revoked).status_code == 401
    assert house.post("/v1/chat/completions", disabled).status_code == 200
    house.accounts.disable(house.ada.name, who="test")
    assert house.post("/v1/chat/completions", disabled).status_code == 401


BODIES: dict[str, tuple[str, Any]] = {
    "/v1/chat/completions": ("chat", CHAT),
    "/v1/turns": ("chat", {"text": "hello"}),
    "/v1/feedback": ("feedback", {"turn_id": "0" * 32, "rating": "up"}),
    "/v1/explain": ("explain", {"turn_id": "0" * 32, "word": 0}),
    "/v1/check": ("check", {"input": "hello"}),
}


@pytest.mark.parametrize("path", BODIES)
def test_a_key_opens_what_its_scopes_say(house: House, path: str) -> None:
    scope, body = BODIES[path]
    others = {each for each, _ in BODIES.values()} - {scope}
    assert house.post(path, house.key(scope), body).status_code in (200, 404)
    closed = house.post(path, house.key(*others), body)
    assert closed.status_code == 403
    assert closed.json()["error"]["code"] == "insufficient_permissions"
    assert f"the scope {scope}" in closed.json()["error"]["message"]


def test_every_route_for_programs_has_its_scope(house: House) -> None:
    documented = house.client.app.openapi()["paths"]  # type: ignore[attr-defined]
    for path in documented:
        if path.startswith("/v1"):
            assert scope_for(path) != "admin", f"{path} is in no scope: see assistant/api/login/scopes.py"
    assert scope_for("/metrics") == scope_for("/v1/something/new") == "admin"
    assert house.get("/v1/models", house.key("check")).status_code == 200


def test_the_numbers_need_the_scope_admin_and_an_operator(house: House) -> None:
    key = house.key("admin", owner=house.olga)
    assert house.get("/metrics", key).status_code == 200
    assert house.get("/metrics", house.key("chat", owner=house.olga)).status_code == 403
    with pytest.raises(InputError, match="for operators"):
        house.key("admin")
    house.accounts.set_role(house.ada.name, "operator", who="test")
    house.accounts.set_role(house.olga.name, "user", who="test")
    assert house.get("/metrics", key).status_code == 403  # at once


def test_the_tiers_are_sets_of_scopes(house: House) -> None:
    assert TIERS["platform"] < TIERS["research"] < TIERS["enterprise"]
    assert "explain" in TIERS["research"]
    research = house.key(*TIERS["research"])
    assert house.post("/v1/explain", research, BODIES["/v1/explain"][1]).status_code == 404
    assert house.post("/v1/explain", house.key(*TIERS["platform"]), BODIES["/v1/explain"][1]).status_code == 403


# Quotas


def test_requests_are_counted_by_the_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = datetime(2026, 1, 31, 23, 59, 0, tzinfo=UTC)
    monkeypatch.setattr(keys, "now", lambda: clock)
    key = house.key("check", requests_a_day=2)
    body = {"input": "hello"}
    assert [house.post("/v1/check", key, body).status_code for _ in range(3)] == [200, 200, 429]
    spent = house.post("/v1/check", key, body)
    assert spent.headers["retry-after"] == "60"
    assert spent.json()["error"]["code"] == "insufficient_quota"
    assert spent.json()["error"]["type"] == "rate_limit_error"
    assert "2 requests" in spent.json()["error"]["message"]
    monkeypatch.setattr(keys, "now", lambda: datetime(2026, 2, 1, tzinfo=UTC))
    assert house.post("/v1/check", key, body).status_code == 200


def test_tokens_are_counted_at_every_door(house: House) -> None:
    key = house.key("chat", tokens_a_day=60)
    row = next(row for row, _ in house.keys.list() if row.id == key.split("_")[1])
    assert house.post("/v1/chat/completions", key).status_code == 200
    assert house.keys.used(row) == (1, 15)
    assert house.post("/v1/chat/completions", key, {**CHAT, "n": 2}).status_code == 200
    assert house.keys.used(row) == (2, 45)
    streamed = house.post("/v1/chat/completions", key, {**CHAT, "stream": True})
    assert "[DONE]" in streamed.text
    assert house.keys.used(row) == (3, 60)
    spent = house.post("/v1/turns", key, {"text": "hello"})
    assert spent.status_code == 429
    assert "60 tokens" in spent.json()["error"]["message"]


def test_a_model_that_does_not_count_is_counted_by_characters(house: House) -> None:
    key = house.key("chat")
    house.post("/v1/turns", key, {"text": "uncounted words here"})
    row = next(row for row, _ in house.keys.list() if row.id == key.split("_")[1])
    assert house.keys.used(row) == (1, (20 + 40) // 4)


def test_the_page_of_the_same_person_uses_no_quota(house: House) -> None:
    key = house.key("chat", requests_a_day=1)
    theirs = house.runtime.for_person(house.ada.id)
    from assistant.runtime import Question, finish

    finish(theirs.run_turn(theirs.follow(None, Question("on the page"))))
    row, _ = house.keys.list(house.ada)[0]
    assert house.keys.used(row) == (0, 0)
    assert house.post("/v1/turns", key, {"text": "hello"}).status_code == 200


# Pace


def test_one_person_and_one_key_have_their_pace(house: House) -> None:
    one, two = house.key("check"), house.key("check")
    olgas = house.key("check", owner=house.olga)
    body = {"input": "hello"}
    statuses = [house.post("/v1/check", (one, two)[number % 2], body).status_code for number in range(24)]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses  # of the two keys together: they are one person's
    answers = iter(lambda: house.post("/v1/check", one, body), None)
    slow = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(slow.headers["retry-after"]) <= 3
    assert slow.json()["error"]["code"] == "rate_limit_exceeded"
    assert house.post("/v1/check", olgas, body).status_code == 200


def test_a_bucket_fills_up_again() -> None:
    seconds = 0.0
    pace = Pace(60, lambda: seconds)
    assert [pace.wait("ada") for _ in range(61)] == [0] * 60 + [1]
    assert pace.wait("bob") == 0
    seconds = 2.0
    assert [pace.wait("ada") for _ in range(3)] == [0, 0, 1]
    slow = Pace(1, lambda: seconds)
    assert [slow.wait("ada"), slow.wait("ada")] == [0, 60]


# What cannot be


def test_what_cannot_be_is_refused(house: House) -> None:
    with pytest.raises(InputError, match="open something"):
        house.keys.add(house.ada, "", scopes=(), who="test")
    with pytest.raises(InputError, match="1 to"):
        house.key("chat", requests_a_day=0)
    with pytest.raises(NotFound, match="keys list"):
        house.keys.revoke("nothing", who="test")
    with pytest.raises(NotFound):
        house.keys.revoke("", who="test")
