"""How long the first stage takes for one turn, and each evaluator in it: the median, on one core.

Usage: python benchmarks/first_stage.py [FILE]
FILE holds one question a line; without it, the allowed and refused test cases of the core pack are asked. Every text is
judged once to fill what is remembered of words (as in a running server), then timed with new copies of the texts'
readings. Prints a table and a JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from assistant import Message, Subject, Turn
from assistant_constitutions import load_bundled
from assistant_constitutions.engine import judge
from assistant_safety import register_evaluators

ROUNDS = 5


def main() -> int:
    if len(sys.argv) > 2:
        print(__doc__, file=sys.stderr)
        return 2
    core = load_bundled("core")
    if len(sys.argv) == 2:
        texts = list(filter(str.strip, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
    else:
        texts = [case.text for case in core.tests if case.role == "user"]
    evaluators = {evaluator.name: evaluator for evaluator in register_evaluators()}
    subjects = [
        Subject(turn=Turn(door="test", question=Message(text=text)), part="question", text=text) for text in texts
    ]
    uses: dict[str, list[dict[str, object]]] = {}
    for principle in core.principles:
        if "input" in principle.applies_to:
            for use in principle.evaluators:
                uses.setdefault(use.name, []).append(use.options)

    def whole(subject: Subject) -> None:
        judge((core,), evaluators, subject, frozenset({"input"}))

    def only(name: str) -> Callable[[Subject], None]:
        def look(subject: Subject) -> None:
            for options in uses[name]:
                evaluators[name].evaluate(subject, options)

        return look

    table = {"first stage": _median(whole, subjects), **{name: _median(only(name), subjects) for name in uses}}
    for name, milliseconds in table.items():
        print(f"{name:<20}{milliseconds:8.3f} ms a turn{f', {len(uses[name])} rules' if name in uses else ''}")
    print(json.dumps({"benchmark": "first_stage", "texts": len(texts), "median_ms": table}))
    return 0


def _median(look: Callable[[Subject], None], subjects: list[Subject]) -> float:
    """Each round asks all texts in turn: more than any cache of whole texts holds, so that each is read anew."""
    times: list[float] = []
    for number in range(ROUNDS + 1):
        for subject in subjects:
            start = time.perf_counter()
            look(subject)
            if number:
                times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
