"""Every figure of the product as a whole, one benchmark after the other, into one file.

Usage: python -m benchmarks.product [--to FILE] [--only NAME ...] [--nemo PYTHON] [--llm-guard PYTHON]
Meant for a quiet machine with two cores, where it takes under ten minutes; `benchmarks.soak` takes half an hour and is
run by itself. Each benchmark runs in a process of its own; what it prints goes into the file as it comes, with how long
it took, and one that fails or takes too long is named there and does not stop the others.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST = 240
"""Seconds that one of them may take."""


def commands(nemo: str, guard: str) -> dict[str, list[str]]:
    """What is run, by name."""
    peers = [*(["--nemo", nemo] if nemo else []), *(["--llm-guard", guard] if guard else [])]
    return {
        "overhead": ["benchmarks.overhead", "--rounds", "7", "--turns", "40", *peers],
        "hooks": ["benchmarks.hooks"],
        "streaming": ["benchmarks.streaming", "--rounds", "3", "--tokens", "300"],
        "streams": ["benchmarks.streaming", "--rounds", "3", "--tokens", "200", "--at-once", "16"],
        "cold_start": ["benchmarks.cold_start", "--rounds", "3"],
        "footprint": ["benchmarks.footprint"],
        "crowd": ["benchmarks.crowd"],
        "chats_at_once": ["benchmarks.chats_at_once"],
    }


def run(name: str, command: Sequence[str]) -> str:
    """What one of them printed, under its name."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")])
    begin = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        ended = "" if done.returncode == 0 else f"\nended with {done.returncode}: {done.stderr[-1500:]}"
        said = done.stdout + ended
    except subprocess.TimeoutExpired:
        said = f"not done within {LONGEST} s"
    return f"## {name}: python -m {' '.join(command)} ({time.monotonic() - begin:.0f} s)\n\n{said.rstrip()}\n"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, metavar="FILE", help="besides standard output")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="not all of them")
    parser.add_argument("--nemo", default="", metavar="PYTHON", help="an interpreter that has nemoguardrails")
    parser.add_argument("--llm-guard", default="", metavar="PYTHON", help="an interpreter that has llm-guard")
    options = parser.parse_args()
    known = commands(options.nemo, options.llm_guard)
    unknown = sorted(set(options.only or ()) - set(known))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are: {', '.join(known)}")
    load = os.getloadavg()[0]
    parts = [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}\n"]
    for name, command in known.items():
        if not options.only or name in options.only:
            parts.append(run(name, command))
            print(parts[-1], flush=True)
            if options.to:
                options.to.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
