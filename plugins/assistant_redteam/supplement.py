"""A pack of additions to one that comes with the program and is not replaced: copies of its rules, to be widened."""

from __future__ import annotations

import json
from collections.abc import Collection

import yaml

from assistant.pack_text import appended, field_of, items_of, put, root_of, rules_of, text_of

SUFFIX = "-more"
"""The additions to `core` are the pack `core-more`."""
PREFIX = "more."
"""The copy of the rule `harm.weapons` is `more.harm.weapons`."""
FIRST_VERSION = "0.0.0"
"""Before anything is added; the first draft is one above it."""


def supplement_id(pack: str) -> str:
    """The id of the pack of additions."""
    return pack[: 64 - len(SUFFIX)] + SUFFIX


def copied_rule(rule: str) -> str:
    """The id of the copy of a rule; that of a copy stays."""
    return rule if rule.startswith(PREFIX) else PREFIX + rule


def new_supplement(base: str) -> str:
    """A pack of additions without any rule yet; `with_rules` adds them.

    Args:
        base: the file of the pack that gets additions.
    """
    root = root_of(base)
    pack = text_of(field_of(root, "id"))
    title = f"Additions to {text_of(field_of(root, 'title'))}"
    lines = [
        f"# Rules of the pack {pack} with more words in their lists. The rules of {pack} itself stay as they are.",
        f"id: {supplement_id(pack)}",
        f"version: {json.dumps(FIRST_VERSION)}",
        f"title: {json.dumps(title, ensure_ascii=False)}",
        f"domain: {json.dumps(text_of(field_of(root, 'domain')), ensure_ascii=False)}",
        f"licence: {json.dumps(text_of(field_of(root, 'licence')), ensure_ascii=False)}",
        "",
        "principles:",
    ]
    return "\n".join(lines) + "\n"


def with_rules(source: str, base: str, rules: Collection[str]) -> str:
    """The pack of additions with copies of some rules of the base, word for word, and of the test cases of these rules.

    Args:
        source: the pack of additions, from `new_supplement` or as it was accepted earlier.
        base: the file of the pack that gets additions.
        rules: ids of rules of the base; those that are copied already are left as they are.
    """
    there = rules_of(source)
    wanted = {rule for rule in rules if copied_rule(rule) not in there}
    root = root_of(base)
    for name, key_of_rule in (("principles", "id"), ("tests", "rule")):
        blocks = [
            _copy(base, each, key_of_rule)
            for each in items_of(field_of(root, name))
            if text_of(field_of(each, key_of_rule)) in wanted
        ]
        found = field_of(root_of(source), name)
        if not blocks:
            continue
        if isinstance(found, yaml.SequenceNode) and found.value:
            source = appended(source, found, blocks)
        else:
            key = "" if found is not None else f"\n{name}:\n"
            source = source.rstrip("\n") + "\n" + key + "".join(f"  - {block}\n" for block in blocks)
    return source


def _copy(base: str, node: yaml.Node, name: str) -> str:
    """An item of a block list of the base as it stands there, under the id of the copy, for a list indented by two."""
    rule = field_of(node, name)
    assert rule is not None  # every rule and every case of a pack that can be loaded has one
    start, end = node.start_mark.index, node.end_mark.index
    text = put(base[:end], rule.start_mark.index, rule.end_mark.index, copied_rule(text_of(rule)))[start:].rstrip()
    lines = text.split("\n")
    while not lines[-1].strip() or lines[-1].lstrip().startswith("#"):  # what stands before the next item
        lines.pop()
    shift = 4 - node.start_mark.column
    moved = (" " * shift + line if shift > 0 else line[-shift:] for line in lines[1:])
    return "\n".join([lines[0], *moved]).rstrip()
