"""What a key has to open for each route."""

from __future__ import annotations

import re

from assistant.store.account_values import Scope

_ROUTES: tuple[tuple[str, Scope | None], ...] = (
    (r"/v1/openapi\.json", None),
    (r"/v1/models(/.*)?", None),
    (r"/v1/(chat/completions|turns)", "chat"),
    (r"/v1/feedback", "feedback"),
    (r"/v1/explain", "explain"),
    (r"/v1/check", "check"),
    (r"/v1/mcp", None),  # each tool asks for the scope of its route
    (r"/metrics", "admin"),
)


def scope_for(path: str) -> Scope | None:
    """The scope that a route needs; ``None``: every key will do. A route that is not listed here needs ``admin``."""
    for pattern, scope in _ROUTES:
        if re.fullmatch(pattern, path):
            return scope
    return "admin"
