"""Fetching by address: what is public, redirects, limits; a real server on this computer stands for the internet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.errors import FetchError
from assistant.fetching import fetch, is_public


class Site(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        other = f"http://127.0.0.2:{self.server.server_port}/picture"  # type: ignore[attr-defined]
        if self.path == "/picture":
            self._send(200, b"picture")
        elif self.path == "/on":
            self._send(302, b"", Location="/picture")
        elif self.path == "/inwards":
            self._send(302, b"", Location=other)
        elif self.path == "/round":
            self._send(302, b"", Location="/round")
        elif self.path == "/file":
            self._send(302, b"", Location="file:///etc/passwd")
        elif self.path == "/large":
            self._send(200, b"x" * 5000)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x" * 1000)
        elif self.path == "/slow":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                time.sleep(0.05)
                self.wfile.write(b"X-More: 1\r\n")
                self.wfile.flush()
        else:
            self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def get(url: str, most_bytes: int = 4000, seconds: float = 5) -> bytes:
    return fetch(url, most_bytes=most_bytes, seconds=seconds, may_reach=lambda address: address == "127.0.0.1")


def test_a_file_is_fetched_over_a_redirect(site: str) -> None:
    assert get(f"{site}/picture") == get(f"{site}/on") == b"picture"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/inwards", "own network"),
        ("/round", "more than 5 times"),
        ("/file", "no http or https"),
        ("/large", "larger than"),
        ("/endless", "larger than"),
        ("/nothing", "404"),
    ],
)
def test_what_may_not_be_fetched(site: str, path: str, says: str) -> None:
    with pytest.raises(FetchError, match=says):
        get(f"{site}{path}")


def test_a_server_that_dribbles_is_left(site: str) -> None:
    begin = time.monotonic()
    with pytest.raises(FetchError, match=r"within 0\.4 s"):
        get(f"{site}/slow", seconds=0.4)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://127.1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
    ],
)
def test_nothing_of_this_network_is_reached(url: str) -> None:
    with pytest.raises(FetchError, match="only public addresses"):
        fetch(url, most_bytes=10)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://u:p@example.org/",
        "http://a:b/",
        "http://\x00/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url, most_bytes=10, may_reach=lambda _: False)


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert not is_public("::ffff:10.0.0.1")
