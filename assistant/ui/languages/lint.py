"""What is wrong with the texts of the page: ``python -m assistant.ui.languages.lint``; exit code 1 where something is.

- A text in the code that a catalogue lacks, and a text in a catalogue that no code uses.
- A translation whose braces are not those of the English text, or that is empty, or has too few plural forms.
- A sentence in the page's code that is not inside `tr`, `trn` or `later`.
- A sentence of an error that reaches the page, from the modules in `TOLD`, that a catalogue lacks.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.ui.languages.current import LANGUAGES

ROOT = Path(__file__).parents[3]
_WORD = re.compile(r"[A-Za-z]{2,}")
_NAMED = re.compile(r"\{(\w+)\}")
_MARKED = {"tr", "trn", "later"}

TOLD = (
    "assistant/accounts/accounts.py",
    "assistant/accounts/passwords.py",
    "assistant/appeals.py",
    "assistant/backends.py",
    "assistant/chat_files/importing.py",
    "assistant/downloads.py",
    "assistant/events.py",
    "assistant/fetching.py",
    "assistant/generation.py",
    "assistant/harmless_part.py",
    "assistant/intake.py",
    "assistant/panels.py",
    "assistant/person.py",
    "assistant/plugin_choices.py",
    "assistant/pointing.py",
    "assistant/runtime.py",
    "assistant/store/store.py",
    "assistant/turn_run.py",
    "assistant/ui",
    "assistant/versions.py",
)
"""Where errors are made that reach the page."""

_ATTRIBUTES = frozenset({"aria_label", "title", "placeholder", "alt", "label", "summary"})
"""Attributes of elements that a person reads."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package with texts: its catalogues, its code, and the code whose errors reach the page."""

    translations: Path
    code: tuple[Path, ...]
    told: tuple[Path, ...] = ()


def packages() -> list[Package]:
    """Ours."""
    page = (ROOT / "assistant" / "ui", ROOT / "assistant" / "api" / "login")
    packs = ROOT / "plugins" / "assistant_constitutions"
    return [
        Package(ROOT / "assistant/ui/translations", page, tuple(ROOT / each for each in TOLD)),
        Package(packs / "translations", (packs / "panel",), (packs / "panel", packs / "keeper.py")),
    ]


def findings(package: Package, every: Sequence[Package]) -> Iterator[str]:
    """What is wrong with the texts of one package, a line each. ``every`` is all packages: one may use another's."""
    from babel.messages.pofile import read_po

    marked, told = _keys(package.code), _told(package.told)
    wanted = marked | told
    borrowed = set[str]()
    for other in every:
        if other is not package:
            borrowed |= _keys(other.code).keys() | _told(other.told).keys()
    # Whatever stands in the code may be told: notes, receipts, the words of steps.
    standing = set(_strings([ROOT / "assistant", ROOT / "plugins"])) if package.told else set[str]()
    for language in LANGUAGES:
        if language == "en":
            continue
        file = package.translations / f"{language}.po"
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=language, abort_invalid=True)
        known: dict[str, tuple[str, ...]] = {}
        for message in catalogue:
            key = message.id if isinstance(message.id, str) else message.id[0]
            if not key:
                continue
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            known[key] = forms
            if key not in wanted and key not in standing:
                yield f"{name}: nobody uses “{key}”"
            if not all(forms):
                yield f"{name}: “{key}” is not translated"
            if message.fuzzy:
                yield f"{name}: “{key}” is marked as doubtful (fuzzy)"
            if not isinstance(message.id, str) and len(forms) != catalogue.num_plurals:
                yield f"{name}: “{key}” needs {catalogue.num_plurals} plural forms and has {len(forms)}"
            english = set(_NAMED.findall(key))
            for form in forms:
                found = set(_NAMED.findall(form))
                # A form for one or two things may say the number in words.
                if found != english and not (len(forms) > 1 and found | {"count"} == english | {"count"}):
                    yield f"{name}: the braces of “{form}” are not those of “{key}”"
        for key, place in wanted.items():
            if key not in known and key not in borrowed:
                yield f"{name}: “{key}” is missing ({place})"


def _keys(folders: Sequence[Path]) -> dict[str, str]:
    """The texts inside `tr`, `trn` and `later`, each with where it stands."""
    found: dict[str, str] = {}
    for place, tree in _trees(folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in _MARKED and node.args:
                for key, _ in _texts(node.args[0]):
                    found[key] = f"{place}:{node.lineno}"
    return found


def _told(folders: Sequence[Path]) -> dict[str, str]:
    """The sentences of errors and receipts, their values as numbered braces."""
    found: dict[str, str] = {}
    for place, tree in _trees(folders):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            if name in ("RuntimeError", "TypeError", "ValueError", "KeyError", "OSError", "AssertionError"):
                continue  # mistakes of ours, which no person reads
            parts: list[ast.expr] = []
            if name == "Receipt" or name.endswith("Error") or name in ("NotFound", "TooManyImages", "EmptyQuestion"):
                parts = [*node.args[:1], *(each.value for each in node.keywords if each.arg in ("hint", "message"))]
            for part in parts:
                for key, line in _texts(part):
                    if _WORD.search(key) and " " in key:
                        found[key] = f"{place}:{line}"
    return found


def _strings(folders: Sequence[Path]) -> Iterator[str]:
    for _, tree in _trees(folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr):
                for key, _ in _texts(node):
                    yield key
                    yield " ".join(re.split(r"(?<=[.!?])\s", key, maxsplit=1)[0].split())  # what a docstring is about


def _texts(node: ast.expr) -> Iterator[tuple[str, int]]:
    """The text of an expression, or of both its sides, with the values in it as numbered braces."""
    match node:
        case ast.Constant(value=str(value)):
            yield value, node.lineno
        case ast.IfExp():
            yield from _texts(node.body)
            yield from _texts(node.orelse)
        case ast.JoinedStr():
            pieces, number = "", 0
            for each in node.values:
                if isinstance(each, ast.Constant):
                    pieces += str(each.value)
                else:
                    pieces += f"{{{number}}}"
                    number += 1
            yield pieces, node.lineno
        case _:
            pass


def bare(folders: Sequence[Path]) -> Iterator[str]:
    """Sentences for a person in the page's code that are not translated, a line each.

    They are looked for where a person reads: in the content and the spoken attributes of elements, in what `said`,
    `phase`, `press` and `send` say.
    """
    for place, tree in _trees(folders):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            read: list[ast.expr] = []
            if name == "tag" and node.args and not _is(node.args[0], "code", "h1"):
                read = list(node.args[1:])
            elif name in ("said", "phase", "send", "_problem", "join"):
                read = list(node.args[:1])
            elif name == "press":
                read = list(node.args[2:3])
            read += [each.value for each in node.keywords if each.arg in _ATTRIBUTES]
            for each in read:
                for text, line in _texts(each):
                    if re.search(r"[A-Za-z]{2,}", _NAMED.sub("", text)) and not _is_name(text):
                        yield f"{place}:{line}: “{text}” is not translated: put it inside tr(...)"


def _is_name(text: str) -> bool:
    """Whether it is the name of something, the same in every language."""
    return re.fullmatch(r"(\{\d\}|[ ,.:;·#()“”%/-]|SHA-256|MB|Glassbox|https://|words)*", text) is not None


def _is(node: ast.expr, *values: str) -> bool:
    return isinstance(node, ast.Constant) and node.value in values


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _trees(folders: Sequence[Path]) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            name = str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def main() -> int:
    """Print what is wrong."""
    every = packages()
    found = [line for package in every for line in (*findings(package, every), *bare(package.code))]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
