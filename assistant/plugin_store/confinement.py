"""What keeps a plugin's child process in its place: limits on resources, and on Linux no network, no other people's
files, no other programs. Everything here works without privileges; what the system cannot do is left out and said.

Sources: getrlimit(2), unshare(2), landlock(7). Landlock is used through its system calls, which have the same numbers
on every processor.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant.plugin_store.protocol import Limits

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_ALL_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each version of Landlock knows."""
_ON_A_FILE = 0b111 | 1 << 14 | 1 << 15
"""The rights that make sense for a file: execute, write, read, truncate, ioctl."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def confine(limits: Limits, reads: Sequence[Path], writes: Sequence[Path]) -> tuple[str, ...]:
    """Confine this process, for good. To be called before any thread is started.

    Args:
        limits: on resources.
        reads: files and folders that stay readable.
        writes: folders in which files may be made, changed and removed.

    Returns:
        What is kept from it, in words.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, limits.open_files),
    ):
        _lower(what, most)
    done = ["memory, processor time and open files are limited"]
    if not sys.platform.startswith("linux"):
        return tuple(done)
    libc = ctypes.CDLL(None, use_errno=True)
    alone = not limits.network and libc.unshare(_NEW_USER | _NEW_NETWORK) == 0
    if alone:
        done.append("no network")
    done += _landlock(libc, reads, writes, close_network=not limits.network and not alone)
    return tuple(done)


def allow_seconds(seconds: int) -> None:
    """Let this process use so many more seconds of the processor; then the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most))


def _lower(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):  # macOS has no limit on address space
        return


def _landlock(libc: ctypes.CDLL, reads: Sequence[Path], writes: Sequence[Path], *, close_network: bool) -> list[str]:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return []
    everything = (1 << _ALL_BY_VERSION[min(version, 5)]) - 1
    ruleset = _Ruleset(everything, 0b11 if close_network and version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if rules < 0:
        return []
    try:
        for path in reads:
            _allow(libc, rules, path, _READ_FILE | _READ_FOLDER)
        for path in writes:
            _allow(libc, rules, path, everything & ~1)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)) != 0:
            return []
    finally:
        os.close(rules)
    done = ["no files but its own and Python's", "no other programs"]
    if ruleset.network:
        done.append("no TCP connections")
    if ruleset.scoped:
        done.append("no signals to others")
    return done


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there
    try:
        allowed = rights if path.is_dir() else rights & _ON_A_FILE
        beneath = _Beneath(allowed, opened)
        libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(1), ctypes.byref(beneath), ctypes.c_uint32(0))
    finally:
        os.close(opened)
