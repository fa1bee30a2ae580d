"""A house in which three people have accounts, and one browser for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import assistant_feedback
import assistant_visualizers
from assistant.accounts import Accounts
from assistant.api import create_app
from assistant.runtime import Runtime
from assistant.testing import FakeModel, ForbiddenWord, make_runtime

PASSWORD = "correct horse battery"


@dataclass
class Browser:
    """What somebody does at the page, over HTTP as the page's own script does it."""

    client: TestClient
    page: str = "page"
    indexes: dict[str, int] = field(default_factory=dict)

    def sign_in(self, name: str, password: str = PASSWORD, after: str = "/") -> Any:
        form = self.client.get("/login")
        token = re.search(r'name="token" value="([^"]+)"', form.text)
        assert token is not None
        fields = {"name": name, "password": password, "token": token[1], "next": after}
        return self.client.post("/login", data=fields, follow_redirects=False)

    def press(self, event: str, **fields: str) -> dict[str, Any]:
        """What the page's script hands to the server: an event of the bridge with its fields."""
        answer = self.post(event, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, event: str, **fields: str) -> Any:
        if not self.indexes:
            config = self.client.get("/config").json()
            for number, each in enumerate(config["dependencies"]):
                for _, name in each["targets"]:
                    self.indexes.setdefault(name, number)
        inputs = {"act": [None, None], "explain": [None, None], "turn": [None], "panel": [None]}.get(event, [])
        body = {
            "fn_index": self.indexes[event],
            "data": inputs,
            "event_data": fields,
            "session_hash": self.page,
            "trigger_id": 1,
        }
        return self.client.post("/gradio_api/run/predict", json=body)

    def said(self, event: str, **fields: str) -> str:
        """Everything that came back, as text."""
        return str(self.press(event, **fields)["data"])


@dataclass
class Home:
    """The house and its people."""

    runtime: Runtime
    app: FastAPI
    accounts: Accounts
    browser: Callable[[str], Browser]

    def ask(self, name: str, text: str, images: Any = ()) -> Any:
        """A finished turn of one person."""
        from assistant.runtime import Question, finish

        theirs = self.runtime.for_person(self.accounts.get(name).id)
        return finish(theirs.run_turn(theirs.follow(None, Question(text, images))))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    runtime = make_runtime(
        tmp_path_factory.mktemp("home"),
        model=FakeModel(lambda turn: f"an answer to {turn.question.text}"),
        plugins=[
            ("forbidding", ForbiddenWord()),
            ("feedback", assistant_feedback.Recorder()),
            ("visualizers", assistant_visualizers),
        ],
        requests_a_minute=100_000,
    )
    app, accounts = create_app(runtime), Accounts(runtime.store)
    for name, role in (("olga", "operator"), ("ada", "user"), ("bob", "user"), ("rita", "reviewer")):
        accounts.add(name, PASSWORD, role=role, who="test")
    signed_in: dict[str, Browser] = {}

    def browser(name: str) -> Browser:
        if name not in signed_in:
            signed_in[name] = Browser(TestClient(app), page=f"page-of-{name}")
            assert signed_in[name].sign_in(name).status_code == 303
        return signed_in[name]

    with TestClient(app):
        yield Home(runtime, app, accounts, browser)
    runtime.close()
