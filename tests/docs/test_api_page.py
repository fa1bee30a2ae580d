"""docs/api.md: its examples run against a real server with the bundled model, and its tables are true."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.api.chat_history import MOST_EXCHANGES
from assistant.api.chat_request import MOST_TOKENS, ChatRequest
from assistant.api.check import MOST_TEXTS
from assistant.api.running import MOST
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.testing import picture

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def address(tmp_path: Path, served_at: Any) -> Iterator[str]:
    runtime = Runtime(Settings(data_dir=tmp_path))
    with served_at(runtime) as address:
        yield address
    runtime.close()


def test_the_examples_run(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    names: dict[str, object] = {"address": address, "picture_url": url}
    for example in EXAMPLES:
        exec(compile(example, "docs/api.md", "exec"), names)
    said = capsys.readouterr().out
    assert "data: [DONE]" in said
    assert "True Stored" in said
    assert "[(False, None), (True, '" in said


def test_every_field_is_named() -> None:
    shown = set(re.findall(r"`([a-z_]+)(?:\.[a-z_]+)?`", PAGE)) | {"presence_penalty", "frequency_penalty"}
    assert set(ChatRequest.model_fields) - shown <= {"top_logprobs", "tool_choice"}


def test_the_numbers_are_those_of_the_program() -> None:
    assert f"at most {MOST_TOKENS}" in PAGE
    assert f"The latest {MOST_EXCHANGES} exchanges" in PAGE
    assert f"up to {MOST_TEXTS}," in PAGE
    assert f"| 429 | {MOST} requests" in PAGE
