"""The gate and the page to sign in: who comes in, and what a stranger sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assistant.accounts import Accounts
from assistant.accounts.throttle import PER_NAME_AND_ADDRESS
from assistant.api import create_app
from assistant.api.login.routes import safe_target
from assistant.api.server import check_reachable, reachable_from_elsewhere
from assistant.errors import SettingsError
from assistant.settings import Settings
from assistant.store import Store
from assistant.testing import make_runtime

from .conftest import PASSWORD, Browser, Home

HTML = {"accept": "text/html"}


@pytest.fixture
def stranger(home: Home) -> Browser:
    return Browser(TestClient(home.app))


def test_without_accounts_nobody_is_asked_to_sign_in(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path)
    client = TestClient(create_app(runtime))
    assert client.get("/").status_code == 200
    assert client.get("/login", follow_redirects=False).headers["location"] == "/"
    assert client.post("/v1/turns", json={"text": "hello"}).json()["status"] == "answered"
    assert len(runtime.store.for_person("local").conversations()) == 1

    Accounts(runtime.store).add("ada", PASSWORD, who="test")  # it counts from the next request on
    assert client.get("/", headers=HTML, follow_redirects=False).headers["location"] == "/login?next=/"
    assert client.post("/v1/turns", json={"text": "hello"}).status_code == 401
    runtime.close()


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/pictures/" + "0" * 64, "/examples/shapes.png"])
def test_a_stranger_is_sent_to_the_page_to_sign_in(stranger: Browser, path: str) -> None:
    asked = stranger.client.get(path, headers=HTML, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/login?next={path}")
    assert asked.headers["cache-control"] == "no-store"
    assert stranger.client.get(path, headers={"accept": "image/png"}).status_code == 401


def test_no_route_but_the_open_ones_answers_a_stranger(home: Home, stranger: Browser) -> None:
    """Every route that there is, Gradio's own included."""
    from starlette.routing import Route

    from assistant.api.login.gate import OPEN

    def paths(routes: Any) -> Iterator[tuple[str, str]]:
        for route in routes:
            if isinstance(route, Route):
                for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                    yield method, route.path
            else:  # something that holds routes: a mounted application, an included router
                inner = getattr(route, "original_router", route)
                prefix = inner.prefix if hasattr(inner, "prefix") else ""
                yield from ((method, path) for method, path in paths(inner.routes) if path.startswith(prefix))

    ours = {(method.upper(), path) for path, each in home.app.openapi()["paths"].items() for method in each}
    found = sorted({*ours, *paths(home.app.routes)})
    assert len(ours) > 7
    assert len(found) > 60
    for method, template in found:
        path = template.replace("{", "").replace("}", "").replace(":path", "")
        if not OPEN.fullmatch(path):
            answer = stranger.client.request(method, path, follow_redirects=False)
            assert answer.status_code == 401, (method, path, answer.status_code)


def test_a_stranger_learns_of_health_no_more_than_that_it_is_up(home: Home, stranger: Browser) -> None:
    assert stranger.client.get("/health").json()["plugins"] == {}
    assert home.browser("ada").client.get("/health").json()["plugins"] != {}
    home.runtime.warm_up()
    assert stranger.client.get("/ready").json() == {"ready": True, "waiting_for": []}


def test_the_api_says_in_openais_form_that_a_key_is_missing(stranger: Browser) -> None:
    for answer in (stranger.client.post("/v1/chat/completions", json={}), stranger.client.get("/metrics")):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert "assistant keys add" in answer.json()["error"]["message"]


def test_signing_in_leads_back_and_the_cookie_is_out_of_reach(stranger: Browser) -> None:
    came = stranger.sign_in("ada", after="/?chat=abc")
    assert (came.status_code, came.headers["location"]) == (303, "/?chat=abc")
    cookie = next(each for each in came.headers.get_list("set-cookie") if each.startswith("glassbox_session="))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Secure" not in cookie  # plain http, as on this computer
    assert stranger.client.get("/").status_code == 200
    assert stranger.client.get("/login", follow_redirects=False).status_code == 303


def test_with_tls_the_cookie_goes_over_tls_alone(home: Home) -> None:
    browser = Browser(TestClient(home.app, base_url="https://testserver"))
    cookies = browser.sign_in("ada").headers.get_list("set-cookie")
    assert all("Secure" in each for each in cookies if each.startswith("glassbox_session="))


def test_signing_out_ends_the_session(home: Home, stranger: Browser) -> None:
    stranger.sign_in("ada")
    cookie = stranger.client.cookies["glassbox_session"]
    out = stranger.client.post("/logout", follow_redirects=False)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "glassbox_session" not in stranger.client.cookies
    stranger.client.cookies.set("glassbox_session", cookie)  # a copy is of no use either
    assert stranger.client.get("/config").status_code == 401
    assert home.browser("ada").client.get("/config").status_code == 200


def test_a_wrong_password_says_so_on_the_page(stranger: Browser) -> None:
    failed = stranger.sign_in("ada", "wrong password")
    assert failed.status_code == 401
    assert "The name or the password is wrong" in failed.text
    assert 'role="alert"' in failed.text
    assert 'value="ada"' in failed.text
    assert "wrong password" not in failed.text
    assert "glassbox_session" not in stranger.client.cookies


def test_what_came_in_the_form_stands_escaped_on_the_page(stranger: Browser) -> None:
    failed = stranger.sign_in('"><script>alert(1)</script>', after='/"><script>')
    assert "<script>" not in failed.text


def test_too_many_tries_have_to_wait(stranger: Browser) -> None:
    for _ in range(PER_NAME_AND_ADDRESS):
        failed = stranger.sign_in("nobody", "wrong password")
    failed = stranger.sign_in("nobody", "wrong password")
    assert failed.status_code == 429
    assert int(failed.headers["retry-after"]) > 0
    assert "Too many tries" in failed.text


def test_a_form_of_another_site_is_not_taken(stranger: Browser) -> None:
    fields = {"name": "ada", "password": PASSWORD}
    assert stranger.client.post("/login", data=fields).status_code == 403  # no token
    stranger.client.get("/login")
    forged = {"origin": "https://evil.example"}
    token = stranger.client.get("/login").text.split('name="token" value="')[1].split('"')[0]
    assert stranger.client.post("/login", data={**fields, "token": token}, headers=forged).status_code == 403
    other = TestClient(stranger.client.app)  # the token of one browser in the form of another
    other.get("/login")
    assert other.post("/login", data={**fields, "token": token}).status_code == 403
    long = stranger.client.post("/login", data={**fields, "token": token, "more": "x" * 30_000})
    assert long.status_code == 403
    assert "glassbox_session" not in stranger.client.cookies


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_a_page_of_another_site_changes_nothing_in_ones_name(home: Home, headers: dict[str, str]) -> None:
    ada = home.browser("ada").client
    assert ada.post("/v1/turns", json={"text": "hello"}, headers=headers).status_code == 403
    assert ada.post("/gradio_api/queue/join", json={}, headers=headers).status_code == 403
    ada.post("/logout", headers=headers)
    assert ada.get("/config").status_code == 200
    assert ada.post("/v1/turns", json={"text": "hello"}, headers={"origin": "http://testserver"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/?chat=1&x=%20", "/?chat=1&x=%20"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\nb", "/"),
        ("javascript:alert(1)", "/"),
        ("/logout", "/"),
        ("", "/"),
        ('/"><script>', "/%22%3E%3Cscript%3E"),
    ],
)
def test_signing_in_leads_nowhere_else(address: str, leads_to: str) -> None:
    assert safe_target(address) == leads_to


# Other computers


def test_other_computers_are_let_in_once_there_are_accounts(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, host="0.0.0.0")
    with pytest.raises(SettingsError, match="assistant accounts add NAME"):
        check_reachable(settings)
    with pytest.raises(SettingsError, match="chat"):
        check_reachable(Settings(data_dir=tmp_path, public_url="https://chat.example.org"))
    store = Store(settings.database)
    Accounts(store).add("ada", PASSWORD, who="test")
    store.close()
    check_reachable(settings)


def test_while_other_computers_can_reach_it_nobody_comes_in_without_an_account(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, host="0.0.0.0")  # as after the last account was removed
    client = TestClient(create_app(runtime), base_url="http://chat.example.org")
    assert client.get("/config").status_code == 401
    assert client.get("/login", headers=HTML, follow_redirects=False).status_code == 200
    runtime.close()


def test_what_counts_as_reachable(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.0.0.5", "::1", "localhost"):
        assert not reachable_from_elsewhere(Settings(data_dir=tmp_path, host=host))
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org", ""):
        assert reachable_from_elsewhere(Settings(data_dir=tmp_path, host=host))
    assert reachable_from_elsewhere(Settings(data_dir=tmp_path, public_url="https://chat.example.org"))
