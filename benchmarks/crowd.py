"""Many people at once on the page: how long they wait, and whether everybody gets their own answer, once.

Usage: python -m benchmarks.crowd [--visitors 50] [--turns 4]
A server with all plugins and the six bundled packs runs in a process of its own. Its model repeats the word that it is
asked about and writes a few more, a few milliseconds each. The visitors ask through the page's own way, each in a chat
of their own, the next question as soon as the answer is whole. Then the store is read: every question must be there
exactly once, in its own chat, in its order, with its own answer; and nobody's page may ever have shown another's word.
Prints a table (percentiles over all turns) and a final JSON line; 1 is the exit code where something was lost, was
there twice, or went to the wrong person.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from assistant.settings import Settings
from assistant.store import Store
from benchmarks.served import Page, Served

WORD = re.compile(r"token\d+x\d+")
MORE = "which stands in a quiet garden near the old bridge over the river"
SECONDS_PER_WORD = 0.004


@dataclass
class Seen:
    """What one visitor saw."""

    name: str
    waits: list[float] = field(default_factory=list[float])
    """Seconds until an answer was whole."""
    first: list[float] = field(default_factory=list[float])
    """Seconds until its first word."""
    problems: list[str] = field(default_factory=list[str])


def serve(folder: Path) -> None:
    """Run the server until standard input ends."""
    import uvicorn

    from assistant import AnswerEnd, Delta, Turn
    from assistant.api import create_app
    from assistant.api.server import address_of, listen
    from assistant.testing import FakeModel, make_runtime

    class Repeats(FakeModel):
        """Repeats the word that it is asked about."""

        def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
            """The answer."""
            found = WORD.search(turn.question.text)
            for word in ("heard", found[0] if found else "nothing", *MORE.split()):
                time.sleep(SECONDS_PER_WORD)
                yield Delta(word if word == "heard" else f" {word}")
            yield AnswerEnd(confidence=0.9)

    settings = {"requests_a_minute": 1_000_000, "hook_seconds": 60.0, "queue_seconds": 600.0}
    runtime = make_runtime(folder, model=Repeats(), discover=True, **settings)
    for pack in runtime.packs.summaries():
        if pack.state == "off":
            runtime.packs.enable(pack.id, None, "benchmark")
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(runtime), log_level="warning", access_log=False))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    print(address_of(listener), flush=True)
    threading.Event().wait()


async def visit(page: Page, name: str, number: int, turns: int) -> Seen:
    """One visitor's chat."""
    seen = Seen(name)
    for turn in range(turns):
        word = f"token{number}x{turn}"
        begin, first, transcript = time.perf_counter(), 0.0, ""
        try:
            async for now, _, changed in page.ask(name, f"what do you know about {word}?"):
                shown = changed.get("running", "") + changed.get("transcript", "")
                strangers = {each for each in WORD.findall(shown) if not each.startswith(f"token{number}x")}
                if strangers:
                    seen.problems.append(f"{name} saw {sorted(strangers)}")
                if not first and "heard" in changed.get("running", ""):
                    first = now - begin
                transcript = changed.get("transcript", transcript)
        except (httpx.HTTPError, RuntimeError) as error:
            seen.problems.append(f"{name}, {word}: {type(error).__name__}: {error}"[:300])
            continue
        seen.waits.append(time.perf_counter() - begin)
        seen.first.append(first or seen.waits[-1])
        if "heard" not in transcript or word not in transcript:
            seen.problems.append(f"{name} never saw the answer about {word}")
    return seen


async def crowd(address: str, visitors: int, turns: int) -> list[Seen]:
    """All of them at once."""
    limits = httpx.Limits(max_connections=4 * visitors)
    async with httpx.AsyncClient(base_url=address, timeout=900, limits=limits, trust_env=False) as client:
        page = Page(client)
        await page.load()
        await visit(page, "warm", 999_999, 1)
        return await asyncio.gather(*(visit(page, f"visitor{number}", number, turns) for number in range(visitors)))


def in_store(folder: Path, visitors: int, turns: int) -> list[str]:
    """What is wrong with what was stored."""
    store = Store(Settings(data_dir=folder).database)
    problems: list[str] = []
    found: dict[str, int] = {}
    for chat in store.conversations(limit=10 * visitors + 10):
        words: list[str] = []
        for record in store.branch(chat.id):
            asked, told = WORD.findall(record.turn.question.text), WORD.findall(record.answer)
            if asked != told or record.status != "answered":
                problems.append(f"{asked} was answered with {told}, status {record.status}")
            words += asked
        for word in words:
            found[word] = found.get(word, 0) + 1
        if words != [f"{words[0].split('x')[0]}x{number}" for number in range(len(words))]:
            problems.append(f"a chat holds {words}")
    wanted = [f"token{number}x{turn}" for number in range(visitors) for turn in range(turns)]
    problems += [f"{word} is stored {found.get(word, 0)} times" for word in wanted if found.get(word, 0) != 1]
    store.close()
    return problems


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--serve", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with Served(["-m", "benchmarks.crowd", "--serve", folder]) as server:
            begin = time.perf_counter()
            everybody = asyncio.run(crowd(server.address, options.visitors, options.turns))
            seconds = time.perf_counter() - begin
        problems = [problem for seen in everybody for problem in seen.problems]
        problems += in_store(Path(folder), options.visitors, options.turns)
    rows = {
        "until the first word": [each for seen in everybody for each in seen.first],
        "until the answer is whole": [each for seen in everybody for each in seen.waits],
    }
    turns = len(rows["until the answer is whole"])
    print(f"{'seconds':<28}{'median':>9}{'90 %':>9}{'99 %':>9}{'most':>9}")
    found: dict[str, dict[str, float]] = {}
    for name, each in rows.items():
        cuts = statistics.quantiles(each, n=100)
        found[name] = {"median": cuts[49], "p90": cuts[89], "p99": cuts[98], "most": max(each)}
        print(f"{name:<28}" + "".join(f"{value:>9.2f}" for value in found[name].values()))
    print(f"{turns} turns of {options.visitors} visitors in {seconds:.1f} s, {turns / seconds:.1f} a second")
    for problem in problems[:10]:
        print(problem)
    print(f"lost, doubled or gone to the wrong person: {len(problems)}")
    result = {"visitors": options.visitors, "turns": turns, "seconds": round(seconds, 2), "problems": len(problems)}
    print(json.dumps({"benchmark": "crowd", **result, "waits": found}))
    return 1 if problems or turns != options.visitors * options.turns else 0


if __name__ == "__main__":
    sys.exit(main())
