"""Fetch a file that somebody names by its address, without ever reaching into the network that this computer is in."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from urllib.parse import quote, urljoin, urlsplit

from assistant.errors import FetchError

REDIRECTS = 5
"""How often an address may send on to another."""

SECONDS = 15.0
"""How long it may take, name look-up and redirects included."""

_EMBEDS_IPV4 = [ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]
"""Addresses of version 6 that stand for one of version 4, which may be a private one."""

_AS_THEY_ARE = "/%:@!$&'()*+,;=~-._?"
"""Characters of an address that are sent as they stand."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not this computer, not its network, not a group."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in network for network in _EMBEDS_IPV4):
            return False
    return found.is_global and not found.is_multicast


def fetch(
    url: str, *, most_bytes: int, seconds: float = SECONDS, may_reach: Callable[[str], bool] = is_public
) -> bytes:
    """The bytes behind an http or https address.

    The name is looked up once, every address that it stands for must be public, and the connection goes to one of just
    these, so that a name cannot point elsewhere in between. Every redirect is looked at in the same way. Proxies from
    the environment are not used, and nothing of this computer is sent along.

    Args:
        url: the address.
        most_bytes: a longer file is turned away.
        seconds: the limit for all of it.
        may_reach: whether an IP address may be reached.

    Raises:
        FetchError: the address may not or cannot be fetched.
    """
    job = _Job(url, most_bytes, monotonic() + seconds, may_reach)
    thread = threading.Thread(target=job.run, name="glassbox-fetch", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        job.give_up()
        raise FetchError(f"{_shown(url)} did not send its file within {seconds:g} s.", hint="Send the file itself.")
    if job.error is not None:
        raise job.error
    return job.data


class _Job:
    """One fetch, in a thread of its own: neither a name look-up nor a server that dribbles can hold up the caller."""

    def __init__(self, url: str, most_bytes: int, deadline: float, may_reach: Callable[[str], bool]) -> None:
        self._url, self._most, self._deadline, self._may_reach = url, most_bytes, deadline, may_reach
        self._socket: socket.socket | None = None
        self.data = b""
        self.error: FetchError | None = None

    def run(self) -> None:
        url = self._url
        try:
            for _ in range(REDIRECTS + 1):
                further = self._get(url)
                if further is None:
                    return
                url = urljoin(url, further)
            raise FetchError(f"{_shown(self._url)} sends on more than {REDIRECTS} times.", hint="Send the file itself.")
        except FetchError as error:
            self.error = error
        except (OSError, ValueError, http.client.HTTPException) as error:
            what = str(error) or type(error).__name__
            self.error = FetchError(f"{_shown(url)} cannot be fetched: {what}.", hint="Check the address.")
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Let go of the connection; a thread that still reads from it ends."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # closing alone would not wake a thread that reads
            self._socket.close()

    def _get(self, url: str) -> str | None:
        """Fetch one address; returns where it sends on to, if it does."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchError(f"{_shown(url)} is no http or https address.", hint="Send the file itself.")
        if parts.username is not None or parts.password is not None:
            raise FetchError("An address with a user name or a password is not fetched.", hint="Send the file itself.")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode("ascii")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.give_up()
        self._socket = self._connect(host, port)
        if parts.scheme == "https":
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._socket
        target = quote(parts.path or "/", safe=_AS_THEY_ARE)
        query = "?" + quote(parts.query, safe=_AS_THEY_ARE) if parts.query else ""
        default_port = parts.port is None or parts.port == (443 if parts.scheme == "https" else 80)
        name = f"[{host}]" if ":" in host else host
        headers = {
            "Host": name if default_port else f"{name}:{port}",
            "User-Agent": "Glassbox",
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        connection.request("GET", target + query, headers=headers)
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            return answer.headers.get("Location") or ""
        if answer.status != 200:
            raise FetchError(f"{_shown(url)} answers {answer.status} {answer.reason}.", hint="Check the address.")
        self.data = self._read(answer)
        return None

    def _connect(self, host: str, port: int) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not addresses or not all(map(self._may_reach, addresses)):
            raise FetchError(
                f"{host} is in this computer's own network, or nowhere: only public addresses are fetched.",
                hint="Send the file itself.",
            )
        for number, address in enumerate(addresses):
            try:
                return socket.create_connection((address, port), timeout=self._left())
            except OSError:
                if number == len(addresses) - 1:
                    raise
        raise AssertionError("unreachable: the last address either connects or raises")

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        declared = answer.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self._most:
            raise self._too_large()
        data = bytearray()
        while chunk := answer.read1(65536):
            data += chunk
            if len(data) > self._most:
                raise self._too_large()
            self._left()
        return bytes(data)

    def _too_large(self) -> FetchError:
        return FetchError(
            f"{_shown(self._url)} is larger than {self._most / 1e6:.0f} MB, the most that is fetched.",
            hint="Save it smaller.",
        )

    def _left(self) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the time was over")
        return left


def _shown(url: str) -> str:
    return url if len(url) <= 100 else url[:99] + "…"
