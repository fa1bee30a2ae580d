"""A picture small enough to stand in the page itself."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

from assistant.intake import open_image
from assistant.messages import ImagePart


def small(part: ImagePart, side: int) -> str:
    """A picture as a data URL, scaled down to so many pixels on the longer side."""
    return _small(part.sha256, side, part.data)


@lru_cache(maxsize=64)
def _small(_sha256: str, side: int, data: bytes) -> str:
    image = open_image(ImagePart(sha256=_sha256, media_type="image/png", width=1, height=1, data=data))
    image.thumbnail((side, side))
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")
