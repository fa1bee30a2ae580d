"""Programs that are measured in turns, each in a process of its own: what disturbs one disturbs the others.

A measured program reads one line from standard input for each piece of work and answers with one line of JSON. `serve`
is its side of that, `Subject` the other. This file imports nothing but the standard library, so that a program with
packages of its own can use it too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

HERE = Path(__file__).parent


def serve(work: Callable[[str], dict[str, Any]]) -> None:
    """Answer each line of standard input with what ``work`` makes of it, until the end of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not an answer
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(work(line.strip())), file=answers, flush=True)


def spent(work: Callable[[], object], times: int) -> dict[str, float]:
    """Milliseconds of the processor (all threads of this process) and of the clock for one of so many times."""
    begin, cpu = perf_counter(), process_time()
    for _ in range(times):
        work()
    return {"cpu_ms": (process_time() - cpu) * 1000 / times, "ms": (perf_counter() - begin) * 1000 / times}


class Subject:
    """A program that is measured. Use it as a context; its process ends with that.

    Args:
        script: a file of this folder.
        arguments: for it.
        python: the interpreter that has its packages; ours where left out.
        seconds: how long its start may take.

    Raises:
        RuntimeError: it did not start; the message holds the end of what it said.
    """

    def __init__(self, script: str, arguments: Sequence[str] = (), python: str = "") -> None:
        command = [python or sys.executable, str(HERE / script), *arguments]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe would fill up: nobody reads it meanwhile
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, env=environment
        )
        self._answer()

    def __call__(self, line: str) -> dict[str, Any]:
        """Have one piece of work done, and wait for it.

        Raises:
            RuntimeError: it ended instead.
        """
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._said.seek(0)
        raise RuntimeError(f"The measured program ended: {self._said.read()[-2000:]}")
