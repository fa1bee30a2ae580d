"""The panels "Account" and "People", pressed over HTTP as the page's script does."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from assistant.accounts.keys import Keys

from .conftest import PASSWORD, Browser, Home

ACTS = ("", "add", "role", "disable", "enable", "password", "sign-out", "key", "revoke")


def people(home: Home, act: str = "", who: str = "olga", **fields: str) -> str:
    return home.browser(who).said("panel", panel="people", act=act, **fields)


def account(home: Home, who: str, act: str = "", **fields: str) -> str:
    return home.browser(who).said("panel", panel="account", act=act, **fields)


def test_everybody_sees_who_they_are_and_the_way_out(home: Home) -> None:
    for name, role in (("ada", "user"), ("rita", "reviewer"), ("olga", "operator")):
        shown = account(home, name)
        assert f"<strong>{name}</strong>" in shown
        assert f"Your role is {role}" in shown
        assert 'method="post" action="/logout"' in shown
        assert 'data-panel="account"' in home.browser(name).said("load")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["ada", "rita"])
def test_people_is_for_operators_alone(home: Home, act: str, who: str) -> None:
    before = home.accounts.list()
    fields = {"name": "bob", "role": "operator", "password": PASSWORD + "!", "tier": "platform", "key": "x"}
    assert "There is no panel" in people(home, act, who=who, **fields)
    assert home.accounts.list() == before
    assert 'data-panel="people"' not in home.browser(who).said("load")


def test_an_operator_adds_changes_and_turns_away(home: Home) -> None:
    added = people(home, "add", name="dora", password=PASSWORD, role="user")
    assert "dora can sign in now" in added
    assert PASSWORD not in added
    dora = Browser(TestClient(home.app), page="page-of-dora")
    assert dora.sign_in("dora").status_code == 303

    assert "reviewer now" in people(home, "role", name="dora", role="reviewer")
    assert 'data-panel="appeals"' in dora.said("load")
    assert "Expected a role" in people(home, "role", name="dora", role="emperor")
    assert "signed out everywhere (1 session)" in people(home, "sign-out", name="dora")
    assert dora.post("load").status_code == 401

    assert "new password" in people(home, "password", name="dora", password=PASSWORD + "!")
    assert dora.sign_in("dora").status_code == 401
    assert dora.sign_in("dora", PASSWORD + "!").status_code == 303
    assert "can no longer sign in" in people(home, "disable", name="dora")
    assert dora.post("load").status_code == 401
    assert "disabled" in people(home)
    assert "can sign in again" in people(home, "enable", name="dora")


def test_what_cannot_be_ends_in_a_sentence(home: Home) -> None:
    assert "A password has 10" in people(home, "add", name="eva", password="short", role="user")
    assert "There is an account" in people(home, "add", name="ADA", password=PASSWORD, role="user")
    assert "No operator would be left" in people(home, "role", name="olga", role="user")
    assert "There is no account" in people(home, "disable", name="<b>nobody</b>")
    assert "does not exist" in people(home, "explode")
    assert "Expected what the key opens" in people(home, "key", name="ada", tier="everything")
    assert "The scope admin is for operators" in people(home, "key", name="ada", tier="enterprise")


def test_a_key_is_shown_once_and_its_owner_may_end_it(home: Home) -> None:
    shown = people(home, "key", name="bob", label="my <script>", tier="platform")
    found = re.search(r"gb_([0-9a-f]{12})_[\w-]{43}", shown)
    assert found is not None
    key, key_id = found[0], found[1]
    assert "my &lt;script&gt;" in shown
    assert key not in people(home)
    assert key not in account(home, "bob")
    caller = Keys(home.runtime.store).caller(key)
    assert caller is not None
    assert caller.person.name == "bob"

    assert key_id in account(home, "bob")
    assert key_id not in account(home, "ada")
    assert "no such key of yours" in account(home, "ada", "revoke", key=key_id)
    assert Keys(home.runtime.store).caller(key) is not None
    assert "opens nothing" in account(home, "bob", "revoke", key=key_id)
    assert Keys(home.runtime.store).caller(key) is None


def test_nobody_sees_a_hash(home: Home) -> None:
    for said in (people(home), account(home, "olga")):
        assert "argon2" not in said
        for each in home.accounts.list():
            assert each.password not in said


def test_how_far_downloads_are_is_for_operators_alone(home: Home) -> None:
    assert home.browser("olga").client.get("/downloads").json() == {}
    for who in ("ada", "rita"):
        assert home.browser(who).client.get("/downloads").status_code == 403
