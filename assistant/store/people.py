"""Accounts, their sessions and API keys, as rows. What they mean is the business of `assistant.accounts`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from assistant.errors import NotFound, StoreError
from assistant.messages import new_id, now
from assistant.store import audit, conversations, schema
from assistant.store.account_values import Account, KeyRow
from assistant.store.engine import Database

_CHATS_AT_ONCE = 100


class People:
    """The accounts of a store. Every change but that of a session is a leaf of the audit log.

    Every method may raise `StoreUnavailable` and, where it writes, `StoreFull`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # Accounts

    def any(self) -> bool:
        """Whether there is an account, disabled ones included."""
        with self._database.read() as connection:
            return connection.execute(select(schema.users.c.id).limit(1)).first() is not None

    def add(self, name: str, role: str, password: str, *, subject: str | None, who: str) -> Account:
        """Make an account; the first one of all becomes an operator, whatever ``role`` says.

        Raises:
            StoreError: the name or the subject is taken.
        """
        table = schema.users
        with self._database.write() as connection:
            if _named(connection, name) is not None:
                raise StoreError(f"There is an account {name!r} already.", hint="Choose another name.")
            if subject is not None and _first(connection, table.c.subject == subject) is not None:
                raise StoreError("There is an account for this person already.", hint="Sign in with it.")
            first = connection.execute(select(table.c.id).limit(1)).first() is None
            user_id, role = new_id(), "operator" if first else role
            connection.execute(
                insert(table).values(
                    id=user_id,
                    name=name,
                    folded=folded(name),
                    role=role,
                    password=password,
                    subject=subject,
                    disabled=False,
                    created_at=now(),
                )
            )
            _log(connection, user_id, "added", who, role=role)
            return _account(_by_id(connection, user_id))

    def all(self) -> list[Account]:
        """Every account, by name."""
        with self._database.read() as connection:
            return [_account(row) for row in connection.execute(select(schema.users).order_by(schema.users.c.folded))]

    def named(self, name: str) -> Account | None:
        """The account of that name, however its letters are written."""
        with self._database.read() as connection:
            row = _named(connection, name)
        return None if row is None else _account(row)

    def with_id(self, user_id: str) -> Account | None:
        """The account with that id."""
        with self._database.read() as connection:
            row = _first(connection, schema.users.c.id == user_id)
        return None if row is None else _account(row)

    def of_subject(self, subject: str) -> Account | None:
        """The account of a person whom a sign-on provider knows."""
        with self._database.read() as connection:
            row = _first(connection, schema.users.c.subject == subject)
        return None if row is None else _account(row)

    def change(self, user_id: str, values: Mapping[str, Any], *, what: str, who: str, leave: bool) -> Account:
        """Change an account.

        Args:
            user_id: whose.
            values: columns and what they become.
            what: the word for the audit log.
            who: who does it.
            leave: end the account's sessions, too.

        Raises:
            NotFound: there is no such account.
            StoreError: no operator who may sign in would be left.
        """
        with self._database.write() as connection:
            _by_id(connection, user_id)
            connection.execute(update(schema.users).where(schema.users.c.id == user_id).values(dict(values)))
            _keep_an_operator(connection)
            if leave:
                connection.execute(delete(schema.sessions).where(schema.sessions.c.user_id == user_id))
            logged = {name: value for name, value in values.items() if name in ("role", "disabled")}
            _log(connection, user_id, what, who, **logged)
            return _account(_by_id(connection, user_id))

    def remove(self, user_id: str, *, who: str) -> int:
        """Delete an account with its sessions, its keys and its chats.

        Returns:
            How many chats were deleted.

        Raises:
            NotFound: there is no such account.
            StoreError: other accounts would be left without an operator.
        """
        deleted = 0
        chats = schema.conversations
        while True:
            with self._database.write() as connection:
                _by_id(connection, user_id)
                mine = connection.execute(
                    select(chats.c.id).where(chats.c.owner == user_id).limit(_CHATS_AT_ONCE)
                ).scalars()
                some = list(mine)
                for each in some:
                    conversations.remove(connection, each)
                deleted += len(some)
                if len(some) == _CHATS_AT_ONCE:
                    continue
                keys = select(schema.api_keys.c.id).where(schema.api_keys.c.user_id == user_id)
                connection.execute(delete(schema.key_usage).where(schema.key_usage.c.key_id.in_(keys)))
                for table in (schema.api_keys, schema.sessions):
                    connection.execute(delete(table).where(table.c.user_id == user_id))
                connection.execute(delete(schema.users).where(schema.users.c.id == user_id))
                if connection.execute(select(schema.users.c.id).limit(1)).first() is not None:
                    _keep_an_operator(connection)
                _log(connection, user_id, "removed", who, chats=deleted)
            self._database.forget_deleted()
            return deleted

    def hand_over_local_chats(self, user_id: str) -> int:
        """Give the chats that were made without an account to an account.

        Returns:
            How many.

        Raises:
            NotFound: there is no such account.
        """
        chats = schema.conversations
        with self._database.write() as connection:
            _by_id(connection, user_id)
            return connection.execute(update(chats).where(chats.c.owner == schema.LOCAL).values(owner=user_id)).rowcount

    # Sessions

    def begin_session(self, user_id: str, hash: str, until: datetime) -> None:
        """Keep a session; those that are over go.

        Raises:
            NotFound: there is no such account.
        """
        table, present = schema.sessions, now()
        with self._database.write() as connection:
            _by_id(connection, user_id)
            connection.execute(delete(table).where(table.c.expires_at < present))
            connection.execute(insert(table).values(hash=hash, user_id=user_id, created_at=present, expires_at=until))

    def of_session(self, hash: str) -> Account | None:
        """Whose session this is; ``None`` where it is over, or the account is disabled."""
        table, users = schema.sessions, schema.users
        query = (
            select(users)
            .join(table, table.c.user_id == users.c.id)
            .where(table.c.hash == hash, table.c.expires_at > now(), users.c.disabled.is_(False))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _account(row)

    def end_session(self, hash: str) -> None:
        """End one session, where there is one."""
        with self._database.write() as connection:
            connection.execute(delete(schema.sessions).where(schema.sessions.c.hash == hash))

    def end_sessions(self, user_id: str) -> int:
        """End every session of an account; how many there were."""
        with self._database.write() as connection:
            return connection.execute(delete(schema.sessions).where(schema.sessions.c.user_id == user_id)).rowcount

    # Keys

    def add_key(self, row: KeyRow, hash: str, *, who: str) -> None:
        """Keep an API key by its hash.

        Raises:
            NotFound: there is no such account.
        """
        with self._database.write() as connection:
            _by_id(connection, row.user_id)
            values = row.model_dump() | {"hash": hash, "scopes": list(row.scopes)}
            connection.execute(insert(schema.api_keys).values(values))
            _log(connection, row.user_id, "key added", who, key=row.id, scopes=list(row.scopes))

    def list_keys(self, user_id: str | None = None) -> list[KeyRow]:
        """The keys of an account, or all of them, oldest first."""
        table = schema.api_keys
        query = select(table).order_by(table.c.created_at, table.c.id)
        if user_id is not None:
            query = query.where(table.c.user_id == user_id)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query)]

    def key(self, key_id: str) -> tuple[KeyRow, str] | None:
        """A key and its hash."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.api_keys).where(schema.api_keys.c.id == key_id)).first()
        return None if row is None else (_key(row), row.hash)

    def revoke_key(self, key_id: str, *, who: str) -> KeyRow:
        """A key that no longer opens anything.

        Raises:
            NotFound: there is no such key.
        """
        table = schema.api_keys
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == key_id)).first()
            if row is None:
                raise NotFound(f"No key has the id {key_id!r}.", hint="Type: assistant keys list")
            if row.revoked_at is None:
                connection.execute(update(table).where(table.c.id == key_id).values(revoked_at=now()))
                _log(connection, row.user_id, "key revoked", who, key=key_id)
            return _key(connection.execute(select(table).where(table.c.id == key_id)).one())

    def use_key(self, key_id: str, day: str, *, requests: int, tokens: int) -> None:
        """Add to what a key used on a day."""
        table = schema.key_usage
        mine = (table.c.key_id == key_id) & (table.c.day == day)
        with self._database.write() as connection:
            changed = connection.execute(
                update(table).where(mine).values(requests=table.c.requests + requests, tokens=table.c.tokens + tokens)
            )
            if changed.rowcount == 0:
                connection.execute(insert(table).values(key_id=key_id, day=day, requests=requests, tokens=tokens))

    def take_request(self, key_id: str, day: str, most_requests: int, most_tokens: int) -> tuple[bool, int, int]:
        """Count one more request of a key, unless its day is used up; all in one step, so that none slips through.

        Returns:
            Whether it was counted, and the requests and tokens that the day has seen.
        """
        table = schema.key_usage
        mine = (table.c.key_id == key_id) & (table.c.day == day)
        with self._database.write() as connection:
            row = connection.execute(select(table.c.requests, table.c.tokens).where(mine)).first()
            requests, tokens = (row.requests, row.tokens) if row else (0, 0)
            if requests >= most_requests or tokens >= most_tokens:
                return False, requests, tokens
            if row is None:
                connection.execute(insert(table).values(key_id=key_id, day=day, requests=1, tokens=0))
            else:
                connection.execute(update(table).where(mine).values(requests=requests + 1))
            return True, requests + 1, tokens

    def key_usage(self, key_id: str, day: str) -> tuple[int, int]:
        """The requests and tokens of a key on a day."""
        table = schema.key_usage
        with self._database.read() as connection:
            row = connection.execute(
                select(table.c.requests, table.c.tokens).where(table.c.key_id == key_id, table.c.day == day)
            ).first()
        return (row.requests, row.tokens) if row else (0, 0)

    # Secrets

    def secret(self, name: str) -> bytes:
        """32 random bytes that stay the same for this store."""
        table = schema.secrets
        with self._database.read() as connection:
            found = connection.execute(select(table.c.value).where(table.c.name == name)).scalar()
        if found is None:
            with self._database.write() as connection:
                found = connection.execute(select(table.c.value).where(table.c.name == name)).scalar()
                if found is None:
                    found = secrets.token_hex(32)
                    connection.execute(insert(table).values(name=name, value=found))
        return bytes.fromhex(found)


def folded(name: str) -> str:
    """A name as it is compared: capital letters do not matter."""
    return name.casefold()


def _first(connection: Connection, where: Any) -> Row[Any] | None:
    return connection.execute(select(schema.users).where(where)).first()


def _named(connection: Connection, name: str) -> Row[Any] | None:
    return _first(connection, schema.users.c.folded == folded(name))


def _by_id(connection: Connection, user_id: str) -> Row[Any]:
    row = _first(connection, schema.users.c.id == user_id)
    if row is None:
        raise NotFound(f"No account has the id {user_id!r}.", hint="Type: assistant accounts list")
    return row


def _keep_an_operator(connection: Connection) -> None:
    table = schema.users
    left = connection.execute(
        select(func.count()).select_from(table).where(table.c.role == "operator", table.c.disabled.is_(False))
    ).scalar_one()
    if left == 0:
        raise StoreError(
            "No operator would be left, and nobody could manage the accounts.",
            hint="First make somebody else an operator: assistant accounts role NAME operator",
        )


def _log(connection: Connection, user_id: str, what: str, who: str, **more: Any) -> None:
    audit.append(connection, "account", {"at": now().isoformat(), "account": user_id, "what": what, "who": who, **more})


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        role=row.role,
        password=row.password,
        subject=row.subject,
        disabled=row.disabled,
        created_at=row.created_at,
    )


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        scopes=tuple(row.scopes),
        requests_a_day=row.requests_a_day,
        tokens_a_day=row.tokens_a_day,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
