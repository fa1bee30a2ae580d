"""From the command to the first byte of the page, and to the first answer, beside bare Gradio pages; and to the help.

Usage: python benchmarks/cold_start.py [--rounds N]
Beside it start a Gradio page with one text box, and the same that has imported torch first, as a page with a model in
it does: such a page is ready to answer with its first byte. ``assistant --help`` stands beside an interpreter that does
nothing. Prints a table (medians over alternating rounds) and a final JSON line.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BARE = """
import gradio as gr
with gr.Blocks() as page:
    gr.Textbox()
page.launch(server_name="127.0.0.1", server_port={port}, quiet=True, inbrowser=False)
"""
MODEL = "import torch; torch.nn.Linear(8, 8)(torch.zeros(1, 8))"
EXAMPLES = Path(__file__).parents[1] / "assistant" / "ui" / "examples"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_byte(port: int, begin: float) -> float:
    """Seconds from ``begin`` until the page answers."""
    while time.perf_counter() - begin < 120:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as reply:
                reply.read(1)
                return time.perf_counter() - begin
        except OSError:
            time.sleep(0.02)
    raise SystemExit("The server did not answer within 120 s.")


def first_answer(port: int, begin: float, image: Path) -> float:
    """Seconds from ``begin`` until the first answer about a picture is whole."""
    body = {"text": "what is in this picture?", "images": [base64.b64encode(image.read_bytes()).decode()]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/turns",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        record = json.load(reply)
    if record["status"] not in ("answered", "unsure"):
        raise SystemExit(f"Expected an answer, got {record['status']}: {record['error']}")
    return time.perf_counter() - begin


def start(command: list[str], data: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"GLASSBOX_DATA_DIR": data, "GRADIO_ANALYTICS_ENABLED": "False"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def one_round(image: Path) -> dict[str, float]:
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as data:
        for name, before in (("bare", ""), ("torch", MODEL)):
            port = free_port()
            begin = time.perf_counter()
            bare = start([sys.executable, "-c", before + BARE.format(port=port)], data)
            times[name] = first_byte(port, begin)
            bare.terminate()
            bare.wait()
        for name, command in (("nothing", ["-c", "pass"]), ("help", ["-m", "assistant.cli.main", "--help"])):
            begin = time.perf_counter()
            start([sys.executable, *command], data).wait()
            times[name] = time.perf_counter() - begin
        port = free_port()
        begin = time.perf_counter()
        command = [sys.executable, "-m", "assistant.cli.main", "serve", "--port", str(port), "--no-browser"]
        ours = start(command, data)
        times["page"] = first_byte(port, begin)
        times["answer"] = first_answer(port, begin, image)
        ours.terminate()
        ours.wait()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    image = sorted(EXAMPLES.glob("*.png"))[0]
    found = [one_round(image) for _ in range(rounds)]
    median = {name: statistics.median(each[name] for each in found) for name in found[0]}
    beside = {"torch": "bare", "page": "bare", "answer": "torch", "help": "nothing"}
    ratios = {name: statistics.median(each[name] / each[other] for each in found) for name, other in beside.items()}
    texts = {
        "bare": "Gradio page with one text box, first byte",
        "torch": "the same with torch imported, first byte",
        "page": "assistant serve, first byte (beside Gradio)",
        "answer": "assistant serve, first answer (beside Gradio with torch)",
        "nothing": "python that does nothing",
        "help": "assistant --help",
    }
    print(f"{'what':<58}{'seconds':>9}{'ratio':>8}")
    for name, text in texts.items():
        print(f"{text:<58}{median[name]:>9.2f}{ratios.get(name, 1):>8.2f}")
    print(json.dumps({"benchmark": "cold_start", "rounds": rounds, "seconds": median, "ratios": ratios}))


if __name__ == "__main__":
    main()
