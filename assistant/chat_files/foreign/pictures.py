"""The pictures of a foreign file, through the same intake as any other."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from assistant.errors import ImageError
from assistant.intake import read_image
from assistant.messages import ImagePart
from assistant.settings import Settings

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,(?P<data>.+)", re.DOTALL)


class Pictures:
    """Reads pictures and remembers them.

    Args:
        settings: the limits.
        files: what lies beside the chats in a zip, by its path.
        left_out: counts what cannot be had.
    """

    def __init__(self, settings: Settings, files: Mapping[str, bytes], left_out: Counter[str]) -> None:
        self.read: dict[str, bytes] = {}
        """The bytes of every picture, by its hash."""
        self._settings = settings
        self._files = files
        self._left_out = left_out

    def of_url(self, url: str, name: str = "") -> tuple[ImagePart, ...]:
        """The picture of a data URL; nothing is fetched from any other address."""
        match = _DATA_URL.fullmatch(url)
        if match is None:
            return self.missing()
        try:
            return self._taken(base64.b64decode(match["data"], validate=False), name)
        except (binascii.Error, ValueError):
            return self.missing()

    def of_file(self, *beginnings: str) -> tuple[ImagePart, ...]:
        """The picture beside the chats whose name begins with one of these texts."""
        for path, data in self._files.items():
            name = PurePosixPath(path).name
            if any(beginning and name.startswith(beginning) for beginning in beginnings):
                return self._taken(data, name)
        return self.missing()

    def missing(self) -> tuple[ImagePart, ...]:
        """A picture that is not in the file."""
        self._left_out["pictures that are not in the file"] += 1
        return ()

    def _taken(self, data: bytes, name: str) -> tuple[ImagePart, ...]:
        try:
            part = read_image(data, self._settings)
        except ImageError:
            self._left_out["pictures that cannot be read"] += 1
            return ()
        self.read[part.sha256] = part.data
        return (part.model_copy(update={"name": name}),)
