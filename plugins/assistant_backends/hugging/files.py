"""Where the files of a model are: a folder of one's own, or the hub and its cache on this computer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from assistant.backends import Download
from assistant.errors import ModelLoadError, SettingsError

WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"]
"""Weights as safetensors alone: the other forms can run code while they are read."""
UNWANTED = ["*/*"]
"""Folders inside hold the same weights in other forms."""
INSTALL = "Type: pip install 'glassbox[hf]'"

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FETCH = """
import json, sys
from huggingface_hub import snapshot_download
snapshot_download(**json.loads(sys.argv[1]))
"""


class ModelFiles:
    """The files behind ``hf:NAME``.

    Args:
        name: a folder, or an id of the hub such as ``HuggingFaceTB/SmolVLM-256M-Instruct``.
        cache: the hub's cache; left out, the usual one.
        endpoint: the hub; left out, the usual one.

    Raises:
        SettingsError: it is neither.
    """

    def __init__(self, name: str, *, cache: Path | None = None, endpoint: str | None = None) -> None:
        folder = Path(name).expanduser()
        self.name = name
        self.local = folder if folder.is_dir() else None
        self._cache = cache
        self._endpoint = endpoint or os.environ.get("HF_ENDPOINT")
        if self.local is None and (_ID.fullmatch(name) is None or ".." in name):
            raise SettingsError(
                f"There is no folder {name!r}, and it is no id of the hub either.",
                hint="Expected hf:FOLDER, or hf:OWNER/NAME as in hf:HuggingFaceTB/SmolVLM-256M-Instruct.",
            )

    def folder(self) -> Path | None:
        """Where all of it is on this computer; ``None`` where something is missing.

        Raises:
            ModelLoadError: a folder of one's own is not whole.
        """
        if self.local is not None:
            lacks = _lacks(self.local)
            if lacks:
                raise ModelLoadError(
                    f"The folder {self.local} holds no whole model: {lacks} is missing.",
                    hint="Expected what save_pretrained writes, for the model and for its processor.",
                )
            return self.local
        hub = _hub()
        try:
            found = Path(hub.snapshot_download(**self._request(), local_files_only=True))
        except (OSError, ValueError):  # the errors of the hub are among these
            return None
        return None if _lacks(found) else found

    def missing(self) -> Download | None:
        """What has to be fetched; ``None`` where all of it is here.

        Raises:
            ModelLoadError: there is no such model, or the hub cannot be reached.
        """
        if self.folder() is not None:
            return None
        hub = _hub()
        try:
            card = hub.HfApi(endpoint=self._endpoint).model_info(self.name).card_data  # says best what is wrong
            parts = hub.snapshot_download(**self._request(), dry_run=True)
        except Exception as error:  # the hub's client lets those of several libraries through
            raise self._problem(error) from error
        if not any(part.filename.endswith(".safetensors") for part in parts):
            raise ModelLoadError(f"{self.name} has no weights as safetensors.", hint="Choose another model.")
        size = sum(part.file_size or 0 for part in parts if part.will_download)
        licence = getattr(card, "license_name", None) or getattr(card, "license", None) or ""
        return Download(size or None, str(licence), self._endpoint or "https://huggingface.co")

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """Fetch it, in a process of its own, so that it can be stopped at any byte.

        Raises:
            ModelLoadError: it cannot be fetched.
        """
        need = self.missing()
        if need is None:
            return
        before, total = self._here(), need.size or 0
        asked = json.dumps({**self._request(), "cache_dir": str(self._request()["cache_dir"])})
        process = subprocess.Popen(
            [sys.executable, "-c", _FETCH, asked], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"},
        )  # fmt: skip
        try:
            while process.poll() is None:
                if should_stop():
                    return
                on_progress(min(self._here() - before, total), total)
                sleep(0.2)
        finally:
            if process.poll() is None:
                process.terminate()
            said = process.communicate()[1] or ""
        if process.returncode:
            last = said.strip().splitlines()[-1:] or [f"status {process.returncode}"]
            raise self._problem(RuntimeError(last[0]))
        on_progress(total, total)

    def weight_bytes(self) -> int:
        """The size of the weights on this computer, 0 where they are not."""
        folder = self._quietly()
        return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder else 0

    def licence(self) -> str:
        """What the card beside the weights says; empty where there is none."""
        folder = self._quietly()
        card = folder / "README.md" if folder else None
        if card is None or not card.is_file():
            return ""
        match = re.search(r"^license(?:_name)?:\s*(\S+)\s*$", card.read_text("utf-8", "replace"), re.MULTILINE)
        return match[1] if match else ""

    def _quietly(self) -> Path | None:
        try:
            return self.folder()
        except (ModelLoadError, OSError):
            return None

    def _request(self) -> dict[str, Any]:
        cache = self._cache or Path(_hub().constants.HF_HUB_CACHE)
        return {
            "repo_id": self.name, "cache_dir": cache, "endpoint": self._endpoint, "allow_patterns": WANTED,
            "ignore_patterns": UNWANTED,
        }  # fmt: skip

    def _here(self) -> int:
        """Bytes that lie in the cache for it."""
        kept = self._request()["cache_dir"] / f"models--{self.name.replace('/', '--')}" / "blobs"
        total = 0
        for path in kept.glob("*"):
            try:
                total += path.stat().st_size
            except OSError:  # it was renamed this moment
                continue
        return total

    def _problem(self, error: Exception) -> ModelLoadError:
        kind, text = type(error).__name__, " ".join(str(error).split())
        if "RepositoryNotFound" in kind + text or "404" in text[:40]:
            return ModelLoadError(
                f"There is no model {self.name!r} on the hub, or it is not open to everybody.",
                hint="Check the id; for a closed one, sign in with: hf auth login",
            )
        if "Gated" in kind + text or "401" in text[:40] or "403" in text[:40]:
            return ModelLoadError(
                f"{self.name} is only given to people who accepted its terms.",
                hint="Accept them on its page, and sign in with: hf auth login",
            )
        offline = "Offline" in kind or os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "TRUE", "ON")
        if offline:
            return ModelLoadError(
                f"{self.name} is not on this computer, and nothing may be fetched: HF_HUB_OFFLINE is set.",
                hint="Unset it, or name a folder that holds the model: hf:FOLDER",
            )
        return ModelLoadError(
            f"{self.name} is not on this computer, and the hub cannot be reached ({kind}: {text[:200]}).",
            hint="Connect this computer to the internet, or name a folder that holds the model: hf:FOLDER",
        )


def _lacks(folder: Path) -> str:
    """The first file that a folder lacks; empty where it is whole."""
    if not (folder / "config.json").is_file():
        return "config.json"
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            parts = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError):
            return "a readable model.safetensors.index.json"
        return next((part for part in parts if not (folder / part).is_file()), "")
    return "" if (folder / "model.safetensors").is_file() else "model.safetensors"


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ModelLoadError("Models of Hugging Face need the package transformers.", hint=INSTALL) from error
    return huggingface_hub
