"""What can be done with accounts: make, list, change and remove them, sign in and out."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta
from itertools import count

from assistant.accounts.passwords import fits, hash_password
from assistant.accounts.person import Person, person_of
from assistant.accounts.signing import Signer
from assistant.accounts.throttle import Throttle
from assistant.errors import InputError, NotFound
from assistant.messages import now
from assistant.store import Store
from assistant.store.account_values import Account, Role
from assistant.store.people import folded

SESSION = timedelta(days=14)
"""So long a person stays signed in."""

_NAME = re.compile(r"[\w.@+-]{1,80}")


class SignInFailed(InputError):
    """The name and the password do not belong together. ``wait`` is how many seconds the next try has to wait."""

    def __init__(self, wait: int = 0) -> None:
        super().__init__(
            f"Too many tries. Wait {wait} seconds, then try again."
            if wait
            else "The name or the password is wrong, or the account is disabled.",
            hint="" if wait else "An operator can set a new password: assistant accounts password NAME",
        )
        self.wait = wait


class Accounts:
    """The accounts of a store. Safe to use from many threads.

    Args:
        store: where they are kept.
        throttle: counts failed sign-ins.
    """

    def __init__(self, store: Store, throttle: Throttle | None = None) -> None:
        self._people = store.people
        self._throttle = throttle or Throttle()
        self._cookies: Signer | None = None

    @property
    def in_use(self) -> bool:
        """Whether there is an account: from then on nobody comes in without one."""
        return self._people.any()

    # Managing

    def add(self, name: str, password: str, *, role: Role = "user", who: str) -> Account:
        """Make an account. The very first one is an operator's.

        Args:
            name: letters, digits and ``. _ @ + -``; capital letters do not distinguish accounts.
            password: see `assistant.accounts.passwords`.
            role: what the person may do.
            who: the name of whoever does this, for the audit log.

        Raises:
            InputError: a name or a password that cannot be used.
            StoreError: the name is taken.
        """
        return self._people.add(checked_name(name), role, hash_password(password), subject=None, who=who)

    def add_from_provider(self, name: str, subject: str, *, role: Role) -> Account:
        """Make an account for somebody whom a sign-on provider knows; it has no password. Where the name is taken, a
        number comes behind it.

        Raises:
            StoreError: there is an account for this person already.
        """
        free = name
        for number in count(2):
            if self._people.named(free) is None:
                break
            free = f"{name}-{number}"
        return self._people.add(checked_name(free), role, "", subject=subject, who="single sign-on")

    def of_subject(self, subject: str) -> Account | None:
        """The account of somebody whom a sign-on provider knows."""
        return self._people.of_subject(subject)

    def list(self) -> list[Account]:
        """Every account, by name."""
        return self._people.all()

    def get(self, name: str) -> Account:
        """The account of that name.

        Raises:
            NotFound: there is none.
        """
        found = self._people.named(name)
        if found is None:
            raise NotFound(f"There is no account {name!r}.", hint="Type: assistant accounts list")
        return found

    def set_role(self, name: str, role: Role, *, who: str) -> Account:
        """Give an account another role; its sessions go on with the new one.

        Raises:
            NotFound: there is no such account.
            StoreError: no operator would be left.
        """
        return self._people.change(self.get(name).id, {"role": role}, what="role", who=who, leave=False)

    def disable(self, name: str, *, who: str) -> Account:
        """Keep an account and its chats, and let nobody in with it; its sessions end, its keys open nothing.

        Raises:
            NotFound: there is no such account.
            StoreError: no operator would be left.
        """
        return self._people.change(self.get(name).id, {"disabled": True}, what="disabled", who=who, leave=True)

    def enable(self, name: str, *, who: str) -> Account:
        """Let a disabled account in again.

        Raises:
            NotFound: there is no such account.
        """
        return self._people.change(self.get(name).id, {"disabled": False}, what="enabled", who=who, leave=False)

    def set_password(self, name: str, password: str, *, who: str) -> Account:
        """Give an account another password; its sessions end.

        Raises:
            NotFound: there is no such account.
            InputError: a password that cannot be used.
        """
        values = {"password": hash_password(password)}
        return self._people.change(self.get(name).id, values, what="password", who=who, leave=True)

    def remove(self, name: str, *, who: str) -> int:
        """Delete an account with its chats, its sessions and its keys.

        Returns:
            How many chats were deleted.

        Raises:
            NotFound: there is no such account.
            StoreError: other accounts would be left without an operator.
        """
        return self._people.remove(self.get(name).id, who=who)

    def hand_over_local_chats(self, name: str) -> int:
        """Give the chats that were made before there were accounts to one of them; how many.

        Raises:
            NotFound: there is no such account.
        """
        return self._people.hand_over_local_chats(self.get(name).id)

    # Signing in

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Begin a session.

        Args:
            name: of the account.
            password: its password.
            address: where the request comes from; failures are counted by name and address.

        Returns:
            The cookie.

        Raises:
            SignInFailed: they do not belong together, or there were too many tries.
        """
        known_as = folded(name)[:80]
        if wait := self._throttle.wait(known_as, address):
            raise SignInFailed(wait)
        account = self._people.named(name)
        right = fits(account.password if account else "", password)
        if account is None or not right or account.disabled:
            self._throttle.failed(known_as, address)
            raise SignInFailed(self._throttle.wait(known_as, address))
        self._throttle.succeeded(known_as, address)
        return self.begin_session(account)

    def begin_session(self, account: Account) -> str:
        """A cookie for somebody whose identity is certain."""
        token = secrets.token_urlsafe(32)
        self._people.begin_session(account.id, _hash(token), now() + SESSION)
        return self.signer.sign(token)

    def person(self, cookie: str) -> Person | None:
        """Whose cookie this is; ``None`` where it is forged, its session is over, or the account is disabled."""
        token = self.signer.text_of(cookie)
        account = self._people.of_session(_hash(token)) if token else None
        return person_of(account) if account else None

    def sign_out(self, cookie: str) -> None:
        """End the session of a cookie."""
        if token := self.signer.text_of(cookie):
            self._people.end_session(_hash(token))

    def sign_out_everywhere(self, name: str) -> int:
        """End every session of an account; how many there were.

        Raises:
            NotFound: there is no such account.
        """
        return self._people.end_sessions(self.get(name).id)

    @property
    def signer(self) -> Signer:
        """Signs the cookies of this store."""
        if self._cookies is None:
            self._cookies = Signer(self._people.secret("cookies"), "session")
        return self._cookies

    def signer_for(self, purpose: str) -> Signer:
        """Signs other things: forms, the way to a sign-on provider and back."""
        return Signer(self._people.secret("cookies"), purpose)


def checked_name(name: str) -> str:
    """A name as it is kept.

    Raises:
        InputError: it is empty, too long, or has other characters.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name):
        raise InputError(
            f"An account's name has 1 to 80 letters, digits or . _ @ + - and no spaces; came {name[:100]!r}."
        )
    return name


def _hash(token: str) -> str:
    """The token is 256 random bits: a fast hash is enough, there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()
