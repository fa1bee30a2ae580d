"""Small changes to the text of a pack. Everything else of the file, comments included, stays as somebody wrote it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import yaml

# The C parser of libyaml where PyYAML was built with it: the same marks in a tenth of the time.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z][A-Za-z' -]*[A-Za-z]")
_READ_AS_OTHER = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


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


def with_cases(source: str, cases: list[NewCase]) -> str:
    """The pack with more test cases at the end of its list."""
    if not cases:
        return source
    written = [
        f"{{rule: {case.rule}, expect: {case.expect}, text: {json.dumps(case.text, ensure_ascii=False)}}}"
        for case in cases
    ]
    tests = field_of(root_of(source), "tests")
    if isinstance(tests, yaml.SequenceNode) and tests.value:
        return appended(source, tests, written)
    block = "tests:\n" + "".join(f"  - {each}\n" for each in written)
    if tests is None:
        return source.rstrip("\n") + "\n\n" + block
    key = source.rindex("tests", 0, tests.start_mark.index)
    return put(source, key, tests.end_mark.index, block.rstrip("\n"))


def with_term(source: str, rule: str, before: str, after: str) -> tuple[str, list[str]]:
    """The pack with one more term in every list of words in which this rule looks for the old one.

    Lists that only take a suspicion back (`unless`) are left alone: a term there would loosen the rule.

    Args:
        source: the file of a pack that can be loaded.
        rule: the id of a principle.
        before: the word or phrase that was said until now, in any simple inflection.
        after: what is said in its place.

    Returns:
        The new text and the names of the lists that got the term; none where no list holds the old one, or all of them
        have the new one already.
    """
    names: list[str] = []
    for _ in range(100):  # one list at a time, because every change moves the marks behind it
        found = _list_without(root_of(source), rule, before, after)
        if found is None:
            break
        name, node = found
        source = appended(source, node, [_scalar(after)])
        names.append(name)
    return source, names


def _list_without(root: yaml.Node, rule: str, before: str, after: str) -> tuple[str, yaml.SequenceNode] | None:
    """The first list of the rule's `lexical` evaluators that holds the old term and not the new one."""
    for principle in items_of(field_of(root, "principles")):
        if text_of(field_of(principle, "id")) != rule:
            continue
        for use in items_of(field_of(principle, "evaluators")):
            options = field_of(use, "options")
            if text_of(field_of(use, "name")) != "lexical" or options is None:
                continue
            looked_for = {
                text_of(name)
                for pattern in items_of(field_of(options, "patterns"))
                for name in items_of(field_of(pattern, "all_of"))
            }
            words = field_of(options, "words")
            for key, node in words.value if isinstance(words, yaml.MappingNode) else ():
                terms = [text_of(term) for term in items_of(node)]
                holds = any(is_form_of(before, term.removeprefix("=")) for term in terms)
                if key.value in looked_for and holds and after not in terms and node.value:
                    return str(key.value), node
    return None


def rules_of(source: str) -> set[str]:
    """The ids of the principles of a pack."""
    return {text_of(field_of(each, "id")) for each in items_of(field_of(root_of(source), "principles"))}


def is_form_of(word: str, term: str) -> bool:
    """Whether a word is a term itself or a simple inflection of it (make, makes, making; bomb, bombs)."""
    if word == term:
        return True
    stems = {term, term[:-1]} if term.endswith("e") else {term, term + term[-1:]}
    endings = ("s", "es", "d", "ed", "ing")
    return any(word == stem + ending for stem in stems for ending in endings)


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
    """More items at the end of a list that has some."""
    last: yaml.Node = node.value[-1]
    if node.flow_style:
        end = last.end_mark.index
        return put(source, end, end, "".join(f", {each}" for each in written))
    end = len(source[: _end(last)].rstrip())
    indent = " " * node.start_mark.column
    return put(source, end, end, "".join(f"\n{indent}- {each}" for each in written))


def _end(node: yaml.Node) -> int:
    """Where a node ends: a block ends with its last value, not with the comments that follow it."""
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _scalar(text: str) -> str:
    if _NEEDS_NO_QUOTES.fullmatch(text) and text.lower() not in _READ_AS_OTHER:
        return text
    return json.dumps(text, ensure_ascii=False)


def put(source: str, start: int, end: int, text: str) -> str:
    """A text in the place of characters ``start`` to ``end`` (exclusive)."""
    return source[:start] + text + source[end:]
