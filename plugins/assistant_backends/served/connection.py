"""One request to a server, read in a thread of its own, so that nobody who waits for the server is held by it."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from assistant_backends.served.address import ServerAddress

CONNECT_SECONDS = 10.0
"""How long the name look-up and the connection may take."""
LOOK_SECONDS = 0.05
"""How often a waiting caller looks whether to stop."""
MOST_LINE = 4_000_000
"""Bytes in one line of a reply; a longer one counts as broken."""


@dataclass(frozen=True, slots=True)
class Head:
    """How a reply begins. ``retry_after`` is in seconds, where the server says so."""

    status: int
    content_type: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Broken:
    """What went wrong with a connection: before it stood, in the middle, or by silence."""

    stage: Literal["connect", "read", "silent"]
    reason: str


class ConnectionBroken(Exception):
    """The server cannot be reached, went away, or fell silent."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.reason)
        self.broken = broken


class Connection:
    """One request and its reply. No redirect is followed and no proxy is used: a key goes to the named server alone.

    Args:
        address: of the server.
        method: GET or POST.
        path: below the base address, as ``/models``.
        body: JSON, for POST.
        key: sent as a bearer token; empty: none.
    """

    def __init__(self, address: ServerAddress, method: str, path: str, body: bytes | None, key: str) -> None:
        self._address = address
        self._request = method, address.path + path, body, key
        self._items: queue.SimpleQueue[Head | bytes | Broken | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        threading.Thread(target=self._read, name="glassbox-server-reply", daemon=True).start()

    def items(
        self, should_stop: Callable[[], bool], *, first_seconds: float, next_seconds: float
    ) -> Iterator[Head | bytes]:
        """The head of the reply, then its lines as they come; ends early, with the connection closed, on a stop.

        Args:
            should_stop: asked every `LOOK_SECONDS`.
            first_seconds: how long the server may be silent before the first line.
            next_seconds: and after it.

        Raises:
            ConnectionBroken: it cannot be reached, went away, or was silent for too long.
        """
        limit, heard = first_seconds, monotonic()
        try:
            while not should_stop():
                try:
                    item = self._items.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    if monotonic() - heard > limit:
                        raise ConnectionBroken(Broken("silent", f"it was silent for {limit:g} s")) from None
                    continue
                heard = monotonic()
                if item is None:
                    return
                if isinstance(item, Broken):
                    raise ConnectionBroken(item)
                if isinstance(item, bytes) and item.strip():
                    limit = next_seconds
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """Hang up. The server notices, and the reading thread ends."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # closing alone would not wake a thread that reads

    def _read(self) -> None:
        stage: Literal["connect", "read"] = "connect"
        connection = self._connection()
        try:
            connection.connect()
            with self._lock:
                self._socket = connection.sock
                if self._closed:
                    return
            connection.sock.settimeout(None)  # the caller keeps the time, and hangs up
            stage = "read"
            method, path, body, key = self._request
            headers = {"Accept": "text/event-stream, application/json", "User-Agent": "Glassbox", "Connection": "close"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            if key:
                headers["Authorization"] = f"Bearer {key}"
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            self._items.put(Head(reply.status, reply.headers.get_content_type(), _seconds(reply)))
            while line := reply.readline(MOST_LINE):
                if len(line) >= MOST_LINE:
                    raise http.client.HTTPException("a line of the reply is too long")
                self._items.put(line)
            self._items.put(None)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._items.put(Broken(stage, _reason(error)))
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._address.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)


def _seconds(reply: http.client.HTTPResponse) -> float | None:
    try:
        return max(0.0, float(reply.headers.get("Retry-After") or "no number"))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
