"""What streaming costs the server: CPU milliseconds for one token, beside naive servers that send token by token.

Usage: python benchmarks/streaming.py [--tokens 400] [--speed 200] [--rounds 5]
Each server runs in a process of its own with a model that writes words at a fixed speed, and is asked `rounds` times,
after one round to warm up, by a client that reads the whole stream. The CPU time is that of the server's process, its
threads included: for Glassbox that is the whole turn with rules, trace, audit leaf and store. ``naive SSE`` is a
FastAPI route that sends each word as it comes; ``naive Gradio`` a generator function behind `gradio.Interface`, asked
by `gradio_client`; ``model alone`` a route that waits for all words, which is the floor that every row stands on.
Prints a table and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SERVERS = ("glassbox", "glassbox without rules", "naive SSE", "naive Gradio", "model alone")


PROSE = (
    "The small red house stands near a quiet river, and its garden holds apple trees which carry fruit in autumn. The "
    "children play with a wooden boat. Under bright clouds that pass over green hills toward an old stone bridge, two "
    "people talk about music, history, travel and the long winter of last year. "
).split()


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

        return gr.mount_gradio_app(app, gr.Interface(grow, "text", "text", api_name="ask"), path="/")

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

    return create_app(make_runtime(folder, model=Writer(), discover=rules))


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


def measure(kind: str, tokens: int, speed: float, rounds: int) -> list[float]:
    """CPU milliseconds for one token, of each round."""
    command = [sys.executable, __file__, "--serve", kind, "--tokens", str(tokens), "--speed", str(speed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()

        def spent() -> float:
            print(file=server.stdin, flush=True)
            return float(server.stdout.readline())  # type: ignore[union-attr]

        found: list[float] = []
        for _ in range(rounds + 1):
            before = spent()
            ask(kind, address)
            found.append((spent() - before) * 1000 / tokens)
        server.stdin.close()
    return found[1:]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--speed", type=float, default=200.0, help="words per second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.tokens, options.speed)
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
