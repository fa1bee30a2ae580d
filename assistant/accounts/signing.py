"""Small texts that only this store can have written: for cookies and forms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from time import time
from typing import Any, cast


class Signer:
    """Signs texts with HMAC-SHA256.

    Args:
        secret: known to this store alone.
        purpose: a text signed for one purpose does not count for another.
        clock: seconds since 1970.
    """

    def __init__(self, secret: bytes, purpose: str, clock: Callable[[], float] = time) -> None:
        self._key = hmac.digest(secret, purpose.encode(), hashlib.sha256)
        self._clock = clock

    def sign(self, text: str) -> str:
        """The text with its signature."""
        return f"{text}.{self._signature(text)}"

    def text_of(self, signed: str) -> str | None:
        """The text; ``None`` where it was not signed here. Compared in constant time."""
        text, dot, signature = signed.rpartition(".")
        if not dot or not hmac.compare_digest(self._signature(text).encode(), signature.encode("utf-8", "replace")):
            return None
        return text

    def pack(self, values: dict[str, str], seconds: float) -> str:
        """Values that count for so many seconds."""
        body = json.dumps({**values, "until": self._clock() + seconds}).encode()
        return self.sign(base64.urlsafe_b64encode(body).decode())

    def unpack(self, packed: str) -> dict[str, str] | None:
        """The values; ``None`` where they were not packed here, or their time is over."""
        text = self.text_of(packed)
        if text is None:
            return None
        values = cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(text)))
        return values if float(values.pop("until")) > self._clock() else None

    def _signature(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hex()
