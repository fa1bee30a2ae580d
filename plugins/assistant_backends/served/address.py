"""Which model at which server: ``openai:NAME@URL``, read and looked at."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from assistant.errors import SettingsError

FORM = "openai:NAME@URL, as in openai:qwen2.5-vl@http://127.0.0.1:8080/v1"
_FORM = re.compile(r"openai:(?P<model>[^\s]+)@(?P<url>https?://[^\s]+)")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A model's name at a server. ``path`` is what stands before ``/chat/completions``."""

    model: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def server(self) -> str:
        """Host and port, as a person types them; the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def base(self) -> str:
        """The base address."""
        return f"{self.scheme}://{self.server}{self.path}"

    @property
    def here(self) -> bool:
        """Whether the server runs on this computer."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def where(self) -> str:
        """Where the model runs, for the person who chooses it."""
        return f"the server {self.server} on this computer" if self.here else f"the server {self.server}"


def read_address(named: str) -> ServerAddress:
    """Read ``openai:NAME@URL``. A base address without a path gets ``/v1``.

    Raises:
        SettingsError: it has another form, or holds a password, a query or a fragment.
    """
    match = _FORM.fullmatch(named)
    if match is None:
        raise SettingsError(f"Expected {FORM}; came {_without_secrets(named)!r}.", hint="Write name and address so.")
    try:
        parts = urlsplit(match["url"])
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"The address of the model server cannot be read: {error}.", hint=f"Write {FORM}") from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            "The address of a model server holds a user name or a password, which would stand in every trace.",
            hint="Put the server's key into the setting model_keys.",
        )
    if not host or parts.query or parts.fragment:
        raise SettingsError(
            f"Expected {FORM}; came {_without_secrets(named)!r}.",
            hint="The address ends with its path, without ? and #.",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return ServerAddress(match["model"], parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def _without_secrets(named: str) -> str:
    """What came, without anything that could be a key."""
    return re.sub(r"//[^/@\s]*@", "//...@", re.split(r"[?#]", named, maxsplit=1)[0])[:200]
