"""Which plugin is being imported right now, so that one that ends the whole program is left out the next time."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class StartMarks:
    """A file for each plugin of somebody else's, as long as it is being imported into this program."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "plugins" / "starting"

    @contextmanager
    def around(self, name: str) -> Generator[None]:
        """Inside the block, that plugin is being imported."""
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_text(str(os.getpid()), encoding="ascii")
        except OSError:  # a data folder that cannot be written is somebody else's message
            yield
            return
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def ended_the_program(self, name: str) -> bool:
        """Whether the program ended while it imported that plugin the last time."""
        try:
            process = int((self._folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return False
        return process != os.getpid() and not _is_running(process)

    def forget(self, name: str) -> None:
        """Let it be tried again."""
        (self._folder / name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
