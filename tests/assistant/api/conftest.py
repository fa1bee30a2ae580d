"""A really running server over a model that does what the question says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import AnswerEnd, Delta, TokenCount, Turn
from assistant.runtime import Runtime
from assistant.testing import FakeModel, ForbiddenWord, make_runtime

SECRET = "SECRET"
"""May be asked for and not be said."""


class Obedient(FakeModel):
    """Does what the first word of the question says: ``say``, ``slow`` or ``break``; counts words as tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.left = threading.Event()
        """Set where an answer ends before its time."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        self.turns.append(turn)
        verb, _, rest = turn.question.text.partition(" ")
        words = rest.split(" ") if verb in ("say", "slow", "break") else ["a", "red", "circle"]
        if turn.settings.temperature:
            words = [f"chance{turn.settings.seed}"]
        if turn.begun:
            words = ["", *words]
        most = turn.settings.max_tokens or 64
        whole = False
        try:
            for number, word in enumerate(words[:most]):
                if should_stop():
                    return
                if verb == "slow":
                    time.sleep(0.02)
                yield Delta(word if number == 0 else " " + word)
            whole = True
        finally:
            if not whole:
                self.left.set()
        if verb == "break":
            raise ValueError("a planted fault")
        read = len(turn.question.text.split())
        tokens = TokenCount(read=read, written=min(most, len(words)), cut_off=len(words) > most)
        yield AnswerEnd(confidence=0.9, tokens=tokens)


@pytest.fixture(scope="module")
def model() -> Obedient:
    return Obedient()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model: Obedient) -> Iterator[Runtime]:
    folder: Path = tmp_path_factory.mktemp("server")
    rules = [("rules", ForbiddenWord()), ("late", ForbiddenWord(SECRET, hooks=["check_segment"]))]
    made = make_runtime(folder, model=model, plugins=rules, max_image_bytes=200_000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(house: Runtime, served_at: Any) -> Iterator[str]:
    with served_at(house) as address:
        yield address
