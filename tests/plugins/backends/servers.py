"""Servers for the tests of backends: one of ours with a model that is told what to say, and one that misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from assistant.backends import Backend
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.testing import make_runtime
from assistant_backends import Backends

from ...serving import serve


@contextmanager
def glassbox(folder: Path, model: Backend) -> Iterator[str]:
    """A really running Glassbox with that model; gives its address."""
    runtime = make_runtime(folder, model=model, max_text=200_000)
    try:
        with serve(runtime) as address:
            yield address
    finally:
        runtime.close()


def runtime_of(folder: Path, *plugins: tuple[str, object], **settings: Any) -> Runtime:
    """A runtime whose models are those that the settings name, through the plugin."""
    values = {"data_dir": folder, "required_plugins": frozenset[str](), **settings}
    return Runtime(Settings(**values), plugins=[("backends", Backends), *plugins], discover=False)


@dataclass
class Seen:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Scripted:
    """A server that does what its list of replies says, one reply for each chat request; the last one goes on for good.

    A reply is a function that writes it. ``hung_up`` is set where a client left before the end.
    """

    replies: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        act = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        try:
            act(handler)
        except OSError:
            self.hung_up.set()

    @property
    def chats(self) -> list[Seen]:
        return [each for each in self.seen if each.path.endswith("/chat/completions")]


@contextmanager
def scripted(*replies: Callable[[BaseHTTPRequestHandler], None], models: Any = None) -> Iterator[Scripted]:
    """Start one. ``models`` is its list of models."""
    listed = models or {"object": "list", "data": [{"id": "tiny"}]}
    script = Scripted(list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            script.seen.append(Seen("GET", self.path, dict(self.headers), {}))
            say_json(listed)(self)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            script.seen.append(Seen("POST", self.path, dict(self.headers), json.loads(data)))
            script.reply(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests look at what was seen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    script.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def say_json(value: Any, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A whole reply."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    return act


def say_error(status: int, message: str, **more: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    """An error in OpenAI's form."""
    headers = {name: more.pop(name) for name in ("Retry_After", "Location") if name in more}
    return say_json({"error": {"message": message, **more}}, status, **headers)


def stream(*words: str, seconds: float = 0.0, end: str = "done") -> Callable[[BaseHTTPRequestHandler], None]:
    """A streamed answer, word by word; ``end``: ``done``, ``cut`` (the connection closes), ``hang``, or ``error``."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        send(handler, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for word in words:
            time.sleep(seconds)
            send(handler, {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
        if end == "hang":
            while True:  # until the client hangs up
                time.sleep(0.05)
                handler.wfile.write(b": waiting\n\n")
                handler.wfile.flush()
        if end == "error":
            send(handler, {"error": {"message": "out of memory", "code": 500}})
        if end == "done":
            send(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            usage = {"prompt_tokens": 7, "completion_tokens": len(words)}
            send(handler, {"choices": [], "usage": usage, "system_fingerprint": "fp_1"})
            handler.wfile.write(b"data: [DONE]\n\n")

    return act


def begin_stream(handler: BaseHTTPRequestHandler, content_type: str = "text/event-stream; charset=utf-8") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True


def send(handler: BaseHTTPRequestHandler, value: Any) -> None:
    handler.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
    handler.wfile.flush()
