"""What streaming costs the server: CPU milliseconds for one token, beside naive servers that send token by token.

Usage: python -m benchmarks.streaming [--tokens 400] [--speed 200] [--rounds 5] [--at-once 16]
Each server runs in a process of its own with a model that writes words at a fixed speed, and is asked `rounds` times,
after one round to warm up, by a client that reads the whole stream. The CPU time is that of the server's process, its
threads included: for Glassbox that is the whole turn with rules, trace, audit leaf and store. ``naive SSE`` is a
FastAPI route that sends each word as it comes; ``naive Gradio`` a generator function behind `gradio.Interface`, asked
by `gradio_client`; ``model alone`` a route that waits for all words, which is the floor that every row stands on.
With ``--at-once`` so many are asked at the same time, by a model that writes as fast as it is read, through the page's
own way where there is a page: words a second of all streams together.
Prints a table and a final JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SERVERS = ("glassbox", "glassbox without rules", "naive SSE", "naive Gradio", "model alone")


PROSE = (
    *("The", "small", "red", "house", "stands", "near", "a", "quiet", "river,", "and", "its", "garden", "holds"),
    *("apple", "trees", "which", "carry", "fruit", "in", "autumn.", "The", "children", "play", "with", "a", "boat."),
    *("Under", "bright", "clouds", "two", "people", "talk", "about", "music,", "travel", "and", "the", "winter."),
)


def words(tokens: int, speed: float) -> Iterator[str]:
    """Harmless words, each at its time."""
    begin = time.perf_counter()
    for number in range(tokens):
        time.sleep(max(0.0, begin + number / speed - time.perf_counter()))
        yield f"{'' if number == 0 else ' '}{PROSE[number % len(PROSE)]}"


def serve(kind: str, tokens: int, speed: float) -> None:
    """Run a server until standard input ends; each line there is answered with the CPU seconds so far."""
    import threading

    import uvicorn

    from assistant.api.server import address_of, listen

    with tempfile.TemporaryDirectory() as folder:
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(application(kind, tokens, speed, Path(folder)), log_level="warning"))
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        while not server.started:
            time.sleep(0.05)
        print(address_of(listener), flush=True)
        for _ in sys.stdin:
            print(time.process_time(), flush=True)


def application(kind: str, tokens: int, speed: float, folder: Path) -> object:
    """The server of that kind."""
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    if kind.startswith("glassbox"):
        return glassbox(tokens, speed, folder, rules="without" not in kind)
    app = FastAPI()
    if kind == "naive Gradio":
        import gradio as gr

        def grow(_: str) -> Iterator[str]:
            text = ""
            for word in words(tokens, speed):
                text += word
                yield text

        page = gr.Interface(grow, "text", "text", api_name="ask", concurrency_limit=64)
        return gr.mount_gradio_app(app, page, path="/")

    def chunks() -> Iterator[str]:
        for word in words(tokens, speed):
            yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': word}}]})}\n\n"
        yield "data: [DONE]\n\n"

    def at_the_end() -> Iterator[str]:
        list(words(tokens, speed))
        yield "data: [DONE]\n\n"

    @app.post("/v1/chat/completions")
    def ask() -> StreamingResponse:
        return StreamingResponse(at_the_end() if kind == "model alone" else chunks(), media_type="text/event-stream")

    return app


def glassbox(tokens: int, speed: float, folder: Path, *, rules: bool) -> object:
    """Our own server, with all plugins that come with it or with none."""
    from assistant import AnswerEnd, Delta, Turn
    from assistant.api import create_app
    from assistant.testing import FakeModel, make_runtime

    class Writer(FakeModel):
        """Writes at a fixed speed."""

        def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
            """The answer."""
            for word in words(tokens, speed):
                yield Delta(word)
            yield AnswerEnd()

    settings = {"requests_a_minute": 1_000_000, "hook_seconds": 60.0, "queue_seconds": 600.0}
    return create_app(make_runtime(folder, model=Writer(), discover=rules, **settings))


def ask(kind: str, address: str) -> None:
    """Read one whole answer."""
    import httpx

    if kind == "naive Gradio":
        from gradio_client import Client

        for _ in Client(address, verbose=False).submit("what?", api_name="/ask"):
            pass
        return
    body = {"messages": [{"role": "user", "content": "what is in the garden?"}], "stream": True}
    with httpx.stream("POST", f"{address}/v1/chat/completions", json=body, timeout=120) as reply:
        assert [line for line in reply.iter_lines() if line][-1] == "data: [DONE]"


async def ask_at_once(kind: str, address: str, many: int) -> None:
    """Read so many whole answers at the same time."""
    import httpx

    from benchmarks.served import Page

    limits = httpx.Limits(max_connections=4 * many)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits, trust_env=False) as client:
        page = Page(client)
        await page.load("ask" if kind == "naive Gradio" else "")

        async def one(number: int) -> None:
            async for _ in page.ask(f"visitor{number}x{time.monotonic_ns()}", "what is in the garden?"):
                pass

        await asyncio.gather(*map(one, range(many)))


PAGES = ("glassbox", "naive Gradio")


def words_a_second(tokens: int, rounds: int, many: int) -> dict[str, list[float]]:
    """How many words of all streams together come in a second, in alternating rounds, after one to warm up."""
    found: dict[str, list[float]] = {kind: [] for kind in PAGES}
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(running(kind, tokens, 1e9))[0] for kind in PAGES}
        for number in range(rounds + 1):
            for kind, address in servers.items():
                begin = time.perf_counter()
                asyncio.run(ask_at_once(kind, address, many if number else 1))
                found[kind].append(many * tokens / (time.perf_counter() - begin))
    return {kind: each[1:] for kind, each in found.items()}


@contextmanager
def running(kind: str, tokens: int, speed: float) -> Iterator[tuple[str, Callable[[], float]]]:
    """A server of that kind: its address, and a function that gives the CPU seconds that it has spent."""
    command = [sys.executable, "-m", "benchmarks.streaming", "--serve", kind, f"--tokens={tokens}", f"--speed={speed}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()

        def spent() -> float:
            print(file=server.stdin, flush=True)
            return float(server.stdout.readline())  # type: ignore[union-attr]

        yield address, spent
        server.stdin.close()


def measure(kind: str, tokens: int, speed: float, rounds: int) -> list[float]:
    """CPU milliseconds for one token, of each round."""
    with running(kind, tokens, speed) as (address, spent):
        found: list[float] = []
        for _ in range(rounds + 1):
            before = spent()
            ask(kind, address)
            found.append((spent() - before) * 1000 / tokens)
    return found[1:]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--speed", type=float, default=200.0, help="words per second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=0, metavar="STREAMS")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.tokens, options.speed)
        return
    if options.at_once:
        each = words_a_second(options.tokens, options.rounds, options.at_once)
        median = {kind: round(statistics.median(speeds), 1) for kind, speeds in each.items()}
        ratio = statistics.median(a / b for a, b in zip(each["glassbox"], each["naive Gradio"], strict=True))
        print(f"{options.at_once} streams at once: words a second")
        for kind, speed in median.items():
            print(f"{kind:<26}{speed:>10.0f}")
        print(f"{'ratio':<26}{ratio:>10.2f}")
        print(json.dumps({"benchmark": "streams", "at_once": options.at_once, "words_s": median, "ratio": ratio}))
        return
    rows: dict[str, float] = {}
    print(f"{'server':<26}{'CPU ms per token':>18}{'of each round':>40}")
    for kind in SERVERS:
        found = measure(kind, options.tokens, options.speed, options.rounds)
        rows[kind] = round(statistics.median(found), 3)
        print(f"{kind:<26}{rows[kind]:>18}{' '.join(f'{each:.3f}' for each in found):>40}", flush=True)
    print(json.dumps({"benchmark": "streaming", "tokens": options.tokens, "speed": options.speed, "cpu_ms": rows}))


if __name__ == "__main__":
    main()
