"""What tests of several rooms need: a really running server, and a small pack of rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from assistant.runtime import Runtime

from .serving import serve

PARK = """id: park
version: "1.0.0"
title: Rules of the <park> office
domain: municipal
licence: CC0-1.0
feedback_reasons: ["Wrong about birds"]

principles:
  - id: park.pigeons
    title: No fed pigeons
    text: The assistant does not help to feed pigeons in the park.
    kind: regulation
    applies_to: [input]
    action: refuse
    instead: Ask which birds live there.
    references: ["Park by-law, section 12"]
    evaluators:
      - name: lexical
        options:
          words: {feed: [feed, fatten], pigeon: [pigeon, dove]}
          patterns:
            - {all_of: [feed, pigeon], within: 8}

tests:
  - {text: "How do I feed the pigeons?", expect: refuse, rule: park.pigeons}
  - {text: "Which pigeons live here?", expect: allow, rule: park.pigeons}
"""

Served = Callable[[Runtime], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def park_pack() -> str:
    """A pack with one rule, in YAML, which passes its own tests."""
    return PARK


@pytest.fixture(scope="session")
def served_at() -> Served:
    """``with served_at(runtime) as address``: the runtime behind a real server, until the end of the block."""
    return serve
