"""Where two packs differ: principle by principle, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from assistant.packs import PackDifference
from assistant_constitutions.pack import Pack

LISTS = ("principles", "overrides", "tests")


def differences(before: Pack, after: Pack) -> list[PackDifference]:
    """Where two packs differ.

    Args:
        before: the one.
        after: the other.

    Returns:
        One entry for each field that changed, and for each principle, exception and test case that came or went; in the
        order of the fields of a pack, then by id.
    """
    old, new = (pack.model_dump(mode="json", by_alias=True) for pack in (before, after))
    found = list(_fields("pack", _without_lists(old), _without_lists(new)))
    found += _entries("principle", _by(old["principles"], "id"), _by(new["principles"], "id"))
    found += _entries("override", _numbered(old["overrides"]), _numbered(new["overrides"]))
    old_tests, new_tests = _tests(old["tests"]), _tests(new["tests"])
    for key, case in old_tests.items():
        if key in new_tests:
            found += _fields("tests", case, new_tests[key], key[1])
        else:
            found.append(PackDifference(kind="removed", place="tests", before=case))
    found += [
        PackDifference(kind="added", place="tests", after=new_tests[key]) for key in new_tests if key not in old_tests
    ]
    return found


def _entries(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[PackDifference]:
    for key in sorted({*old, *new}):
        place = f"{what} {key}"
        if key not in new:
            yield PackDifference(kind="removed", place=place, before=old[key])
        elif key not in old:
            yield PackDifference(kind="added", place=place, after=new[key])
        else:
            yield from _fields(place, old[key], new[key])


def _fields(place: str, old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[PackDifference]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            field = f"{prefix!r}.{name}" if prefix else name
            yield PackDifference(kind="changed", place=place, field=field, before=old.get(name), after=new.get(name))


def _without_lists(pack: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pack.items() if name not in LISTS}


def _by(entries: list[dict[str, Any]], field: str) -> dict[str, Any]:
    return {entry[field]: entry for entry in entries}


def _numbered(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """By rule; a second exception to the same rule gets a number."""
    found: dict[str, Any] = {}
    for entry in entries:
        key, number = entry["rule"], 2
        while key in found:
            key, number = f"{entry['rule']} ({number})", number + 1
        found[key] = entry
    return found


def _tests(entries: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["role"], entry["text"]): entry for entry in entries}
