"""The folder of a plugin as its author keeps it: what pyproject.toml and assistant.toml say. Nothing is imported."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import InputError
from assistant.plugin_store.declaration import FILE, Declaration, read_declaration


@dataclass(frozen=True, slots=True)
class Project:
    """A plugin's folder. ``entries`` are its entry points, ``sources`` the folder to import from, ``package`` the one
    with ``assistant.toml`` in it; ``None`` where it has none."""

    folder: Path
    name: str
    version: str
    entries: dict[str, str]
    sources: Path
    package: Path | None
    declaration: Declaration | None

    @property
    def packs(self) -> list[Path]:
        """The files of the packs that it brings."""
        if self.package is None or self.declaration is None:
            return []
        return [self.package / each for each in self.declaration.packs]


def read_project(folder: Path) -> Project:
    """Read a plugin's folder.

    Raises:
        InputError: it is no package of a plugin; the message says what is missing.
    """
    path = folder / "pyproject.toml"
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"Expected a plugin's folder with a pyproject.toml; {path} cannot be read.",
            hint="To begin one, type: assistant plugins new --kind evaluator NAME",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}.") from error
    project = content.get("project", {})
    entries = project.get("entry-points", {}).get("assistant", {})
    sources = folder / "src" if (folder / "src").is_dir() else folder
    found = [each for each in sorted(sources.glob(f"*/{FILE}")) if not each.parent.name.startswith(".")]
    if len(found) > 1:
        raise InputError(f"Expected one {FILE}; there are {', '.join(map(str, found))}.")
    declaration = read_declaration(found[0].read_text(encoding="utf-8"), str(found[0])) if found else None
    if not entries and not (declaration and declaration.packs):
        raise InputError(
            f"{path} names no plugin.",
            hint=f'Expected [project.entry-points.assistant] with a line like: mine = "my_module"; or packs in {FILE}.',
        )
    return Project(
        folder=folder,
        name=str(project.get("name", "")),
        version=str(project.get("version", "")),
        entries={str(name): str(value) for name, value in entries.items()},
        sources=sources,
        package=found[0].parent if found else None,
        declaration=declaration,
    )
