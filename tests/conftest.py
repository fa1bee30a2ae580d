"""What tests of several rooms need: a really running server, and a small pack of rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import uvicorn

from assistant.api import create_app
from assistant.api.server import address_of, listen
from assistant.runtime import Runtime

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

    @contextmanager
    def serve(runtime: Runtime) -> Iterator[str]:
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(runtime), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield address_of(listener)
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()

    return serve
