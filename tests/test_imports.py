"""Imports point one way: plugins to `assistant`, some of them to `assistant_vlm`, and nothing back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py"))
MAY_USE_THE_MODEL = {"assistant_visualizers", "assistant_learning", "assistant_backends"}


@dataclass(frozen=True)
class Import:
    """One imported module. ``at_start``: it is imported when the importing module is."""

    module: str
    line: int
    at_start: bool


@dataclass(frozen=True)
class Module:
    """One module of ours with its imports."""

    name: str
    path: Path
    imports: tuple[Import, ...]


def read_package(folder: Path) -> list[Module]:
    """Every module of a package."""
    modules: list[Module] = []
    for path in sorted(folder.rglob("*.py")):
        parts = [folder.name, *path.relative_to(folder).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules.append(Module(name, path, tuple(imports_of(tree, package, at_start=True))))
    return modules


def imports_of(node: ast.AST, package: str, *, at_start: bool) -> Iterator[Import]:
    """The imports below a node; those for type checkers alone are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_start) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
            module = ".".join([*base, *([child.module] if child.module else [])])
            # `from package import module` may import a module too; where it is a name, nothing has that dotted name.
            yield from (Import(f"{module}.{alias.name}", child.lineno, at_start) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            yield from (each for part in child.orelse for each in imports_of(part, package, at_start=at_start))
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(child, package, at_start=at_start and not inside)


CORE = read_package(ROOT / "assistant")
MODEL = read_package(ROOT / "models" / "assistant_vlm")
PLUGIN_MODULES = {name: read_package(ROOT / "plugins" / name) for name in PLUGINS}


def wrong(modules: list[Module], forbidden: set[str], *, at_start_only: bool = False) -> list[str]:
    """Where a module imports one of the forbidden packages."""
    return [
        f"{module.path.relative_to(ROOT)}:{each.line} imports {each.module}"
        for module in modules
        for each in module.imports
        if each.module.split(".")[0] in forbidden and (each.at_start or not at_start_only)
    ]


def test_there_is_something_to_look_at():
    assert {"assistant.runtime", "assistant.cli.main"} <= {module.name for module in CORE}
    assert MODEL
    assert "assistant_safety" in PLUGINS


def test_the_core_knows_no_plugin_and_no_model():
    assert wrong(CORE, {*PLUGINS, "assistant_vlm", "plugins", "models", "training"}) == []


def test_the_core_imports_no_torch_at_start():
    assert wrong(CORE, {"torch", "torchvision", "safetensors", "sentencepiece"}, at_start_only=True) == []


def test_the_model_knows_neither_the_core_nor_a_plugin():
    assert wrong(MODEL, {"assistant", *PLUGINS, "plugins", "models", "training"}) == []


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_knows_no_other_plugin(name: str):
    others = set(PLUGINS) - {name} | {"plugins", "models", "training"}
    others |= set() if name in MAY_USE_THE_MODEL else {"assistant_vlm"}
    assert wrong(PLUGIN_MODULES[name], others) == []


@pytest.mark.parametrize("package", ["assistant", "assistant_vlm", *PLUGINS])
def test_no_module_imports_itself_in_a_circle(package: str):
    modules = {"assistant": CORE, "assistant_vlm": MODEL, **PLUGIN_MODULES}[package]
    assert circles(modules) == []


def circles(modules: list[Module]) -> list[str]:
    """Circles of modules that import each other at start, each as ``a -> b -> a``."""
    names = {module.name for module in modules}
    graph: dict[str, list[str]] = {}
    for module in modules:
        imported = {known(each.module, names) for each in module.imports if each.at_start}
        graph[module.name] = sorted(each for each in imported if each is not None)
    found: list[str] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
            return
        if name in done:
            return
        for following in graph[name]:
            walk(following, [*path, name])
        done.add(name)

    for name in graph:
        walk(name, [])
    return found


def known(dotted: str, names: set[str]) -> str | None:
    """The module that a dotted name is, or is a name of."""
    return next((each for each in (dotted, dotted.rpartition(".")[0]) if each in names), None)


def test_the_finder_of_circles_finds_one(tmp_path: Path):
    package = tmp_path / "ring"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from ring.b import thing\n")
    (package / "b.py").write_text("from . import c\n")
    (package / "c.py").write_text("import ring.a\n")
    (package / "d.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ring.e\ndef f():\n    import ring.e\n"
    )
    (package / "e.py").write_text("import ring.d\n")
    assert circles(read_package(package)) == ["ring.a -> ring.b -> ring.c -> ring.a"]
