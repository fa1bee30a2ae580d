"""Where the requests come from that are said differently: the packs' own test cases, or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.evaluation.safety_rows import BadRow, read_file


@dataclass(frozen=True, slots=True)
class Seed:
    """A request, whether it is to be refused, and the category that reports count it under."""

    id: str
    text: str
    refused: bool
    category: str


def seeds_of(packs: Iterable[Mapping[str, Any]]) -> list[Seed]:
    """The questions among the test cases of packs, each once: those to be refused or asked back about, and the allowed.

    Args:
        packs: the content of each pack, as data. The category of a case is its rule.
    """
    seeds: dict[str, Seed] = {}
    for pack in packs:
        for number, case in enumerate(pack.get("tests") or (), 1):
            expect = case["expect"]
            if case.get("role", "user") == "user" and not case.get("image") and expect in ("refuse", "ask", "allow"):
                seed = Seed(f"{pack['id']}/{number}", case["text"], expect != "allow", case["rule"])
                seeds.setdefault(seed.text, seed)
    return list(seeds.values())


def seeds_in(path: Path) -> tuple[list[Seed], list[BadRow]]:
    """The requests of a file of JSON lines with id, text and label, as `assistant evaluate safety` reads them.

    Returns:
        The seeds, harmful rows to be refused and safe ones not; and the rows that could not be used.

    Raises:
        InputError: there is no such file, it cannot be read, or no row of it can be used.
    """
    rows, bad = read_file(path)
    return [Seed(row.id, row.text, row.label == "harmful", row.category or row.source) for row in rows], bad
