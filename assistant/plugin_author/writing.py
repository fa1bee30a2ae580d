"""Write a new plugin: an installable package with tests that pass."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from assistant.errors import InputError
from assistant.plugin_author.kinds import KindName, kind

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin(kind_name: KindName, name: str, folder: Path) -> list[Path]:
    """Write the package ``name`` into ``folder/name``.

    Args:
        kind_name: what kind of plugin.
        name: lower-case letters, digits and single hyphens.
        folder: where its folder is made.

    Returns:
        The files, in the order in which one would read them.

    Raises:
        InputError: the name cannot be used, or something is there already.
    """
    module = _module_of(name)
    place = folder / name
    if place.exists():
        raise InputError(f"{place} is there already.", hint="Choose another name, or another folder with --to.")
    chosen = kind(kind_name)
    class_name = "".join(part.capitalize() for part in name.split("-"))
    entry = {"module": module, "class": f"{module}:{class_name}", "none": ""}[chosen.entry]
    about = chosen.about
    values = {
        "name": name,
        "module": module,
        "class_name": class_name,
        "title": name.replace("-", " ").capitalize(),
        "about": about,
        "hooks": ", ".join(f'"{hook}"' for hook in sorted(chosen.hooks)),
        "packs": ", ".join(f'"{each}"' for each in chosen.packs),
        "after_install": Template(chosen.after_install).substitute(name=name),
        "entry_point": f'\n[project.entry-points.assistant]\n{module} = "{entry}"\n' if entry else "",
    }
    templates = files("assistant.plugin_author").joinpath("templates")
    common, own = templates.joinpath("common"), templates.joinpath(kind_name)
    sources: dict[str, Traversable] = {
        "README.md": common.joinpath("README.md.txt"),
        "pyproject.toml": common.joinpath("pyproject.toml.txt"),
        f"{module}/__init__.py": own.joinpath("module.py.txt"),
        f"{module}/assistant.toml": common.joinpath("assistant.toml.txt"),
        **({f"{module}/pack.yaml": own.joinpath("pack.yaml.txt")} if chosen.packs else {}),
        f"tests/test_{module}.py": own.joinpath("test_plugin.py.txt"),
    }
    written: list[Path] = []
    try:
        for path, source in sources.items():
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(source.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
            written.append(target)
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}.") from error
    return written


def _module_of(name: str) -> str:
    if not NAME.fullmatch(name) or len(name) > 40:
        raise InputError(
            f"Expected a name of at most 40 lower-case letters, digits and single hyphens; came {name!r}.",
            hint="As in: bird-watch",
        )
    module = name.replace("-", "_")
    taken = keyword.iskeyword(module) or module in sys.stdlib_module_names
    if taken or find_spec(module) is not None:
        raise InputError(f"There is a Python module {module!r} already.", hint="Choose another name.")
    return module
