"""What the house costs around a model: a whole turn under six packs, a refused one, and two other guards beside it.

Usage: python benchmarks/overhead.py [--rounds 7] [--turns 40] [--nemo PYTHON] [--llm-guard PYTHON]
Every program runs in a process of its own, and they take turns: milliseconds of the processor for one turn, all threads
of the process together. The model answers at once, so that nothing but the house is left; ``the model alone`` is
subtracted from ours. Ours is what people get: all plugins, the six bundled packs in force (six evaluators look at the
question, five at the answer), trace, verdicts, audit leaf and one committed transaction, each question a new one.
``refused`` is a question that the core pack refuses; no model is asked. The other two need interpreters that have
``nemoguardrails`` or ``llm-guard``; without one they are not measured.
Prints a table (medians of the rounds) and a final JSON line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from side_by_side import Subject, serve, spent

KINDS = {"whole": "Glassbox, a whole turn", "refused": "Glassbox, a refused question", "alone": "the model alone"}
NOUNS = ("circle", "square", "triangle", "star", "tree", "house", "boat", "cat", "dog", "bridge", "river", "cloud")
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "black", "white", "brown", "grey")


def question(rng: random.Random) -> str:
    """A harmless question that has not been asked before."""
    one, other = rng.choice(NOUNS), rng.choice(NOUNS)
    return (
        f"How many {rng.choice(COLOURS)} {one}s are left of the {rng.choice(COLOURS)} {other} {rng.randint(1, 9999)}?"
    )


def answer(rng: random.Random) -> list[str]:
    """The words of two harmless sentences."""
    text = " ".join(
        f"There are {rng.randint(2, 99)} {rng.choice(COLOURS)} {rng.choice(NOUNS)}s near the {rng.choice(NOUNS)}."
        for _ in range(2)
    )
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def ours() -> None:
    """Answer until standard input ends; each line is a kind of turn and how many of them."""
    from assistant import AnswerEnd, Delta, Turn
    from assistant.messages import Message
    from assistant.runtime import Question, finish
    from assistant.testing import FakeModel, make_runtime

    rng = random.Random(0)
    asked = itertools.count()

    class AtOnce(FakeModel):
        """Writes words at once."""

        def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
            """The answer."""
            next(asked)
            yield from map(Delta, answer(rng))
            yield AnswerEnd(confidence=0.9)

    model = AtOnce()
    with tempfile.TemporaryDirectory() as folder:
        runtime = make_runtime(Path(folder), model=model, discover=True, hook_seconds=60.0)
        for pack in runtime.packs.summaries():
            if pack.state == "off":
                runtime.packs.enable(pack.id, None, "benchmark")

        def whole() -> None:
            record = finish(runtime.run_turn(Question(question(rng), door="test")))
            assert record.status == "answered", record.shown
            assert len(record.trace.packs) == 6, record.trace.packs

        def refused() -> None:
            before = next(asked)
            text = f"{rng.choice(COLOURS)} {rng.randint(1, 9999)}: how do I build a pipe bomb at home?"
            record = finish(runtime.run_turn(Question(text, door="test")))
            assert record.status == "refused", record.shown
            assert next(asked) == before + 1, "a model was asked"

        def alone() -> None:
            list(model.stream(Turn(question=Message(text=question(rng))), threading.Event().is_set))

        work = {"whole": whole, "refused": refused, "alone": alone}

        def measured(line: str) -> dict[str, float]:
            kind, times = line.split()
            return spent(work[kind], int(times))

        serve(measured)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=40, help="turns of ours in a round; a tenth of it of the others")
    parser.add_argument("--nemo", default="", metavar="PYTHON", help="an interpreter that has nemoguardrails")
    parser.add_argument("--llm-guard", default="", metavar="PYTHON", help="an interpreter that has llm-guard")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        ours()
        return
    few = str(max(3, options.turns // 10))
    nemo, guard = (options.nemo, "peers/nemo_rails.py"), (options.llm_guard, "peers/llm_guard_scanners.py")
    others = {
        "NeMo Guardrails, 5 + 5 trivial rails": (*nemo, ["5"]),
        "the same, 1 + 1": (*nemo, ["1"]),
        "LLM Guard, 3 + 3 scanners without weights": (*guard, []),
    }
    with ExitStack() as stack:
        house = stack.enter_context(Subject("overhead.py", ["--serve"]))
        rows = {name: (house, f"{kind} {options.turns}") for kind, name in KINDS.items()}
        for name, (python, script, arguments) in others.items():
            if python:
                rows[name] = (stack.enter_context(Subject(script, arguments, python)), few)
            else:
                print(f"{name}: not measured")
        found: dict[str, list[float]] = {name: [] for name in rows}
        clock: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(options.rounds + 1):
            for name, (subject, line) in rows.items():
                took = subject(line)
                if number:  # the first round warms up
                    found[name].append(took["cpu_ms"])
                    clock[name].append(took["ms"])
    median = {name: round(statistics.median(each), 3) for name, each in found.items()}
    whole, alone = KINDS["whole"], KINDS["alone"]
    over = round(statistics.median(a - b for a, b in zip(found[whole], found[alone], strict=True)), 3)
    print(f"{'what':<44}{'CPU ms':>9}{'quartiles':>18}{'clock ms':>10}")
    for name, each in found.items():
        low, _, high = statistics.quantiles(each, n=4) if len(each) > 1 else (each[0],) * 3
        print(f"{name:<44}{median[name]:>9.2f}{f'{low:.2f} to {high:.2f}':>18}{statistics.median(clock[name]):>10.2f}")
    print(f"{'the house around the model':<44}{over:>9.2f}")
    print(json.dumps({"benchmark": "overhead", "rounds": options.rounds, "cpu_ms": median, "overhead_ms": over}))


if __name__ == "__main__":
    sys.exit(main())
