"""Fetching a model from a hub: what it is is said first, then it comes with its progress, and it can be stopped."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import common
from assistant.errors import ModelLoadError
from assistant_backends.hugging import HuggingBackend, ModelFiles

from .servers import runtime_of
from .tiny_models import FAMILIES

COMMIT = "a" * 40


class Hub:
    """A hub with one model."""

    def __init__(self, folder: Path) -> None:
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.files["README.md"] = b"---\nlicense: apache-2.0\n---\n"
        self.files["pytorch_model.bin"] = b"pickled" * 100
        self.seconds = 0.0
        self.sent: list[str] = []
        self.address = ""

    def info(self) -> dict[str, Any]:
        siblings = [{"rfilename": name, "size": len(data), "blobId": _blob(data)} for name, data in self.files.items()]
        return {
            "_id": "1", "id": "tiny/llava", "modelId": "tiny/llava", "sha": COMMIT, "siblings": siblings, "tags": [],
            "private": False, "downloads": 0, "likes": 0, "cardData": {"license": "apache-2.0"},
        }  # fmt: skip


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(FAMILIES["llava"](tmp_path_factory.mktemp("llava")))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            if path.startswith("/api/models/tiny/llava/tree"):
                tree = [
                    {"type": "file", "path": name, "size": len(data), "oid": _blob(data)}
                    for name, data in hub.files.items()
                ]
                self.send(json.dumps(tree).encode(), {"Content-Type": "application/json"}, body)
            elif path.startswith("/api/models/tiny/llava"):
                self.send(json.dumps(hub.info()).encode(), {"Content-Type": "application/json"}, body)
            elif path.startswith("/tiny/llava/resolve/") and name in hub.files:
                if body:
                    hub.sent.append(name)
                    time.sleep(hub.seconds)
                data = hub.files[name]
                self.send(data, {"ETag": f'"{_blob(data)}"', "X-Repo-Commit": COMMIT}, body)
            else:
                error = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
                self.send(b"{}", error, body, status=404)

        def send(self, data: bytes, headers: dict[str, str], body: bool, status: int = 200) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()


def files(hub: Hub, folder: Path, name: str = "tiny/llava") -> ModelFiles:
    return ModelFiles(name, cache=folder / "cache", endpoint=hub.address)


def test_what_it_is_is_said_first_and_then_it_comes(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.sent.clear()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    runtime = runtime_of(tmp_path / "data", model="hf:tiny/llava")
    backend = runtime.generator().backend
    with pytest.raises(ModelLoadError, match=r"not on this computer yet.*assistant models get hf:tiny/llava"):
        backend.load()
    assert (backend.size, backend.licence, hub.sent) == ("", "see its card", [])
    common.fetch_model(runtime)
    said = capsys.readouterr().err
    assert f"licence: apache-2.0, from {hub.address}" in said
    assert "MB" in said
    assert "pytorch_model.bin" not in hub.sent
    assert {"model.safetensors", "config.json", "chat_template.jinja"} <= set(hub.sent)
    backend.load()
    assert backend.licence == "apache-2.0"
    assert "million parameters" in backend.size
    hub.sent.clear()
    common.fetch_model(runtime)
    assert (hub.sent, capsys.readouterr().err) == ([], "")
    runtime.close()


def test_progress_reaches_the_end(hub: Hub, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    wanted = files(hub, tmp_path)
    need = wanted.missing()
    assert need is not None
    assert need.size == sum(len(data) for name, data in hub.files.items() if name != "pytorch_model.bin")
    wanted.download(lambda done, total: told.append((done, total)), lambda: False)
    assert told[-1] == (need.size, need.size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert wanted.missing() is None


def test_a_stop_ends_the_download(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "seconds", 30.0)
    wanted, begin = files(hub, tmp_path), time.monotonic()
    wanted.download(lambda done, total: None, lambda: time.monotonic() - begin > 1)
    assert time.monotonic() - begin < 25
    assert wanted.folder() is None


def test_what_cannot_be_fetched_is_said(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelLoadError, match="There is no model 'tiny/none' on the hub"):
        files(hub, tmp_path, "tiny/none").missing()
    gone = ModelFiles("tiny/llava", cache=tmp_path / "cache", endpoint="http://127.0.0.1:9")
    with pytest.raises(ModelLoadError, match="the hub cannot be reached"):
        HuggingBackend("hf:tiny/llava", gone).missing()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelLoadError, match="HF_HUB_OFFLINE is set"):
        HuggingBackend("hf:tiny/llava", gone).missing()
