"""The rows that were written by hand for this project: ``written/harmful*.txt`` by category, ``written/safe*.txt`` by
kind."""

from __future__ import annotations

from pathlib import Path

from training.safety.sources import CATEGORIES, Row

_FOLDER = Path(__file__).parent / "written"


LATER = ("fourth", "fifth", "sixth", "witnesses")
"""Files with rows from which the weighted sum gained nothing: with them, it refused more ordinary chat."""


def written(later: bool = True) -> list[Row]:
    """All rows written by hand.

    Args:
        later: also those of the files in `LATER`.

    Raises:
        ValueError: a section of the harmful rows is no category.
    """
    rows: list[Row] = []
    for file in sorted(_FOLDER.glob("*.txt")):
        if not later and file.stem.endswith(LATER):
            continue
        section = ""
        harmful = file.stem.startswith("harmful")
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("# "):
                continue
            if line.startswith("["):
                section = line.strip("[]")
                if harmful and section not in CATEGORIES:
                    raise ValueError(f"{file}: expected a category out of {', '.join(CATEGORIES)}; came {section!r}")
                continue
            rows.append(Row(line.strip(), harmful, section if harmful else "", "written"))
    return rows
