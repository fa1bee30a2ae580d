"""Accounts: making, signing in, roles, and what ends a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.accounts import Accounts
from assistant.accounts.accounts import SignInFailed
from assistant.accounts.passwords import fits, hash_password
from assistant.accounts.signing import Signer
from assistant.accounts.throttle import PER_ADDRESS, PER_NAME, PER_NAME_AND_ADDRESS, WAIT_SECONDS, Throttle
from assistant.errors import InputError, NotFound, StoreError
from assistant.store import Store

PASSWORD = "correct horse battery"
HERE = "192.0.2.1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'chats.sqlite3'}")
    yield opened
    opened.close()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store)


def test_the_first_account_is_an_operators_and_the_next_is_not(accounts: Accounts) -> None:
    assert not accounts.in_use
    assert accounts.add("ada", PASSWORD, who="test").role == "operator"
    assert accounts.in_use
    assert accounts.add("bob", PASSWORD, who="test").role == "user"
    assert [each.name for each in accounts.list()] == ["ada", "bob"]


def test_a_password_is_kept_as_argon2id_and_never_shown(accounts: Accounts, store: Store) -> None:
    made = accounts.add("ada", PASSWORD, who="test")
    assert made.password.startswith("$argon2id$")
    assert PASSWORD not in repr(made)
    assert made.password not in repr(made)
    assert fits(made.password, PASSWORD)
    assert not fits(made.password, PASSWORD + "!")
    assert not fits("", PASSWORD)
    assert not fits("no hash at all", PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_a_password_that_cannot_be_used_is_refused_with_its_length(accounts: Accounts, password: str) -> None:
    with pytest.raises(InputError, match=str(len(password))):
        accounts.add("ada", password, who="test")
    assert not accounts.in_use


@pytest.mark.parametrize("name", ["", " ", "two words", "a/b", "x" * 81, "<b>"])
def test_a_name_that_cannot_be_used_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InputError, match="An account's name"):
        accounts.add(name, PASSWORD, who="test")


def test_a_name_is_taken_however_it_is_written(accounts: Accounts) -> None:
    accounts.add("Ada", PASSWORD, who="test")
    with pytest.raises(StoreError, match="already"):
        accounts.add("aDA", PASSWORD, who="test")
    assert accounts.get("ADA").name == "Ada"
    with pytest.raises(NotFound, match="accounts list"):
        accounts.get("nobody")


def test_signing_in_and_out(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, who="test")
    cookie = accounts.sign_in("ADA", PASSWORD, HERE)
    person = accounts.person(cookie)
    assert person is not None
    assert (person.name, person.role) == ("ada", "operator")
    other = accounts.sign_in("ada", PASSWORD, HERE)
    accounts.sign_out(cookie)
    assert accounts.person(cookie) is None
    assert accounts.person(other) is not None


def test_a_forged_or_empty_cookie_is_nobodys(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, who="test")
    cookie = accounts.sign_in("ada", PASSWORD, HERE)
    token, _, signature = cookie.rpartition(".")
    for forged in ("", ".", token, f"{token}.", f"{token}x.{signature}", f"{token}.{'0' * 64}", "é.è", f".{signature}"):
        assert accounts.person(forged) is None


def test_the_database_holds_no_cookie(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ada", PASSWORD, who="test")
    token = accounts.sign_in("ada", PASSWORD, HERE).rpartition(".")[0].encode()
    for file in tmp_path.iterdir():
        assert token not in file.read_bytes()
        assert PASSWORD.encode() not in file.read_bytes()


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong password"), ("nobody", PASSWORD), ("", "")])
def test_a_failed_sign_in_says_the_same_whatever_was_wrong(accounts: Accounts, name: str, password: str) -> None:
    accounts.add("ada", PASSWORD, who="test")
    with pytest.raises(SignInFailed, match="The name or the password is wrong"):
        accounts.sign_in(name, password, HERE)


def test_sessions_end_when_the_account_is_disabled_or_gets_a_password(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, who="test")
    accounts.add("bob", PASSWORD, who="test")
    cookie = accounts.sign_in("bob", PASSWORD, HERE)
    accounts.disable("bob", who="test")
    assert accounts.person(cookie) is None
    with pytest.raises(SignInFailed):
        accounts.sign_in("bob", PASSWORD, HERE)
    accounts.enable("bob", who="test")
    assert accounts.person(cookie) is None

    cookie = accounts.sign_in("bob", PASSWORD, HERE)
    accounts.set_password("bob", PASSWORD + " new", who="test")
    assert accounts.person(cookie) is None
    cookie = accounts.sign_in("bob", PASSWORD + " new", HERE)
    assert accounts.sign_out_everywhere("bob") == 1
    assert accounts.person(cookie) is None


def test_a_new_role_counts_at_once(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, who="test")
    accounts.add("bob", PASSWORD, who="test")
    cookie = accounts.sign_in("bob", PASSWORD, HERE)
    accounts.set_role("bob", "reviewer", who="test")
    person = accounts.person(cookie)
    assert person is not None
    assert person.viewer.may_review
    assert not person.viewer.operator


def test_a_session_is_over_after_its_time(accounts: Accounts, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant.accounts.accounts import SESSION
    from assistant.messages import now
    from assistant.store import people

    accounts.add("ada", PASSWORD, who="test")
    cookie = accounts.sign_in("ada", PASSWORD, HERE)
    later = now() + SESSION
    monkeypatch.setattr(people, "now", lambda: later)
    assert accounts.person(cookie) is None


def test_an_operator_is_always_left(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, who="test")
    accounts.add("bob", PASSWORD, who="test")
    for change in (
        lambda: accounts.set_role("ada", "user", who="test"),
        lambda: accounts.disable("ada", who="test"),
        lambda: accounts.remove("ada", who="test"),
    ):
        with pytest.raises(StoreError, match="No operator would be left"):
            change()
    assert accounts.get("ada").role == "operator"
    accounts.remove("bob", who="test")
    accounts.remove("ada", who="test")  # the last one may go: then there are no accounts
    assert not accounts.in_use


def test_every_change_is_in_the_audit_log_without_a_name_or_a_password(accounts: Accounts, store: Store) -> None:
    made = accounts.add("ada-lovelace", PASSWORD, who="root")
    accounts.add("bob", PASSWORD, who="root")
    accounts.set_role("bob", "reviewer", who="root")
    accounts.disable("bob", who="root")
    accounts.remove("bob", who="root")
    leaves = [leaf.data for leaf in store.audit_leaves() if leaf.kind == "account"]
    assert [leaf["what"] for leaf in leaves] == ["added", "added", "role", "disabled", "removed"]
    assert leaves[0] == leaves[0] | {"account": made.id, "role": "operator", "who": "root"}
    assert "lovelace" not in str(leaves)
    assert store.verify_audit().ok


# Too many tries


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_a_few_failures_one_has_to_wait_and_longer_each_time(store: Store) -> None:
    clock = Clock()
    accounts = Accounts(store, Throttle(clock))
    accounts.add("ada", PASSWORD, who="test")
    for _ in range(PER_NAME_AND_ADDRESS):
        with pytest.raises(SignInFailed):
            accounts.sign_in("ada", "wrong password", HERE)
    with pytest.raises(SignInFailed, match="Too many tries") as failed:
        accounts.sign_in("ada", PASSWORD, HERE)  # the right one does not help while one has to wait
    assert failed.value.wait == WAIT_SECONDS
    assert accounts.sign_in("ada", PASSWORD, "198.51.100.7")  # from elsewhere she comes in
    clock.now = WAIT_SECONDS
    with pytest.raises(SignInFailed) as failed:
        accounts.sign_in("ada", "wrong password", HERE)
    assert failed.value.wait == 2 * WAIT_SECONDS
    clock.now += 2 * WAIT_SECONDS
    assert accounts.sign_in("Ada", PASSWORD, HERE)
    with pytest.raises(SignInFailed) as failed:
        accounts.sign_in("ada", "wrong password", HERE)
    assert failed.value.wait == 0  # who came in begins anew


def test_one_address_cannot_try_many_names_nor_many_addresses_one_name() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(PER_ADDRESS):
        throttle.failed(f"name{number}", HERE)
    assert throttle.wait("fresh", HERE) > 0
    assert throttle.wait("fresh", "198.51.100.7") == 0
    for number in range(PER_NAME):
        throttle.failed("ada", f"10.0.0.{number}")
    assert throttle.wait("ada", "203.0.113.9") > 0


# Signing


def test_what_is_signed_counts_for_its_purpose_and_its_time() -> None:
    clock = Clock()
    forms = Signer(b"x" * 32, "form", clock)
    packed = forms.pack({"mark": "m"}, 60)
    assert forms.unpack(packed) == {"mark": "m"}
    assert Signer(b"x" * 32, "other", clock).unpack(packed) is None
    assert Signer(b"y" * 32, "form", clock).unpack(packed) is None
    assert forms.unpack(packed[1:]) is None
    clock.now = 60
    assert forms.unpack(packed) is None


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password(PASSWORD) != hash_password(PASSWORD)
