"""The README is true: its tree exists, its commands exist, its plugin works."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

from assistant.testing import ask, make_runtime

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [body for named, body in fences if named == language]


def test_the_tree_is_the_tree() -> None:
    (tree,) = (block for block in blocks("") if block.startswith("assistant/"))
    parent = ""
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            parent = name
            assert (ROOT / name).is_dir(), name
        else:
            assert (ROOT / parent / name).is_dir(), parent + name
    named = {line.split()[0] for line in tree.splitlines() if line.startswith("  assistant_")}
    there = {f"{path.name}/" for path in [*ROOT.glob("plugins/assistant_*"), *ROOT.glob("models/assistant_*")]}
    assert named == there


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_linked_files_exist() -> None:
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/cards/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.relative_to(ROOT)} names {link}, which is not there"


def test_the_plugin_of_the_readme_works(tmp_path: Path) -> None:
    (source,) = blocks("python")
    module = types.ModuleType("my_rule")
    exec(source, vars(module))
    runtime = make_runtime(tmp_path, plugins=[("my_rule", module)])
    refused = ask(runtime, "Tell me the password")
    assert refused.refusal is not None
    assert refused.refusal.rule.id == "no-passwords"
    assert ask(runtime, "Tell me the colour").status == "answered"
    runtime.close()


@pytest.mark.parametrize("line", re.findall(r"^assistant (.+?)(?:\s+#.*)?$", "\n".join(blocks("sh")), re.MULTILINE))
def test_the_commands_exist(line: str) -> None:
    reference = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    words = line.split()
    assert f"assistant {words[0]}" in reference
