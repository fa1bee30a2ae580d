"""Really running servers for tests: one in this program's threads, and `assistant serve` as a program of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from assistant.api import create_app
from assistant.api.server import address_of, listen
from assistant.runtime import Runtime


@contextmanager
def serve(runtime: Runtime) -> Iterator[str]:
    """The runtime behind a real server, until the end of the block; gives its address."""
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


def start_and_end(python: Path | str, folder: Path, environment: Mapping[str, str], *options: str) -> str:
    """`assistant serve` starts, its page answers, and it ends by Ctrl+C; gives what it said until it was ready."""
    process = subprocess.Popen(
        [python, "-m", "assistant.cli.main", "serve", "--port", "0", "--no-browser", *options],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (address := re.search(r"http://[\d.:]+", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        with urllib.request.urlopen(address[0], timeout=60) as page:
            assert page.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()
    return said
