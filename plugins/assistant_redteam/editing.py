"""More words for the lists of a pack. Everything else of the file, comments included, stays as somebody wrote it."""

from __future__ import annotations

import json
import re

import yaml

from assistant.pack_text import appended, field_of, items_of, root_of, text_of

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z][A-Za-z' -]*[A-Za-z]")
_READ_AS_OTHER = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


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


def is_form_of(word: str, term: str) -> bool:
    """Whether a word is a term itself or a simple inflection of it (make, makes, making; bomb, bombs)."""
    if word == term:
        return True
    stems = {term, term[:-1]} if term.endswith("e") else {term, term + term[-1:]}
    endings = ("s", "es", "d", "ed", "ing")
    return any(word == stem + ending for stem in stems for ending in endings)


def _scalar(text: str) -> str:
    if _NEEDS_NO_QUOTES.fullmatch(text) and text.lower() not in _READ_AS_OTHER:
        return text
    return json.dumps(text, ensure_ascii=False)
