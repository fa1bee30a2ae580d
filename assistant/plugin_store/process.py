"""A plugin's child process, seen from the program: start it, ask it, and end it whatever it does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from time import monotonic
from typing import IO

from pydantic import BaseModel, ValidationError

from assistant.errors import PluginCrash, PluginError, PluginLoadError, PluginResultError, PluginTimeout
from assistant.plugin_store.protocol import LONGEST_LINE, LOUDEST, REPLY, Failed, Invoke, Load, Ready, Returned

START_SECONDS = 30.0
"""How long a child may take to start and to import its plugin."""


class ChildProcess:
    """One plugin's child. Safe to use from many threads: one call runs, the others wait for it.

    Args:
        load: what is to be imported.
        start_seconds: how long that may take.
    """

    def __init__(self, load: Load, start_seconds: float = START_SECONDS) -> None:
        self.name = load.name
        self._load = load
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: Ready | None = None
        self._unread = bytearray()
        self._said = _Said()
        self._closed = False
        self._ender: weakref.finalize[..., ChildProcess] | None = None

    def launch(self) -> None:
        """Start it, without waiting until it is ready, so that several can start at once.

        Raises:
            PluginLoadError: the system starts no process.
        """
        own = Path(self._load.own)
        try:
            own.mkdir(parents=True, exist_ok=True)
            process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "assistant.plugin_store.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=own,
                env=_environment(own),
                start_new_session=True,
            )
        except OSError as error:
            raise PluginLoadError(f"The plugin {self.name!r} gets no process: {error}.", plugin=self.name) from error
        self._process, self._ready, self._unread = process, None, b""
        self._said = _Said()
        self._ender = weakref.finalize(self, _end, process)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        listening = threading.Thread(target=self._said.listen, args=(process.stderr, process), daemon=True)
        listening.start()

    def ready(self) -> Ready:
        """Wait until the plugin is imported.

        Raises:
            PluginLoadError: it could not be.
        """
        with self._lock:
            return self._wait_until_ready(monotonic() + self._start_seconds)

    def ask(self, order: Invoke, seconds: float) -> object:
        """What the plugin says to one order, as JSON data. Where the child is gone, a new one is started first.

        Args:
            order: the call.
            seconds: how long it may take, besides the wait for other calls and for the start of a new child.

        Raises:
            PluginTimeout: it took longer, and the child was ended.
            PluginCrash: it raised, or its process ended.
            PluginResultError: it returned something that is not allowed.
            PluginLoadError: no new child could be started.
        """
        if not self._lock.acquire(timeout=seconds):
            raise PluginTimeout(
                f"The plugin {self.name!r} was busy with other calls for {seconds:g} s.", plugin=self.name
            )
        try:
            if self._closed:
                raise PluginCrash(f"The plugin {self.name!r} is closed.", plugin=self.name)
            try:
                self._wait_until_ready(monotonic() + self._start_seconds)
            except PluginLoadError as error:
                what = f"The process of the plugin {self.name!r} could not be started again: {error.message}."
                raise PluginCrash(what, plugin=self.name) from error
            end = monotonic() + seconds
            try:
                self._send(order, end)
                reply = self._receive(end)
            except TimeoutError as error:
                self.end()
                raise PluginTimeout(
                    f"The plugin {self.name!r} took longer than {seconds:g} s; its process was ended.",
                    plugin=self.name,
                ) from error
            except (EOFError, OSError, ValueError) as error:
                raise PluginCrash(self._how_it_ended(error), plugin=self.name) from error
        finally:
            self._lock.release()
        if isinstance(reply, Returned):
            return reply.value
        if isinstance(reply, Ready):
            self.end()
            raise PluginCrash(f"The plugin {self.name!r} broke the protocol.", plugin=self.name)
        kind = PluginResultError if reply.wrong_type else PluginCrash
        raise kind(f"The plugin {self.name!r} failed in {order.hook}: {reply.error.rstrip('.')}.", plugin=self.name)

    def close(self) -> None:
        """End it for good."""
        self._closed = True
        self.end()

    def end(self) -> None:
        """End the process and all that it started in its group."""
        if self._ender is not None:
            self._ender()
        self._process = None

    def _wait_until_ready(self, end: float) -> Ready:
        if self._process is not None and self._process.poll() is not None and self._ready is not None:
            self.end()
        if self._process is None:
            self.launch()
        if self._ready is not None:
            return self._ready
        problem: PluginError
        try:
            self._send(self._load, end)
            reply = self._receive(end)
            if isinstance(reply, Ready):
                self._ready = reply
                return reply
            said = reply.error if isinstance(reply, Failed) else "it broke the protocol"
            problem = PluginLoadError(f"it cannot be imported: {said.rstrip('.')}", plugin=self.name)
        except TimeoutError:
            problem = PluginLoadError(f"importing it took longer than {self._start_seconds:g} s", plugin=self.name)
        except (EOFError, OSError, ValueError) as error:
            problem = PluginLoadError(self._how_it_ended(error).rstrip("."), plugin=self.name)
        self.end()
        raise problem

    def _send(self, message: BaseModel, end: float) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        data = memoryview(message.model_dump_json().encode() + b"\n")
        while data:
            left = end - monotonic()
            if left <= 0 or not select.select((), (pipe,), (), left)[1]:
                raise TimeoutError
            data = data[os.write(pipe, data[:65536]) :]

    def _receive(self, end: float) -> Ready | Returned | Failed:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        complete = b"\n" in self._unread
        while not complete:
            left = end - monotonic()
            if left <= 0 or not select.select((pipe,), (), (), left)[0]:
                raise TimeoutError
            piece = os.read(pipe, 1 << 20)
            if not piece:
                raise EOFError
            self._unread += piece
            complete = b"\n" in piece
            if len(self._unread) > LONGEST_LINE:
                raise ValueError(f"it answered with more than {LONGEST_LINE:,} bytes")
        line, _, rest = self._unread.partition(b"\n")
        self._unread = rest
        try:
            return REPLY.validate_json(line)
        except ValidationError as error:
            raise ValueError("it broke the protocol") from error

    def _how_it_ended(self, error: Exception) -> str:
        """Why nothing can be had from the process any more, in words; the process is ended."""
        process, said = self._process, self._said
        assert process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        code = process.returncode
        self.end()
        if isinstance(error, ValueError):
            reason = f"{error}; its process was ended"
        elif said.bytes > LOUDEST:
            reason = f"it printed more than {LOUDEST:,} bytes; its process was ended"
        elif code is not None and code < 0:
            reason = f"its process was ended by {signal.Signals(-code).name}"
        else:
            reason = f"its process ended with code {code}"
        last = said.last_line()
        return f"The plugin {self.name!r} failed: {reason}" + (f" ({last})." if last else ".")


class _Said:
    """What a child prints: the end of it is kept, and too much of it ends the child."""

    def __init__(self) -> None:
        self.bytes = 0
        self._tail = b""

    def listen(self, pipe: IO[bytes], process: subprocess.Popen[bytes]) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), 65536):
                self.bytes += len(piece)
                self._tail = (self._tail + piece)[-2000:]
                if self.bytes > LOUDEST:
                    _end(process)
                    return

    def last_line(self) -> str:
        lines = self._tail.decode(errors="replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def _environment(own: Path) -> dict[str, str]:
    """Nothing of the user's environment but the language: no keys, no tokens, no settings."""
    kept = {name: value for name in ("LANG", "LC_ALL", "TZ") if (value := os.environ.get(name))}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"HOME": str(own), "TMPDIR": str(own), "PATH": "", "PYTHONHASHSEED": "0"}


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
