"""Small changes to the text of a pack. Everything else of the file, comments included, stays as somebody wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

# The C parser of libyaml where PyYAML was built with it: the same marks in a tenth of the time.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class NewCase:
    """A test case to add: this question is to get this action by this rule."""

    text: str
    expect: Literal["refuse", "ask", "allow"]
    rule: str


def bumped(version: str) -> str:
    """The next version: the last number, without what follows it, is raised by one."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = (match.group() if match else "0").split(".")
    return ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])


def with_version(source: str, version: str) -> str:
    """The pack under another version.

    Args:
        source: the file of a pack that can be loaded.
        version: the new one.
    """
    node = field_of(root_of(source), "version")
    assert node is not None  # a pack without a version is never loaded
    return put(source, node.start_mark.index, node.end_mark.index, json.dumps(version))


def with_cases(source: str, cases: Sequence[NewCase]) -> str:
    """The pack with more test cases at the end of its list."""
    return with_items(
        source,
        "tests",
        [
            f"{{rule: {case.rule}, expect: {case.expect}, text: {json.dumps(case.text, ensure_ascii=False)}}}"
            for case in cases
        ],
    )


def with_items(source: str, name: str, written: list[str]) -> str:
    """The pack with more items at the end of one of its lists, which is made where it is missing or empty.

    Args:
        source: the file of a pack that can be loaded.
        name: the list: a field of the pack.
        written: the items in YAML; further lines of an item are indented from where its first one begins.
    """
    if not written:
        return source
    found = field_of(root_of(source), name)
    if isinstance(found, yaml.SequenceNode) and found.value:
        return appended(source, found, [_indented(each, found.start_mark.column + 2) for each in written])
    block = f"{name}:\n" + "".join(f"  - {_indented(each, 4)}\n" for each in written)
    if found is None:
        return source.rstrip("\n") + "\n\n" + block
    key = source.rindex(name, 0, found.start_mark.index)
    return put(source, key, found.end_mark.index, block.rstrip("\n"))


def cases_of(source: str) -> list[NewCase]:
    """The test cases of a pack that hold a question, with what they expect."""
    found: list[NewCase] = []
    for each in items_of(field_of(root_of(source), "tests")):
        expect: Any = text_of(field_of(each, "expect"))
        if text_of(field_of(each, "role")) in ("", "user"):
            found.append(NewCase(text_of(field_of(each, "text")).strip(), expect, text_of(field_of(each, "rule"))))
    return found


def rules_of(source: str) -> set[str]:
    """The ids of the principles of a pack."""
    return {text_of(field_of(each, "id")) for each in items_of(field_of(root_of(source), "principles"))}


def root_of(source: str) -> yaml.Node:
    """The nodes of a file that holds a pack, with their places in it."""
    root: Any = yaml.compose(source, Loader=_Loader)
    assert isinstance(root, yaml.Node)
    return root


def field_of(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of a field; ``None`` where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def items_of(node: yaml.Node | None) -> list[yaml.Node]:
    """The items of a list; none where it is something else."""
    return node.value if isinstance(node, yaml.SequenceNode) else []


def text_of(node: yaml.Node | None) -> str:
    """What a scalar says; empty where it is something else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def appended(source: str, node: yaml.SequenceNode, written: list[str]) -> str:
    """More items, indented as they are to stand there, at the end of a list that has some."""
    last: yaml.Node = node.value[-1]
    if node.flow_style:
        end = last.end_mark.index
        return put(source, end, end, "".join(f", {each}" for each in written))
    end = len(source[: _end(last)].rstrip())
    indent = " " * node.start_mark.column
    return put(source, end, end, "".join(f"\n{indent}- {each}" for each in written))


def _indented(item: str, column: int) -> str:
    return item.replace("\n", "\n" + " " * column)


def _end(node: yaml.Node) -> int:
    """Where a node ends: a block ends with its last value, not with the comments that follow it."""
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def put(source: str, start: int, end: int, text: str) -> str:
    """A text in the place of characters ``start`` to ``end`` (exclusive)."""
    return source[:start] + text + source[end:]
