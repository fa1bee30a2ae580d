"""What a route knows of whoever calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection

from assistant.accounts.keys import Caller
from assistant.accounts.person import Person
from assistant.api.problems import Problem
from assistant.messages import TurnRecord
from assistant.runtime import Runtime
from assistant.store.account_values import Scope

_PERSON = "glassbox.person"
_COUNT = "glassbox.count_tokens"
_CALLER = "glassbox.caller"

CHARACTERS_PER_TOKEN = 4
"""Where a model does not say how many tokens it read and wrote, they are taken to be this long."""


def set_person(
    scope: MutableMapping[str, Any],
    person: Person | None,
    count_tokens: Callable[[int], None] | None = None,
    caller: Caller | None = None,
) -> None:
    """Note who sends a request, where its tokens are counted, and by which key it came, if by one. The gate does so for
    each."""
    scope[_PERSON] = person
    scope[_COUNT] = count_tokens
    scope[_CALLER] = caller


def check_scope(scope: Mapping[str, Any], needed: Scope, what: str) -> None:
    """Turn a request away whose key does not open something. Who came without a key may do it.

    Args:
        scope: of the request.
        needed: what the key must have.
        what: what it does not open, for the message.

    Raises:
        Problem: the key lacks the scope.
    """
    if (caller := scope.get(_CALLER)) is not None:
        check_key(caller, needed, what)


def check_key(caller: Caller, needed: Scope, what: str) -> None:
    """As `check_scope`, for a key that is at hand."""
    if not caller.may(needed):
        opens = ", ".join(caller.key.scopes)
        message = f"This key does not open {what}: it needs the scope {needed}, and the key has {opens}."
        raise Problem(403, message, code="insufficient_permissions")


def person_in(scope: Mapping[str, Any]) -> Person:
    """Who sends a request.

    Raises:
        RuntimeError: nobody knows, because the request did not come through the gate or the route is open to all.
    """
    person = scope.get(_PERSON)
    if not isinstance(person, Person):
        raise RuntimeError("a route asked who calls it, and no gate has let anybody in")
    return person


def known_person(request: HTTPConnection) -> Person | None:
    """Who sends a request, for routes that are open to all; ``None`` where nobody signed in."""
    person = request.scope.get(_PERSON)
    return person if isinstance(person, Person) else None


def runtime_for(runtime: Runtime, request: HTTPConnection) -> Runtime:
    """The assistant as whoever calls may use it: with their chats and no others. Every route that reads or writes what
    somebody asked goes through this."""
    theirs = runtime.for_person(person_in(request.scope).id)
    if (count := request.scope.get(_COUNT)) is not None:
        theirs.observers.append(lambda record: count(tokens_of(record)))
    return theirs


def tokens_of(record: TurnRecord) -> int:
    """The tokens that a turn read and wrote; guessed from its characters where the model did not count."""
    if record.trace.tokens is not None:
        return record.trace.tokens.read + record.trace.tokens.written
    if record.trace.model is None:
        return 0  # no model was asked
    return (len(record.turn.question.text) + len(record.answer)) // CHARACTERS_PER_TOKEN
