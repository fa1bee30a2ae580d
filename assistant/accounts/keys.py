"""API keys: made, shown once, kept as a hash, counted by the day."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from assistant.accounts.person import Person, person_of
from assistant.errors import InputError, NotFound
from assistant.messages import now
from assistant.store import Store
from assistant.store.account_values import Account, KeyRow, Scope

PREFIX: Final = "gb"

Tier = Literal["research", "enterprise", "platform"]

TIERS: Final[dict[Tier, frozenset[Scope]]] = {
    "research": frozenset({"chat", "feedback", "explain", "check"}),
    "enterprise": frozenset({"chat", "feedback", "explain", "check", "admin"}),
    "platform": frozenset({"chat", "feedback", "check"}),
}
"""Sets of scopes with a name. ``research``: everything about an answer can be looked into. ``enterprise``: for the
program of a house that runs Glassbox itself; its numbers, too. ``platform``: for products that ask and check."""

REQUESTS_A_DAY: Final = 1_000
TOKENS_A_DAY: Final = 1_000_000
MOST: Final = 1_000_000_000

_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a key, and what it opens."""

    person: Person
    key: KeyRow

    def may(self, scope: Scope) -> bool:
        """Whether the key opens something; ``admin`` only while its owner is an operator."""
        return scope in self.key.scopes and (scope != "admin" or self.person.role == "operator")


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A key has had its day. ``wait`` is how many seconds are left of it."""

    what: Literal["requests", "tokens"]
    most: int
    wait: int


class Keys:
    """The API keys of a store. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self._people = store.people

    def add(
        self,
        account: Account,
        name: str,
        *,
        scopes: Collection[Scope],
        requests_a_day: int = REQUESTS_A_DAY,
        tokens_a_day: int = TOKENS_A_DAY,
        who: str,
    ) -> tuple[str, KeyRow]:
        """Make a key.

        Args:
            account: whose chats it reaches.
            name: what it is for, in words.
            scopes: what it opens.
            requests_a_day: so many requests it may send from midnight to midnight in UTC.
            tokens_a_day: so many tokens may be read and written for it.
            who: the name of whoever does this, for the audit log.

        Returns:
            The key itself, which is kept nowhere, and what is kept of it.

        Raises:
            InputError: no scope, ``admin`` for somebody who is no operator, or a quota that cannot be.
        """
        if not scopes:
            raise InputError("A key has to open something; no scope came.", hint="Name some, as in: --scope chat")
        if "admin" in scopes and account.role != "operator":
            raise InputError(
                f"The scope admin is for operators; the role of {account.name} is {account.role}.",
                hint="Leave it out, or first type: assistant accounts role NAME operator",
            )
        for what, most in (("requests", requests_a_day), ("tokens", tokens_a_day)):
            if not 1 <= most <= MOST:
                raise InputError(f"Expected 1 to {MOST:,} {what} a day; came {most:,}.")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = KeyRow(
            id=key_id,
            user_id=account.id,
            name=" ".join(name.split())[:100],
            scopes=tuple(sorted(scopes)),
            requests_a_day=requests_a_day,
            tokens_a_day=tokens_a_day,
            created_at=now(),
        )
        self._people.add_key(row, _hash(secret), who=who)
        return f"{PREFIX}_{key_id}_{secret}", row

    def list(self, account: Account | None = None) -> list[tuple[KeyRow, Account]]:
        """The keys with their owners, oldest first; of one account or of all."""
        owners = {each.id: each for each in self._people.all()}
        return [(row, owners[row.user_id]) for row in self._people.list_keys(account.id if account else None)]

    def used(self, key: KeyRow) -> tuple[int, int]:
        """The requests and tokens of a key today."""
        return self._people.key_usage(key.id, _day(now()))

    def revoke(self, key_id: str, *, who: str) -> KeyRow:
        """A key that opens nothing any more, from the next request on.

        Args:
            key_id: its id, or the first characters of it.
            who: the name of whoever does this.

        Raises:
            NotFound: there is no such key.
            InputError: several begin so.
        """
        found = [row for row in self._people.list_keys() if key_id and row.id.startswith(key_id)]
        if not found:
            raise NotFound(f"No key has the id {key_id!r}.", hint="Type: assistant keys list")
        if len(found) > 1:
            raise InputError(f"{len(found)} keys have an id that begins with {key_id!r}.", hint="Give more of it.")
        return self._people.revoke_key(found[0].id, who=who)

    # At the gate

    def caller(self, key: str) -> Caller | None:
        """Who is behind a key; ``None`` where it is wrong or revoked, or its account is disabled."""
        parts = _KEY.fullmatch(key)
        found = self._people.key(parts[1]) if parts else None
        if parts is None or found is None:
            return None
        row, hash = found
        if not hmac.compare_digest(_hash(parts[2]), hash) or row.revoked_at is not None:
            return None
        account = self._people.with_id(row.user_id)
        return Caller(person_of(account), row) if account and not account.disabled else None

    def take_request(self, key: KeyRow) -> UsedUp | None:
        """Count a request; ``None`` where the key's day had room for it."""
        present = now()
        taken, requests, _ = self._people.take_request(key.id, _day(present), key.requests_a_day, key.tokens_a_day)
        if taken:
            return None
        midnight = (present + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        wait = max(1, round((midnight - present).total_seconds()))
        if requests >= key.requests_a_day:
            return UsedUp("requests", key.requests_a_day, wait)
        return UsedUp("tokens", key.tokens_a_day, wait)

    def add_tokens(self, key: KeyRow, tokens: int) -> None:
        """Count what was read and written for a key; the request that crosses its limit is still answered."""
        if tokens:
            self._people.use_key(key.id, _day(now()), requests=0, tokens=tokens)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _hash(secret: str) -> str:
    """The secret is 256 random bits: a fast hash is enough, there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
