"""Which plugins are disabled: kept beside the data, so that it holds at every door."""

from __future__ import annotations

import json
from pathlib import Path

from assistant.errors import SettingsError, describe


def _disabled_file(data_dir: Path) -> Path:
    return data_dir / "plugins.json"


def read_disabled(data_dir: Path) -> set[str]:
    """The names of the plugins that were disabled with `write_disabled`.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = _disabled_file(data_dir)
    if not path.exists():
        return set()
    try:
        return set(json.loads(path.read_text(encoding="utf-8"))["disabled"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f'{path} should hold {{"disabled": ["name", ...]}} and cannot be read: {describe(error)}.',
            hint="Mend it or delete it.",
        ) from error


def write_disabled(data_dir: Path, names: set[str]) -> None:
    """Keep the names of disabled plugins, in one step: the file is never half written."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = _disabled_file(data_dir)
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps({"disabled": sorted(names)}) + "\n", encoding="utf-8")
    fresh.replace(path)
