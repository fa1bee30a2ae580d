"""Single sign-on, from the button to the session, with a provider that really listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from assistant.accounts import Accounts
from assistant.accounts.keys import Keys
from assistant.accounts.person import Person
from assistant.accounts.single_sign_on import SingleSignOn
from assistant.api.login import routes, sso_routes
from assistant.api.login.gate import Gate
from assistant.api.login.open_pages import OpenPages
from assistant.errors import SettingsError
from assistant.settings import Settings
from assistant.store import Store

from .provider import CLIENT, SECRET, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Door:
    """The routes for signing in, and a browser in front of them."""

    def __init__(self, folder: Path, issuer: str, **settings: Any) -> None:
        values = {"sso_issuer": issuer, "sso_client_id": CLIENT, "sso_client_secret": SECRET, **settings}
        self.settings = Settings(data_dir=folder, **values)
        self.store = Store(self.settings.database)
        self.accounts = Accounts(self.store)
        if not self.accounts.in_use:
            self.accounts.add("olga", "correct horse battery", who="test")
        app = FastAPI()
        sign_on = SingleSignOn(self.settings, self.accounts)
        app.include_router(routes.router(self.accounts, sso=self.settings.sso_label))
        app.include_router(sso_routes.router(self.accounts, sign_on, public_url=self.settings.public_url))
        app.add_middleware(
            Gate,
            accounts=self.accounts,
            keys=Keys(self.store),
            pages=OpenPages(),
            a_minute=1000,
            must_sign_in=False,
        )
        self.client = TestClient(app)

    def leave(self, after: str = "/") -> str:
        """Press the button; the address to which the browser is sent."""
        sent = self.client.get("/login/sso", params={"next": after}, follow_redirects=False)
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    def come_back(self, address: str) -> Any:
        """The provider sends the browser back."""
        parts = urlsplit(address)
        return self.client.get(f"{parts.path}?{parts.query}", follow_redirects=False)

    def sign_in(self, after: str = "/") -> Any:
        with httpx.Client(trust_env=False) as elsewhere:
            returned = elsewhere.get(self.leave(after)).headers["location"]
        return self.come_back(returned)

    def person(self) -> Person | None:
        return self.accounts.person(self.client.cookies.get("glassbox_session", ""))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def door(tmp_path: Path, provider: Provider) -> Iterator[Door]:
    made = Door(tmp_path, provider.issuer)
    yield made
    made.store.close()


def test_the_page_has_the_button(door: Door) -> None:
    assert 'href="/login/sso?next=/"' in door.client.get("/login").text
    assert "Single sign-on" in door.client.get("/login").text


def test_from_the_button_to_the_session(door: Door, provider: Provider) -> None:
    came = door.sign_in("/?chat=abc")
    assert (came.status_code, came.headers["location"]) == (303, "/?chat=abc")
    person = door.person()
    assert person is not None
    assert (person.name, person.role) == ("GraceHopper", "user")
    (asked,) = provider.asked
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid profile email"
    assert asked["redirect_uri"] == "http://testserver/login/sso/back"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3

    first = person.id
    door.client.cookies.clear()
    door.sign_in()
    again = door.person()
    assert again is not None
    assert again.id == first
    assert len(door.accounts.list()) == 2


def test_a_name_that_is_taken_is_not_taken_over(door: Door, provider: Provider) -> None:
    provider.claims["preferred_username"] = "Olga"
    door.sign_in()
    person = door.person()
    assert person is not None
    assert person.name == "Olga-2"
    assert person.role == "user"
    with pytest.raises(Exception, match="wrong"):  # it has no password
        door.accounts.sign_in("Olga-2", "", "here")


def test_a_disabled_account_stays_out(door: Door) -> None:
    door.sign_in()
    door.accounts.disable("GraceHopper", who="test")
    door.client.cookies.clear()
    out = door.sign_in()
    assert out.status_code == 403
    assert "disabled" in out.text
    assert door.person() is None


def test_groups_give_roles_anew_each_time(tmp_path: Path, provider: Provider) -> None:
    door = Door(
        tmp_path,
        provider.issuer,
        sso_role_claim="groups",
        sso_roles={"staff": "user", "judges": "reviewer", "admins": "operator"},
    )
    for groups, role in ((["staff", "admins"], "operator"), (["judges", "staff", 7], "reviewer"), ("staff", "user")):
        provider.claims["groups"] = groups
        door.client.cookies.clear()
        assert door.sign_in().status_code == 303
        person = door.person()
        assert person is not None
        assert person.role == role
    for groups in (["guests"], None):
        provider.claims["groups"] = groups
        door.client.cookies.clear()
        assert door.sign_in().status_code == 403
        assert door.person() is None
    door.store.close()


def test_the_first_account_is_not_made_by_a_provider(tmp_path: Path, provider: Provider) -> None:
    door = Door(tmp_path, provider.issuer)
    door.accounts.remove("olga", who="test")
    out = door.client.get("/login/sso", follow_redirects=False)
    assert out.status_code == 403
    assert "assistant accounts add" in out.text
    door.store.close()


# What cannot be trusted


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://evil.example"},
        {"aud": "another house"},
        {"exp": 1_000_000_000},
        {"nonce": "another"},
        {"nonce": ""},
        {"azp": "another house", "aud": [CLIENT, "another house"]},
        {"sub": None},
        {"iat": int(time.time()) + 86_400},
    ],
)
def test_claims_that_do_not_fit_let_nobody_in(door: Door, provider: Provider, lie: dict[str, Any]) -> None:
    provider.lies.update(lie)
    out = door.sign_in()
    assert out.status_code == 403, lie
    assert "cannot be trusted" in out.text
    assert door.person() is None
    assert len(door.accounts.list()) == 1


def test_a_signature_by_another_key_lets_nobody_in(door: Door, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "one"})
    assert "cannot be trusted" in door.sign_in().text
    assert door.person() is None


def test_no_signature_lets_nobody_in(door: Door, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64
    import json

    def unsigned(sent: dict[str, str], _: str) -> tuple[dict[str, Any], int]:
        asked = provider.codes.pop(sent["code"])
        claims = {"iss": provider.issuer, "aud": CLIENT, "iat": int(time.time()), "exp": int(time.time()) + 300}
        parts = ({"alg": "none"}, {**claims, "nonce": asked["nonce"], "sub": "42"})
        encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts]
        return {"access_token": "t", "token_type": "Bearer", "id_token": ".".join([*encoded, ""])}, 200

    monkeypatch.setattr(provider, "token", unsigned)
    assert door.sign_in().status_code == 403
    assert door.person() is None


def test_an_answer_to_another_question_lets_nobody_in(door: Door, provider: Provider) -> None:
    with httpx.Client(trust_env=False) as elsewhere:
        returned = elsewhere.get(door.leave()).headers["location"]
    state = parse_qs(urlsplit(returned).query)["state"][0]
    for wrong in (
        returned.replace(state, "another"),
        returned.replace("code=code0", "code=nothing"),
        "/login/sso/back",
    ):
        assert door.come_back(wrong).status_code == 403
        door.leave()  # a fresh journey, which the old answer does not fit
    assert door.come_back(returned).status_code == 403
    assert TestClient(door.client.app).get(returned).status_code == 403  # another browser
    denied = parse_qs(urlsplit(door.leave()).query)["state"][0]
    out = door.come_back(f"/login/sso/back?error=access_denied&error_description=<b>No</b>&state={denied}")
    assert "&lt;b&gt;No" in out.text
    assert door.person() is None


def test_a_code_counts_once(door: Door) -> None:
    with httpx.Client(trust_env=False) as elsewhere:
        returned = elsewhere.get(door.leave()).headers["location"]
    kept = door.client.cookies["glassbox_sso"]
    assert door.come_back(returned).status_code == 303
    door.client.cookies.clear()
    door.client.cookies.set("glassbox_sso", kept)
    assert door.come_back(returned).status_code == 403


@pytest.mark.parametrize(
    "published",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": ""}],
)
def test_a_provider_that_publishes_nonsense_is_not_asked(
    door: Door, provider: Provider, published: dict[str, str]
) -> None:
    provider.discovery.update(published)
    out = door.client.get("/login/sso", follow_redirects=False)
    assert out.status_code == 403
    assert "Sign in" in out.text


def test_a_provider_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    door = Door(tmp_path, "http://127.0.0.1:9")
    out = door.client.get("/login/sso", follow_redirects=False)
    assert out.status_code == 403
    assert "does not answer" in out.text
    door.store.close()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sso_client_id": ""}, "sso_client_id"),
        ({"sso_issuer": "http://idp.example.org"}, "https://"),
        ({"sso_issuer": "idp.example.org"}, "https://"),
        ({"sso_role_claim": "groups"}, "sso_roles"),
        ({"sso_roles": {"staff": "user"}}, "sso_role_claim"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    settings = dict(settings)
    issuer = settings.pop("sso_issuer", "https://idp.example.org")
    with pytest.raises(SettingsError, match=says):
        Door(tmp_path, issuer, **settings)


def test_behind_a_proxy_the_way_back_is_the_public_address(tmp_path: Path, provider: Provider) -> None:
    door = Door(tmp_path, provider.issuer, public_url="https://chat.example.org")
    query = parse_qs(urlsplit(door.leave()).query)
    assert query["redirect_uri"] == ["https://chat.example.org/login/sso/back"]
    door.store.close()
