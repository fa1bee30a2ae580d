"""The web server: the page, the API for programs, and health."""

from __future__ import annotations

from assistant.api.app import create_app
from assistant.api.server import serve

__all__ = ["create_app", "serve"]
