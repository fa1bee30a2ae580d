"""A server in a process of its own, asked as browsers and programs ask it, and what the system knows of the process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx


class Served:
    """A running server. Use it as a context; its process ends with that.

    Args:
        command: after the interpreter; it prints its address.
        environment: besides that of this program.

    Raises:
        RuntimeError: it ended before it was there; the message holds the end of what it said.
    """

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe would fill up: nobody reads it meanwhile
        self._process = subprocess.Popen(
            [sys.executable, *command], stdout=self._said, stderr=self._said, env=os.environ | environment
        )
        self.pid = self._process.pid
        while not (found := re.search(r"http://[\d.:]+", self.said())):
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended: {self.said()[-2000:]}")
            time.sleep(0.05)
        self.address = found[0]

    def said(self) -> str:
        """What it has said so far."""
        return os.pread(self._said.fileno(), 1 << 20, 0).decode(errors="replace")

    def facts(self) -> dict[str, float]:
        """Megabytes in memory now and at most so far, open file handles, and threads. Linux only."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kilobytes = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "VmHWM")}  # type: ignore[index]
        return {
            "mb": kilobytes["VmRSS"] / 1024,
            "peak_mb": kilobytes["VmHWM"] / 1024,
            "handles": len(os.listdir(f"/proc/{self.pid}/fd")),
            "threads": len(os.listdir(f"/proc/{self.pid}/task")),
        }

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Page:
    """The page's own way to ask, which the browser takes: Gradio's queue. One object serves any number of visitors.

    Args:
        client: knows the address; its time limit holds for a whole answer.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._submit, self._box, self._inputs = -1, -1, 1
        self.places: dict[str, int] = {}
        """Which output of the event each part of the page is."""

    async def load(self, api_name: str = "") -> None:
        """Read which event asks a question: the box of our page, or what another page calls ``api_name``."""
        config = (await self._client.get("/config")).json()
        names = {each["id"]: each["props"].get("elem_id") for each in config["components"]}
        if not api_name:
            self._box = next(number for number, name in names.items() if name == "question")
        event = next(
            each
            for each in config["dependencies"]
            if (each["api_name"] == api_name if api_name else [self._box, "submit"] in each["targets"])
        )
        self._submit, self._inputs = event["id"], len(event["inputs"])
        self.places = {names[number]: place for place, number in enumerate(event["outputs"]) if names.get(number)}

    async def ask(self, visitor: str, text: str) -> AsyncIterator[tuple[float, str, dict[str, str]]]:
        """Ask a question.

        Yields:
            When it came (seconds of `time.perf_counter`), what kind of message, and what changed of each part of the
            page, as JSON.

        Raises:
            RuntimeError: the page says that it went wrong.
        """
        data: list[Any] = [None, text, None] if self._inputs == 3 else [text]
        body: dict[str, Any] = {"data": data, "fn_index": self._submit, "session_hash": visitor}
        reply = await self._client.post("/gradio_api/queue/join", json={**body, "trigger_id": self._box})
        reply.raise_for_status()
        async with self._client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visitor}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                output = message.get("output") or {}
                parts = output.get("data") or []
                if message.get("success") is False:
                    raise RuntimeError(f"The page said: {output}")
                changed = {name: json.dumps(parts[place]) for name, place in self.places.items() if place < len(parts)}
                yield time.perf_counter(), message["msg"], changed
                if message["msg"] == "process_completed":
                    return
        raise RuntimeError("The page said nothing more before the answer was whole.")
