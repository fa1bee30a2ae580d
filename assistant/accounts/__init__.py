"""Several people at one Glassbox: accounts, roles, sessions and API keys. Without any, one person uses it alone."""

from __future__ import annotations

from assistant.accounts.accounts import Accounts
from assistant.accounts.person import Person
from assistant.store.account_values import Account, Role

__all__ = ["Account", "Accounts", "Person", "Role"]
