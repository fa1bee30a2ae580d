"""Who looks at the page."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from assistant.panels import Viewer
from assistant.person import user_name

if TYPE_CHECKING:
    import gradio as gr

_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip")


def viewer_of(request: gr.Request) -> Viewer:
    """The person behind a request. There are no accounts: whoever sits at this computer is its operator, and nobody
    else, nor whoever comes through a proxy that runs on it."""
    client = request.client
    address = client.host if client else ""
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return Viewer(user_name(), operator=is_this_computer(address) and not passed_on)


def is_this_computer(address: str) -> bool:
    """Whether an address is that of this computer itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
