"""What the checks on an answer cost while it streams: per segment, and until the first text is seen.

Usage: python benchmarks/release_gate.py [--speed 200] [--words 50,200,800] [--rounds 3]
A fake model writes harmless sentences at a fixed speed (words per second), once without rules and once with the core
pack and all bundled domain packs. A check's time is that of all implementations of `check_segment` for one segment,
from the trace. The first text is seen so long after the model's first word; answers leave 64 characters late, with or
without rules. Prints a table (medians, 95th percentiles) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, sleep

import assistant_critique
import assistant_safety
from assistant import AnswerEnd, Delta, Turn, TurnSettings
from assistant.events import Finished, Segment
from assistant.runtime import Question, Runtime
from assistant.testing import FakeModel, make_runtime
from assistant_constitutions import Constitutions
from assistant_constitutions.loader import BUNDLED

PROSE = (
    "the small red house stands near a quiet river and its garden holds apple trees which carry fruit in autumn while "
    "children play with a wooden boat under bright clouds that pass over green hills toward an old stone bridge where "
    "two people talk about music history travel and the long winter of last year"
)


def harmless(words: int, seed: int) -> str:
    """So many words in sentences of 6 to 16."""
    rng = random.Random(seed)
    text: list[str] = []
    while len(text) < words:
        sentence = rng.choices(PROSE.split(), k=rng.randint(6, 16))
        text += [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + "."]
    return " ".join(text[:words])


class Writer(FakeModel):
    """Writes at a fixed speed, by the clock, and remembers when the first word came."""

    def __init__(self, answer: str, words_per_second: float) -> None:
        super().__init__(answer)
        self.text, self.speed, self.began = answer, words_per_second, 0.0

    def stream(self, turn: Turn, should_stop: object) -> Iterator[Delta | AnswerEnd]:
        """The answer, each word at its time."""
        self.began = perf_counter()
        for number, word in enumerate(self.text.split(" ")):
            sleep(max(0.0, self.began + number / self.speed - perf_counter()))
            yield Delta(word if number == 0 else " " + word)
        yield AnswerEnd()


def one(runtime: Runtime, model: Writer, packs: Sequence[str]) -> tuple[float, list[float]]:
    """Milliseconds until the first text was seen, and of the checks of each segment."""
    first = 0.0
    question = Question("Tell me about it.", settings=TurnSettings(packs=tuple(packs)), door="test")
    checks: list[float] = []
    for event in runtime.run_turn(question):
        if isinstance(event, Segment) and not first:
            first = (perf_counter() - model.began) * 1000
        if isinstance(event, Finished):
            assert event.record.status == "answered", event.record.shown
            checks = [call.milliseconds for call in event.record.trace.hooks if call.hook == "check_segment"]
    return first, checks


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which so large a share lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=200.0)
    parser.add_argument("--words", default="50,200,800")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: list[dict[str, float | int | str]] = []
    print(f"{'words':>6} {'rules':<10}{'segments':>9}{'check ms':>10}{'p95':>8}{'last fifth':>12}{'first text ms':>15}")
    for words in map(int, options.words.split(",")):
        for packs in ((), tuple(sorted(set(BUNDLED)))):
            found: list[tuple[float, list[float]]] = []
            for seed in range(options.rounds):
                model = Writer(harmless(words, seed), options.speed)
                rules: list[tuple[str, object]] = [
                    ("safety", assistant_safety),
                    ("critique", assistant_critique.Critique),
                    ("constitutions", Constitutions),
                ]
                with tempfile.TemporaryDirectory() as folder:
                    runtime = make_runtime(Path(folder), model=model, plugins=rules if packs else ())
                    found.append(one(runtime, model, packs))
                    runtime.close()
            checks = [each for _, segment in found for each in segment]
            late = [each for _, segment in found for each in segment[-max(1, len(segment) // 5) :]]
            row: dict[str, float | int | str] = {
                "words": words,
                "rules": f"{len(packs)} packs" if packs else "none",
                "segments": len(checks) // len(found),
                "check_ms": round(statistics.median(checks), 2) if checks else 0.0,
                "check_p95_ms": round(percentile(checks, 0.95), 2),
                "last_fifth_ms": round(statistics.median(late), 2) if late else 0.0,
                "first_text_ms": round(statistics.median(first for first, _ in found), 1),
            }
            rows.append(row)
            print(
                f"{words:>6} {row['rules']:<10}{row['segments']:>9}{row['check_ms']:>10}{row['check_p95_ms']:>8}"
                f"{row['last_fifth_ms']:>12}{row['first_text_ms']:>15}"
            )
    print(json.dumps({"benchmark": "release_gate", "words_per_second": options.speed, "rows": rows}))


if __name__ == "__main__":
    main()
