"""The API against its own description: what schemathesis makes up, and bodies that are no requests at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from assistant.api import create_app
from assistant.testing import FakeModel, ForbiddenWord, make_runtime

load_all_checks()

RUNTIME = make_runtime(
    Path(tempfile.mkdtemp(prefix="glassbox-openapi-")),
    model=FakeModel("yes"),
    plugins=[("rules", ForbiddenWord())],
    max_images=2,
    max_image_bytes=20_000,
)
RUNTIME.warm_up()
APP: FastAPI = create_app(RUNTIME)
SCHEMA: Any = schemathesis.openapi.from_asgi("/v1/openapi.json", APP)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    RUNTIME.close()


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_the_description_allows_and_forbids(case: Any) -> None:
    case.call_and_validate(
        checks=[
            schemathesis.checks.not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
            checks.negative_data_rejection,
        ]
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(st.characters()), below, max_size=4),
    max_leaves=12,
)
PATHS = ["/v1/chat/completions", "/v1/turns", "/v1/feedback", "/v1/explain", "/v1/check"]
CHAT_FIELDS = ["messages", "model", "stream", "n", "stop", "seed", "glassbox"]
FIELDS = [*CHAT_FIELDS, "text", "images", "input", "role", "packs", "image", "turn_id", "rating", "word"]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(PATHS),
    st.one_of(
        st.binary(max_size=200),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
        st.integers(1, 100_000).map(lambda depth: b"[" * depth),
    ),
)
def test_no_body_breaks_it(path: str, body: bytes) -> None:
    client = TestClient(APP, raise_server_exceptions=False)
    reply = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (200, 400, 404, 422)
    if reply.status_code != 200:
        assert reply.json()["error"]["message"]
