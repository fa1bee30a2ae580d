"""Who is behind a request, and what they may do."""

from __future__ import annotations

import ipaddress
from collections.abc import Container
from dataclasses import dataclass

from assistant.panels import Viewer
from assistant.person import user_name
from assistant.store.account_values import Account, Role
from assistant.store.schema import LOCAL

_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the page or behind a key. ``id`` is that of the account, and `LOCAL` where there are no accounts."""

    id: str
    name: str
    role: Role

    @property
    def has_account(self) -> bool:
        """False for the one person who uses Glassbox without accounts."""
        return self.id != LOCAL

    @property
    def viewer(self) -> Viewer:
        """The same person, as panels know them."""
        return Viewer(self.name, operator=self.role == "operator", reviewer=self.role == "reviewer", owner=self.id)


def person_of(account: Account) -> Person:
    """The person who signed in to an account."""
    return Person(account.id, account.name, account.role)


def local_person(address: str, headers: Container[str]) -> Person:
    """The person who uses Glassbox without accounts.

    Whoever sits at this computer is its operator, and nobody else, nor whoever comes through a proxy that runs on it.

    Args:
        address: where the request comes from.
        headers: the names of its headers, in small letters.
    """
    passed_on = any(name in headers for name in _PASSED_ON)
    return Person(LOCAL, user_name(), "operator" if is_this_computer(address) and not passed_on else "user")


def is_this_computer(address: str) -> bool:
    """Whether an address is that of this computer itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
