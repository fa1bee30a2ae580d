"""A checking hook in a child process beside the same hook inside the program: the start, and one guarded call.

Usage: python benchmarks/plugin_child.py [--calls N]
Prints a table (alternating rounds in one run) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

from assistant.extensions import GROUP, Extensions
from assistant.judgement import accept_verdicts
from assistant.messages import Message, Turn
from assistant.plugin_store.lock import Lock, Locked, hashes, packages, write_lock
from assistant.settings import Settings

SOURCE = "from assistant import hookimpl\n@hookimpl\ndef before_turn(turn):\n    return None\n"
ROUNDS = 5


def installed(folder: Path, *, trusted: bool) -> Settings:
    """A data folder with one plugin that lets everything pass."""
    place = packages(folder) / "passes"
    place.mkdir(parents=True)
    module = f"passes_{'inside' if trusted else 'child'}"
    (place / f"{module}.py").write_text(SOURCE)
    locked = Locked(
        name="passes",
        version="1",
        source="a benchmark",
        folder="passes",
        sha256="",
        files=hashes(place),
        entries={"passes": module},
        hooks=("before_turn",),
        trusted=trusted,
        installed_at=datetime.now(UTC),
    )
    write_lock(folder, Lock(plugins={"passes": locked}))
    return Settings(data_dir=folder, disabled_plugins=frozenset(each.name for each in entry_points(group=GROUP)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    calls: int = parser.parse_args().calls
    turn = Turn(question=Message(text="what is this?"))
    starts: dict[str, list[float]] = {"inside": [], "child": []}
    spent: dict[str, list[float]] = {"inside": [], "child": []}
    for _ in range(ROUNDS):
        for kind in starts:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                settings = installed(Path(folder), trusted=kind == "inside")
                begin = time.perf_counter()
                extensions = Extensions(settings)
                starts[kind].append(time.perf_counter() - begin)
                assert extensions.status["passes"].state == "working"
                for _ in range(calls):
                    begin = time.perf_counter()
                    (answer,) = extensions.call("before_turn", {"turn": turn}, accept_verdicts)
                    spent[kind].append((time.perf_counter() - begin) * 1000)
                    assert answer.error is None
                extensions.close()
    print("| where | start, s | a call, ms | 95 % |\n| --- | --- | --- | --- |")
    result: dict[str, dict[str, float]] = {}
    for kind in starts:
        row = {
            "start_s": round(statistics.median(starts[kind]), 3),
            "call_ms": round(statistics.median(spent[kind]), 3),
            "call_p95_ms": round(statistics.quantiles(spent[kind], n=20)[-1], 3),
        }
        result[kind] = row
        print(f"| {kind} | {row['start_s']} | {row['call_ms']} | {row['call_p95_ms']} |")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
