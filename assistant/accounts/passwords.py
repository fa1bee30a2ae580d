"""Passwords, kept as argon2id hashes (RFC 9106) and never in the clear."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from assistant.errors import InputError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
LONGEST = 200

_AT_ONCE = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB for its time: many sign-ins at once must not take all memory."""


def hash_password(password: str) -> str:
    """The hash of a new password.

    Raises:
        InputError: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.",
            hint="Several words in a row are easy to remember.",
        )
    with _AT_ONCE:
        return _hasher().hash(password)


def fits(hash: str, password: str) -> bool:
    """Whether a password has this hash. It takes as long where there is no hash to compare with, so that the time does
    not tell which accounts exist."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > LONGEST:
        password = ""
    with _AT_ONCE:
        try:
            return _hasher().verify(hash or _nobodys(), password) and bool(hash)
        except (VerificationError, InvalidHashError):
            return False


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # the second of the two recommended settings of RFC 9106: 64 MiB, 3 passes

    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher().hash("no account has this hash")
