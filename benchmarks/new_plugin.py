"""From an empty folder to a rule of one's own that is at work, by the commands of the tutorial: how long each takes.

Usage: python benchmarks/new_plugin.py [--rounds N]
Prints a table (medians) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = (
    ("plugins new --kind evaluator calm-down", 0),
    ("plugins test calm-down", 0),
    ("plugins install calm-down --yes", 0),
    ("packs enable calm-down", 0),
    ("ask WHAT COLOUR IS THIS", 1),
)
"""Each command with the exit code that it should end with; 1: the question is refused, by the new rule."""


def one_round() -> dict[str, float]:
    """Seconds by command."""
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSBOX_")}
        own = {"GLASSBOX_DATA_DIR": str(Path(place, "data")), "XDG_CONFIG_HOME": str(Path(place, "config"))}
        for line, code in STEPS:
            first, *rest = line.split()
            words = ["ask", " ".join(rest)] if first == "ask" else [first, *rest]
            begin = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "assistant.cli.main", *words],
                cwd=place,
                env=kept | own,
                capture_output=True,
                text=True,
            )
            times[line] = time.perf_counter() - begin
            if done.returncode != code:
                raise SystemExit(f"{line}: expected the exit code {code}, got {done.returncode}.\n{done.stderr}")
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds: int = parser.parse_args().rounds
    found = [one_round() for _ in range(rounds)]
    median = {line: statistics.median(each[line] for each in found) for line, _ in STEPS}
    whole = statistics.median(sum(each.values()) for each in found)
    print("| command | seconds |\n| --- | --- |")
    for line, seconds in median.items():
        print(f"| `assistant {line}` | {seconds:.1f} |")
    print(f"| all of it | {whole:.1f} |")
    print(json.dumps({"benchmark": "new_plugin", "rounds": rounds, "seconds": median, "all": whole}))


if __name__ == "__main__":
    main()
