"""A model at a server that others wrote: `transformers serve`, really running, with tiny random weights."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from transformers.utils.import_utils import is_accelerate_available, is_serve_available

from assistant import AnswerEnd, Delta, Message, Turn, TurnSettings
from assistant.errors import BackendError, ModelLoadError
from assistant.intake import read_image
from assistant.runtime import Question, finish
from assistant.settings import Settings
from assistant.testing import make_runtime, picture
from assistant_backends.served import ServedBackend, backend, read_address

from .tiny_models import FAMILIES

pytestmark = [
    pytest.mark.skipif(
        not (is_serve_available() and is_accelerate_available()),
        reason="needs transformers serve; type: pip install 'transformers[serving]' accelerate",
    ),
    pytest.mark.timeout(600),
]
START_SECONDS = 400


class Server:
    """A running `transformers serve`."""

    def __init__(self, model: Path, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.model, self.address = model, f"http://127.0.0.1:{port}/v1"
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--port", str(port),
                "--host", "127.0.0.1", "--device", "cpu",
            ],
            stdout=self._log, stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        try:
            self._wait(log)
        except BaseException:
            self.close()
            raise

    def _wait(self, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < end, log.read_text("utf-8", "replace")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address[:-3]}/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def opened(self, **more: Any) -> ServedBackend:
        name = f"openai:{self.model}@{self.address}"
        return ServedBackend(name, read_address(name), **more)

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(30)
        self._log.close()


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    model = FAMILIES["llava"](folder / "model")
    chosen = model / "generation_config.json"  # only a model that says so draws by chance there
    chosen.write_text(json.dumps(json.loads(chosen.read_text("utf-8")) | {"do_sample": True}), "utf-8")
    server = Server(model, folder / "log")
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("served")) as running:
        yield running


def question(text: str = "what is this?", images: int = 0, **settings: Any) -> Turn:
    parts = tuple(read_image(picture(colour), Settings()) for colour in ("red", "blue")[:images])
    return Turn(question=Message(text=text, images=parts), settings=TurnSettings(**{"max_tokens": 12} | settings))


def run(served: ServedBackend, turn: Turn) -> tuple[str, AnswerEnd]:
    items = list(served.stream(turn, lambda: False))
    assert isinstance(items[-1], AnswerEnd)
    return "".join(each.text for each in items if isinstance(each, Delta)), items[-1]


@pytest.mark.parametrize("images", [0, 1, 2])
def test_it_streams_with_any_number_of_pictures(server: Server, images: int) -> None:
    served = server.opened()
    served.load()
    text, end = run(served, question(images=images))
    assert text
    assert end.tokens is not None
    assert (end.tokens.written, end.tokens.cut_off) == (12, True)
    without = run(served, question())[1].tokens
    assert without is not None
    assert end.tokens.read >= without.read + 16 * images  # each picture has 16 tokens


def test_a_picture_changes_the_answer(server: Server) -> None:
    served = server.opened()
    assert run(served, question(images=1))[0] != run(served, question())[0]


def test_the_same_seed_gives_the_same_answer(server: Server) -> None:
    served = server.opened()
    answers = [run(served, question(temperature=1.5, seed=seed))[0] for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


def test_a_stop_ends_it_and_the_server_is_free_again(server: Server) -> None:
    served = server.opened()
    stop = threading.Event()
    got: list[Any] = []
    for item in served.stream(question(max_tokens=300), stop.is_set):
        got.append(item)
        stop.set()
    assert got
    assert not any(isinstance(each, AnswerEnd) for each in got)
    assert run(served, question())[0]


def test_an_answer_is_carried_on_in_words(server: Server) -> None:
    served = server.opened()
    served.load()
    text, end = run(served, question().model_copy(update={"begun": "a red circle"}))
    assert text
    assert backend.ASKED_TO_GO_ON in end.notes


def test_a_turn_through_the_house(server: Server, tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, model=server.opened())
    asked = Question("what is this?", [picture()], settings=TurnSettings(max_tokens=12))
    record = finish(runtime.run_turn(runtime.follow(None, asked)))
    runtime.close()
    assert (record.status, record.error) == ("answered", "")


def test_a_model_that_it_does_not_have_is_named(server: Server) -> None:
    name = f"openai:nobody@{server.address}"
    with pytest.raises(BackendError) as caught:
        run(ServedBackend(name, read_address(name)), question())
    assert str(server.address) in str(caught.value)
    assert "nobody" in str(caught.value)


def test_a_server_that_falls_silent_is_given_up(server: Server) -> None:
    served = server.opened(first_seconds=1.0, next_seconds=1.0)
    items = served.stream(question(max_tokens=400), lambda: False)
    assert next(items)
    server.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(BackendError, match="fell silent"):
            list(items)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert run(server.opened(), question())[0]


def test_a_server_that_dies_in_the_middle_is_told_and_what_came_is_kept(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        runtime = make_runtime(tmp_path / "house", model=server.opened())
        asked = runtime.follow(None, Question("what is this?", settings=TurnSettings(max_tokens=400)))
        record = None
        for event in runtime.run_turn(asked):
            if type(event).__name__ == "Segment":
                server.process.kill()
            record = getattr(event, "record", record)
        assert record is not None
        assert record.status == "failed"
        assert "broke off in the middle" in record.error
        assert runtime.store.turn(record.id).answer == record.answer != ""
        runtime.close()
        with pytest.raises(ModelLoadError, match="cannot be reached"):
            server.opened().load()
