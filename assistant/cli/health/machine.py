"""What the machine must bring: Python, libraries, a disk, a port."""

from __future__ import annotations

import errno
import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from tempfile import NamedTemporaryFile

from assistant.cli.health.check import Check, guarded
from assistant.errors import GlassboxError, PortInUse, describe
from assistant.settings import Settings

LOW_SPACE = 500_000_000
"""Bytes. With less than this free, the doctor warns."""

REINSTALL_TORCH = "Type: python -m pip install --force-reinstall torch torchvision"


def examine(settings: Settings) -> Iterator[Check]:
    """Run the checks, one after the other."""
    checks: dict[str, Callable[[Settings], Check]] = {
        "Python": check_python,
        "torch": check_torch,
        "gradio": check_gradio,
        "data folder": check_data_folder,
        "port": check_port,
        "chromium": check_chromium,
        "extras": check_extras,
    }
    for name, look in checks.items():
        yield guarded(name, look, settings)


def check_python(settings: Settings) -> Check:
    """The version of Python. Where it is too old, Glassbox cannot even be installed."""
    return Check("Python", "ok", f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}")


def check_torch(settings: Settings) -> Check:
    """torch and torchvision, which must be built for each other."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        return Check("torch", "fail", f"torch cannot be imported ({describe(error)}).", REINSTALL_TORCH)
    torch_version = str(getattr(torch, "__version__", "?"))
    try:
        importlib.import_module("torchvision")
    except Exception as error:
        if "torchvision::nms" in str(error):
            found = (
                f"torch {torch_version} and torchvision {_version('torchvision')} were not built for each other, as "
                f"when a CPU build of torch stands beside the ordinary torchvision ({describe(error)})."
            )
        else:
            found = f"torchvision cannot be imported ({describe(error)})."
        return Check("torch", "fail", found, REINSTALL_TORCH)
    cuda = getattr(torch, "cuda", None)
    device = "with a GPU" if cuda is not None and cuda.is_available() else "on the CPU"
    return Check("torch", "ok", f"torch {torch_version} and torchvision {_version('torchvision')}, {device}")


def check_gradio(settings: Settings) -> Check:
    """The library that draws the page."""
    try:
        importlib.import_module("gradio")
    except Exception as error:
        found = f"gradio cannot be imported ({describe(error)})."
        return Check("gradio", "fail", found, 'Type: python -m pip install "gradio>=6.31,<7"')
    return Check("gradio", "ok", f"gradio {_version('gradio')}")


def check_data_folder(settings: Settings) -> Check:
    """Whether chats can be kept."""
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Check("data folder", "fail", f"{folder}: the disk is full.", "Free some space.")
        found = f"{folder} cannot be written: {error.strerror or error}."
        return Check("data folder", "fail", found, "Allow writing there, or choose another with GLASSBOX_DATA_DIR.")
    free = shutil.disk_usage(folder).free
    found = f"{folder} can be written, {free / 1e9:.1f} GB free"
    if free < LOW_SPACE:
        return Check("data folder", "warn", found, "Free some space.")
    return Check("data folder", "ok", found)


def check_port(settings: Settings) -> Check:
    """Whether the page's address is free."""
    from assistant.api.server import check_reachable, listen

    try:
        check_reachable(settings)
        listen(settings.host, settings.port).close()
    except PortInUse as error:
        return Check("port", "warn", error.message, error.hint)
    except GlassboxError as error:
        return Check("port", "fail", error.message, error.hint)
    if settings.port == 0:
        return Check("port", "ok", "the system chooses a free one")
    return Check("port", "ok", f"{settings.host}:{settings.port} is free")


def check_chromium(settings: Settings) -> Check:
    """A browser for the tests; nobody else needs it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if place := shutil.which(name):
            return Check("chromium", "ok", place)
    return Check("chromium", "ok", "not there; only the browser tests need it")


def check_extras(settings: Settings) -> Check:
    """Which optional parts are installed."""
    parts: dict[str, list[str]] = {}
    for line in requires("glassbox") or ():
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", line)
        package = re.match(r"[A-Za-z0-9._-]+", line)
        if extra and package:
            parts.setdefault(extra[1], []).append(package[0])
    said: list[str] = []
    for extra, packages in sorted(parts.items()):
        missing = [package for package in packages if _version(package) == "?"]
        said.append(f"{extra} {'without ' + ', '.join(missing) if missing else 'complete'}")
    return Check("extras", "ok", "; ".join(said) or "there are none")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
