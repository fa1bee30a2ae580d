"""How many harmful requests the enabled packs refuse, and how many safe ones, by file, with 95 % Wilson intervals.

Usage: python benchmarks/safety_rates.py FOLDER
FOLDER holds JSON-lines files with the fields ``text`` and ``label`` (harmful or safe). Prints a table and a JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from assistant.errors import InputError
from assistant.evaluation.metrics import wilson
from assistant.runtime import Runtime
from assistant.settings import Settings


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    rows: list[dict[str, object]] = []
    milliseconds: list[float] = []
    with tempfile.TemporaryDirectory() as data:
        runtime = Runtime(Settings(data_dir=Path(data)))
        for file in sorted(Path(sys.argv[1]).rglob("*.jsonl")):
            counts: dict[str, list[int]] = {}
            for line in filter(str.strip, file.read_text(encoding="utf-8").split("\n")):
                case = json.loads(line)
                count = counts.setdefault(case["label"], [0, 0])
                try:
                    result = runtime.check(case["text"])
                except InputError:
                    continue
                milliseconds.append(result.milliseconds)
                count[0] += result.refusal is not None
                count[1] += 1
            rows += [
                {"file": file.stem, "label": label, "refused": hits, "total": total, "interval": wilson(hits, total)}
                for label, (hits, total) in sorted(counts.items())
                if total
            ]
        runtime.close()
    print(f"{'file':<28}{'label':<10}{'texts':>7}{'refused':>10}   95 % interval")
    for label in ("harmful", "safe"):
        mine = [row for row in rows if row["label"] == label]
        hits, total = sum(int(str(row["refused"])) for row in mine), sum(int(str(row["total"])) for row in mine)
        if not total:
            continue
        mine.append({"file": "all", "label": label, "refused": hits, "total": total, "interval": wilson(hits, total)})
        for row in mine:
            low, high = row["interval"]  # type: ignore[misc]
            share = int(str(row["refused"])) / int(str(row["total"]))
            print(f"{row['file']:<28}{label:<10}{row['total']:>7}{share:>9.1%}   {low:.1%} to {high:.1%}")
    median = statistics.median(milliseconds)
    print(f"median time of a check: {median:.2f} ms")
    print(json.dumps({"benchmark": "safety_rates", "rows": rows, "median_ms": median}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
