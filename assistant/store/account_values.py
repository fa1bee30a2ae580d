"""Accounts and API keys, as the store hands them out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from assistant.verdicts import Frozen

Role = Literal["user", "reviewer", "operator"]
"""What a person may do: a ``user`` chats; a ``reviewer`` decides appeals, too; an ``operator`` may do everything."""

Scope = Literal["chat", "feedback", "explain", "check", "admin"]
"""What a key opens. ``chat``: ask. ``feedback``: rate answers. ``explain``: where a word came from. ``check``: what the
rules say about texts. ``admin``: the numbers of the whole house."""


class Account(Frozen):
    """One person. ``password`` is an argon2 hash, empty where a sign-on provider alone knows the person."""

    id: str
    name: str
    role: Role
    password: str = Field(repr=False)
    subject: str | None
    disabled: bool
    created_at: datetime


class KeyRow(Frozen):
    """An API key without its secret. ``requests_a_day`` and ``tokens_a_day`` count from midnight in UTC."""

    id: str
    user_id: str
    name: str
    scopes: tuple[Scope, ...]
    requests_a_day: int
    tokens_a_day: int
    created_at: datetime
    revoked_at: datetime | None = None
