"""One hook called under guard, beside pluggy's own call: 1, 5 and 20 plugins that have nothing to say.

Usage: python -m benchmarks.hooks [--rounds 9] [--calls 400]
Ours gives every plugin a copy of the arguments and a time limit, sees to it that it left them alone, checks what it
returned, and notes how long it took: for that the plugins run in a thread that can be left behind, and the way there
and back is most of the price. pluggy calls them where it stands. Prints a table (medians of alternating rounds, with
the fastest, microseconds) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pluggy

from assistant import Turn, Verdict, hookimpl
from assistant.extensions import Extensions
from assistant.hookspecs import PROJECT, Hooks
from assistant.judgement import accept_verdicts
from assistant.messages import Message
from assistant.settings import Settings

SIZES = (1, 5, 20)


def plugin() -> object:
    """A plugin that lets everything pass."""

    class Passes:
        @hookimpl
        def before_turn(self, turn: Turn) -> Verdict | None:
            return None

    return Passes()


def there_and_back() -> Callable[[], object]:
    """A call that does nothing but go to another thread and back: the floor under ours."""
    there, back = queue.SimpleQueue[int](), queue.SimpleQueue[int]()

    def answer() -> None:
        while True:
            back.put(there.get())

    threading.Thread(target=answer, daemon=True).start()

    def call() -> int:
        there.put(1)
        return back.get(timeout=5)

    return call


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    turn = Turn(question=Message(text="how many red circles are there?"))
    works: dict[str, Callable[[], object]] = {"to another thread and back": there_and_back()}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            manager = pluggy.PluginManager(PROJECT)
            manager.add_hookspecs(Hooks)
            for number in range(size):
                manager.register(plugin(), name=str(number))
            plugins = [(str(number), plugin()) for number in range(size)]
            ours = Extensions(Settings(data_dir=Path(folder)), plugins, discover=False)
            works[f"pluggy, {size}"] = lambda manager=manager: manager.hook.before_turn(turn=turn)
            works[f"ours, {size}"] = lambda ours=ours: ours.call("before_turn", {"turn": turn}, accept_verdicts)
        found: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(options.rounds):
            for name, work in works.items():
                begin = perf_counter()
                for _ in range(options.calls):
                    work()
                found[name].append((perf_counter() - begin) * 1e6 / options.calls)
    print(f"{'what':<30}{'median us':>11}{'fastest':>9}")
    for name, each in found.items():
        print(f"{name:<30}{statistics.median(each):>11.1f}{min(each):>9.1f}")
    pairs = {size: zip(found[f"ours, {size}"], found[f"pluggy, {size}"], strict=True) for size in SIZES}
    ratios = {size: round(statistics.median(a / b for a, b in each), 2) for size, each in pairs.items()}
    print("ours over pluggy: " + ", ".join(f"{ratio:g} at {size}" for size, ratio in ratios.items()))
    fastest = {name: round(min(each), 2) for name, each in found.items()}
    print(json.dumps({"benchmark": "hooks", "fastest_us": fastest, "ratio_to_pluggy": ratios}))


if __name__ == "__main__":
    main()
