"""What a route knows of whoever calls it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection

from assistant.accounts.person import Person
from assistant.runtime import Runtime

_PERSON = "glassbox.person"


def set_person(scope: MutableMapping[str, Any], person: Person | None) -> None:
    """Note who sends a request. The gate does so for each."""
    scope[_PERSON] = person


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
    return runtime.for_person(person_in(request.scope).id)
