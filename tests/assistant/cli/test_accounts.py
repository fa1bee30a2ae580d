"""``assistant accounts`` and ``assistant keys``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from assistant.accounts import Accounts
from assistant.accounts.keys import Keys
from assistant.cli.common import NOT_DONE
from assistant.plugin_choices import Choices, SettingsForm
from assistant.store import Store

from .conftest import Cli

PASSWORD = "correct horse battery\n"


@pytest.fixture
def made(cli: Cli) -> Cli:
    """With an operator and a user."""
    assert cli("accounts", "add", "olga", input=PASSWORD).exit_code == 0
    assert cli("accounts", "add", "ada", input=PASSWORD).exit_code == 0
    return cli


def test_accounts_are_made_listed_and_changed(cli: Cli) -> None:
    assert "no accounts" in cli("accounts", "list").stderr
    first = cli("accounts", "add", "olga", input=PASSWORD)
    assert first.stdout == "The account olga is there; its role: operator.\n"
    assert "everybody has to sign in" in first.stderr
    assert "its role: reviewer" in cli("accounts", "add", "rita", "--role", "reviewer", input=PASSWORD).stdout
    listed = json.loads(cli("accounts", "list", "--json").stdout)
    assert [(each["name"], each["role"], each["disabled"]) for each in listed] == [
        ("olga", "operator", False),
        ("rita", "reviewer", False),
    ]
    assert "password" not in listed[0]
    assert "The role of rita is user" in cli("accounts", "role", "rita", "user").stdout
    assert "can no longer sign in" in cli("accounts", "disable", "rita").stdout
    assert re.search(r"rita +user .* disabled", cli("accounts", "list").stdout)
    assert "can sign in again" in cli("accounts", "enable", "rita").stdout
    assert "0 sessions of rita ended" in cli("accounts", "sign-out", "rita").stdout
    assert "new password" in cli("accounts", "password", "rita", input=PASSWORD).stdout


@pytest.mark.parametrize(
    ("arguments", "input", "says"),
    [
        (["accounts", "add", "eva"], "short\n", "A password has 10"),
        (["accounts", "add", "two words"], PASSWORD, "An account's name"),
        (["accounts", "add", "ADA"], PASSWORD, "There is an account"),
        (["accounts", "role", "nobody", "user"], None, "There is no account"),
        (["accounts", "role", "olga", "user"], None, "No operator would be left"),
        (["accounts", "role", "ada", "emperor"], None, "emperor"),
        (["accounts", "remove", "ada"], None, "Add --yes"),
        (["keys", "add", "nobody"], None, "There is no account"),
        (["keys", "add", "ada", "--scope", "admin"], None, "for operators"),
        (["keys", "add", "ada", "--scope", "chat", "--tier", "platform"], None, "leave one out"),
        (["keys", "add", "ada", "--requests", "0"], None, "1 to"),
        (["keys", "revoke", "nothing"], None, "keys list"),
    ],
)
def test_what_cannot_be_done_says_why(made: Cli, arguments: list[str], input: str | None, says: str) -> None:
    result = made(*arguments, input=input)
    assert result.exit_code == NOT_DONE
    assert says in result.stderr
    assert result.stdout == ""


def test_removing_the_last_account_goes_back_to_one_person(made: Cli) -> None:
    assert "ada is removed, with 0 chats" in made("accounts", "remove", "ada", "--yes").stdout
    assert "uses Glassbox alone again" in made("accounts", "remove", "olga", "--yes").stderr


def test_what_a_removed_person_chose_for_plugins_goes_and_nothing_else(made: Cli, folder: Path) -> None:
    form = SettingsForm({"properties": {"greeting": {"type": "string"}}}, lambda values: {})

    def choices() -> Choices:
        kept = Choices(folder)
        kept.forms["greets"] = form
        return kept

    ids = {each["name"]: each["id"] for each in json.loads(made("accounts", "list", "--json").stdout)}
    for name in ids:
        assert choices().save("greets", ids[name], {"greeting": name}, operator=False) == {}
    assert made("accounts", "remove", "ada", "--yes").exit_code == 0
    assert choices().chosen(ids["ada"]) == {"greets": {}}
    assert choices().chosen(ids["olga"]) == {"greets": {"greeting": "olga"}}


def test_the_chats_of_before_are_handed_over_where_it_is_wanted(cli: Cli, house: object, folder: Path) -> None:
    assert cli("ask", "what is this?").exit_code == 0
    assert "1 chats that were made" in cli("accounts", "add", "olga", "--with-chats", input=PASSWORD).stdout
    store = Store(f"sqlite:///{folder / 'glassbox.sqlite3'}")
    assert len(store.for_person(Accounts(store).get("olga").id).conversations()) == 1
    store.close()


def test_a_key_goes_to_standard_output_once(made: Cli, folder: Path) -> None:
    result = made("keys", "add", "ada", "--name", "report", "--tier", "research", "--requests", "7")
    key = result.stdout.strip()
    assert re.fullmatch(r"gb_[0-9a-f]{12}_[\w-]{43}", key)
    assert "shown this one time" in result.stderr
    store = Store(f"sqlite:///{folder / 'glassbox.sqlite3'}")
    caller = Keys(store).caller(key)
    assert caller is not None
    assert (caller.person.name, caller.key.requests_a_day) == ("ada", 7)
    assert set(caller.key.scopes) == {"chat", "feedback", "explain", "check"}

    listed = made("keys", "list")
    assert key not in listed.stdout
    assert re.search(r"ada .*0/7 requests.*report", listed.stdout)
    assert json.loads(made("keys", "list", "--account", "olga", "--json").stdout) == []
    assert "opens nothing any more" in made("keys", "revoke", key[3:9]).stdout
    assert Keys(store).caller(key) is None
    assert "revoked" in made("keys", "list").stdout
    store.close()


def test_serving_to_other_computers_needs_an_account(cli: Cli) -> None:
    refused = cli("serve", "--host", "0.0.0.0", "--no-browser")
    assert refused.exit_code == NOT_DONE
    assert "assistant accounts add NAME" in refused.stderr
