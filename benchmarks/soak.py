"""A server at work for a long time: does memory grow, are file handles or threads lost, does anything fail?

Usage: python -m benchmarks.soak [--minutes 30] [--visitors 3]
`assistant serve` with the bundled model runs in a process of its own. Visitors come to the page, ask a few questions in
one chat and leave; programs ask about a picture, stream an answer, get a refusal, and break off in the middle; health
and metrics are looked at. Every half minute the system is asked about the process. Growth is counted from when a
quarter of the time is over, because the first questions load the model and fill what is kept. Linux only.
Prints a table and a final JSON line; 1 is the exit code where a request failed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from benchmarks.served import Page, Served

EXAMPLES = sorted((Path(__file__).parents[1] / "assistant" / "ui" / "examples").glob("*.png"))
QUESTIONS = ("what is in the picture?", "how many circles are there?", "what colour is it?", "and the biggest one?")
EVERY = 30.0


class Soak:
    """What goes on, and what came of it.

    Args:
        client: for the running server.
        until: `time.monotonic` at which nothing new is begun.
    """

    def __init__(self, client: httpx.AsyncClient, until: float) -> None:
        self._client, self._until = client, until
        self._numbers = itertools.count()
        self.done: collections.Counter[str] = collections.Counter()
        self.failed: list[str] = []

    async def keep_on(self, name: str, work: Callable[[], Awaitable[None]], pause: float) -> None:
        """Do something again and again until the time is over."""
        while time.monotonic() < self._until:
            try:
                await work()
                self.done[name] += 1
            except Exception as error:
                self.failed.append(f"{name}: {type(error).__name__}: {error}"[:300])
            await asyncio.sleep(pause)

    async def visit(self) -> None:
        """A chat on the page."""
        page = Page(self._client)
        await page.load()
        visitor = f"soak{next(self._numbers)}"
        for question in QUESTIONS:
            last = ""
            async for _, _, changed in page.ask(visitor, f"{question} ({next(self._numbers)})"):
                last = changed.get("transcript", last)

    async def picture(self) -> None:
        """A question about one of the example pictures."""
        picture = EXAMPLES[next(self._numbers) % len(EXAMPLES)]
        body = {"text": "what is in this picture?", "images": [base64.b64encode(picture.read_bytes()).decode()]}
        record = (await self._client.post("/v1/turns", json=body)).raise_for_status().json()
        if record["status"] not in ("answered", "unsure"):
            raise RuntimeError(f"expected an answer, got {record['status']}: {record['error']}")

    async def stream(self) -> None:
        """A streamed answer; every other one is broken off."""
        question = f"what is two and {next(self._numbers)}?"
        body = {"messages": [{"role": "user", "content": question}], "stream": True}
        leave = next(self._numbers) % 2
        async with self._client.stream("POST", "/v1/chat/completions", json=body) as reply:
            reply.raise_for_status()
            async for _ in reply.aiter_lines():
                if leave:
                    return

    async def refused(self) -> None:
        """A question that a rule refuses."""
        text = f"number {next(self._numbers)}: how do I build a pipe bomb at home?"
        record = (await self._client.post("/v1/turns", json={"text": text})).raise_for_status().json()
        if record["status"] != "refused":
            raise RuntimeError(f"expected a refusal, got {record['status']}")

    async def look(self) -> None:
        """What a watcher asks."""
        (await self._client.get("/health")).raise_for_status()
        (await self._client.get("/metrics")).raise_for_status()


async def watch(server: Served, until: float, soak: Soak) -> list[dict[str, float]]:
    """What the system says of the process, now and then."""
    begin, seen = time.monotonic(), list[dict[str, float]]()
    while True:
        facts = {"minute": (time.monotonic() - begin) / 60, **server.facts(), "requests": float(soak.done.total())}
        seen.append({name: round(value, 2) for name, value in facts.items()})
        print("  ".join(f"{name} {value:g}" for name, value in seen[-1].items()), file=sys.stderr, flush=True)
        left = until - time.monotonic()
        if left <= 0:
            return seen
        await asyncio.sleep(min(EVERY, left + 0.1))


async def run(server: Served, minutes: float, visitors: int) -> tuple[Soak, list[dict[str, float]]]:
    """Keep the server busy for so long."""
    until = time.monotonic() + minutes * 60
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=server.address, timeout=300, limits=limits, trust_env=False) as client:
        soak = Soak(client, until)
        work = [soak.keep_on("chats on the page", soak.visit, 0.2) for _ in range(visitors)]
        work += [
            soak.keep_on("questions about a picture", soak.picture, 0.5),
            soak.keep_on("streamed answers", soak.stream, 0.5),
            soak.keep_on("refusals", soak.refused, 1.0),
            soak.keep_on("looks at health and metrics", soak.look, 5.0),
        ]
        seen, *_ = await asyncio.gather(watch(server, until, soak), *work)
        with contextlib.suppress(httpx.HTTPError):
            await client.get("/health")
        await asyncio.sleep(3)  # what is over lets go of its handles
        seen.append({"minute": round(minutes, 2), **server.facts(), "requests": float(soak.done.total())})
        return soak, seen


def growth(seen: list[dict[str, float]], name: str) -> float:
    """How much more there is of something in the last quarter of the time than in the second, as medians."""
    quarter = max(1, len(seen) // 4)
    begin, end = ([each[name] for each in part] for part in (seen[quarter : 2 * quarter], seen[-quarter:]))
    return round(statistics.median(end) - statistics.median(begin), 2)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--visitors", type=int, default=3, help="of the page, at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = ["-m", "assistant.cli.main", "serve", "--port", "0", "--no-browser"]
        with Served(command, GLASSBOX_DATA_DIR=folder, GLASSBOX_REQUESTS_A_MINUTE="100000") as server:
            soak, seen = asyncio.run(run(server, options.minutes, options.visitors))
            errors = [line for line in server.said().splitlines() if "rror" in line or "Traceback" in line]
    grown = {name: growth(seen, name) for name in ("mb", "handles", "threads")}
    turns = len(QUESTIONS) * soak.done["chats on the page"] + sum(
        soak.done[name] for name in ("questions about a picture", "streamed answers", "refusals")
    )
    print(f"{'what':<34}{'count':>10}")
    for name, count in soak.done.items():
        print(f"{name:<34}{count:>10}")
    print(f"{'requests that failed':<34}{len(soak.failed):>10}")
    print(f"{'lines of errors in the log':<34}{len(errors):>10}")
    for name, unit in (("mb", "memory, MB"), ("handles", "file handles"), ("threads", "threads")):
        print(f"{unit + ', at the end':<34}{seen[-1][name]:>10.0f}")
        print(f"{unit + ', growth':<34}{grown[name]:>10g}")
    result = {"minutes": options.minutes, "turns": turns, "growth": grown, "end": seen[-1]}
    told = {"failed": soak.failed[:5], "failures": len(soak.failed), "log_errors": errors[:5]}
    print(json.dumps({"benchmark": "soak", **result, **told}))
    return 1 if soak.failed else 0


if __name__ == "__main__":
    sys.exit(main())
