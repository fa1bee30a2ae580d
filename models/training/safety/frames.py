"""More contrasts by rule: requests read as frames with slots (who does what, to whom, by what means, in which stance),
and twins that differ in one slot. The tables are data (``frames.yaml``).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from training.safety.sources import Row

_TABLES: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_SLOT = re.compile(r"\{(\w+)\}")
_TRIES = 200
"""So many draws in a row without a new pair, and the tables are taken to be used up."""


def framed(pairs: int, seed: int = 0) -> Iterator[Row]:
    """Pairs of a harmful and a harmless request.

    Args:
        pairs: how many; fewer come where the tables hold fewer.
        seed: of the choice.

    Yields:
        Rows of the source ``frames``, two for each pair.
    """
    chance = random.Random(seed)
    seen: set[str] = set()
    made = failed = 0
    while made < pairs and failed < _TRIES:
        table = chance.choice(_TABLES["pairs"])
        bad, good = _twins(table, chance)
        if bad in seen or good in seen:
            failed += 1
            continue
        seen.update((bad, good))
        made, failed = made + 1, 0
        yield Row(bad, True, table["category"], "frames")
        yield Row(good, False, "", "frames")


def _twins(table: dict[str, Any], chance: random.Random) -> tuple[str, str]:
    if "x" in table:
        x = chance.choice(table["x"])
        texts = [chance.choice(table[name]).replace("{x}", x) for name in ("bad frames", "good frames")]
    else:
        frame = chance.choice(table["frames"])
        texts = [frame.replace("{x}", chance.choice(table[name])) for name in ("bad", "good")]
    # A slot that stands in both is filled alike.
    filled = {name: chance.choice(_TABLES["slots"][name]) for name in sorted(set(_SLOT.findall("".join(texts))))}
    bad, good = (_SLOT.sub(lambda slot: filled[slot.group(1)], text).strip() for text in texts)
    return bad[0].upper() + bad[1:], good[0].upper() + good[1:]
