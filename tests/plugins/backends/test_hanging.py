"""A model of Hugging Face that hangs holds its own lock: the next question does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.runtime import Question, finish
from assistant.testing import make_runtime
from assistant_backends.hugging import HuggingBackend, ModelFiles, backend

from .tiny_models import FAMILIES


def test_the_next_question_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, go_on, hung = backend.write, threading.Event(), threading.Event()

    def hangs_at_first(*given: Any) -> Iterator[Any]:
        if not hung.is_set():
            hung.set()
            go_on.wait()
        yield from write(*given)

    monkeypatch.setattr(backend, "write", hangs_at_first)
    model = HuggingBackend("hf:tiny", ModelFiles(str(FAMILIES["smolvlm"](tmp_path / "model"))))
    model.load()  # so that the short limit is for the answer alone
    # It has that long to stop; the second answer may be as slow as that between two tokens, on a busy machine.
    runtime = make_runtime(tmp_path / "data", model=model, next_token_seconds=10)
    stop = threading.Event()
    threading.Thread(target=lambda: (hung.wait(), stop.set()), daemon=True).start()
    assert finish(runtime.run_turn(Question("what is this?"), stop)).status == "stopped"
    second = finish(runtime.run_turn(Question("what is this?")))
    assert (second.status, second.error) == ("answered", "")
    assert runtime.generator().left_behind == 1
    go_on.set()
    runtime.close()
