"""What the page weighs in a browser, and how much memory the server has after many chats, beside bare Gradio pages.

Usage: python -m benchmarks.footprint [--chats 16] [--turns 6]
The weight is what a fresh Chromium fetches until the page is quiet: bytes as they travel, and requests; without
Playwright or Chromium it is not measured. The memory is the most that each server's process ever had: ours with its
bundled model, asked about an example picture in each chat and then on; the other is a Gradio page with a box and an
answer that has imported torch and multiplies a matrix for each word. Linux only. Prints a table and a final JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx

from benchmarks.served import Page, Served

EXAMPLES = sorted((Path(__file__).parents[1] / "assistant" / "ui" / "examples").glob("*.png"))
QUESTIONS = ("what is in the picture?", "how many circles are there?", "what colour is it?", "where is it?")
BARE = """
import socket
import gradio as gr
import torch
weights = torch.randn(512, 512)
def answer(question):
    text, row = "", torch.ones(1, 512)
    for number in range(12):
        row = torch.tanh(row @ weights)
        text += f" word{number}"
        yield text
with gr.Blocks() as page:
    box, shown = gr.Textbox(), gr.Textbox()
    box.submit(answer, box, shown, api_name="ask")
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
print(f"http://127.0.0.1:{port}", flush=True)
page.launch(server_name="127.0.0.1", server_port=port, quiet=True, inbrowser=False)
"""


def weight(address: str) -> dict[str, float] | None:
    """Kilobytes and requests of the page; ``None`` where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        return None
    sizes: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        protocol = page.context.new_cdp_session(page)
        protocol.send("Network.enable")
        protocol.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.goto(address, timeout=120_000)
        page.wait_for_selector("textarea", timeout=120_000)
        page.wait_for_timeout(3000)  # the page keeps a connection open, so it is never quiet by itself
        browser.close()
    return {"kilobytes": round(sum(sizes) / 1000), "requests": len(sizes)}


async def wait_for(client: httpx.AsyncClient, path: str) -> None:
    """Wait until the server answers there."""
    for _ in range(1200):
        try:
            if (await client.get(path)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError(f"nothing at {path} after two minutes")


async def chat_with_ours(address: str, chats: int, turns: int) -> None:
    """So many chats, one after the other: a question about a picture, then more about it."""
    async with httpx.AsyncClient(base_url=address, timeout=600, trust_env=False) as client:
        await wait_for(client, "/ready")
        for chat in range(chats):
            picture = base64.b64encode(EXAMPLES[chat % len(EXAMPLES)].read_bytes()).decode()
            body: dict[str, Any] = {"text": QUESTIONS[0], "images": [picture]}
            for turn in range(turns):
                record = (await client.post("/v1/turns", json=body)).raise_for_status().json()
                if record["status"] not in ("answered", "unsure"):
                    raise RuntimeError(f"expected an answer, got {record['status']}: {record['error']}")
                chat_id = record["turn"]["conversation_id"]
                body = {"text": QUESTIONS[(turn + 1) % len(QUESTIONS)], "conversation_id": chat_id}


async def chat_with_bare(address: str, chats: int, turns: int) -> None:
    """The same for the other page."""
    async with httpx.AsyncClient(base_url=address, timeout=600, trust_env=False) as client:
        await wait_for(client, "/config")
        page = Page(client)
        await page.load("ask")
        for chat in range(chats):
            for _ in range(turns):
                async for _ in page.ask(f"visitor{chat}", "what is it?"):
                    pass


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=16)
    parser.add_argument("--turns", type=int, default=6)
    options = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {"GLASSBOX_DATA_DIR": folder, "GLASSBOX_REQUESTS_A_MINUTE": "100000"}
        ours = ["-m", "assistant.cli.main", "serve", "--port", "0", "--no-browser"]
        for name, command, chat in (
            ("Glassbox", ours, chat_with_ours),
            ("Gradio with torch", ["-c", BARE], chat_with_bare),
        ):
            with Served(command, **environment, GRADIO_ANALYTICS_ENABLED="False") as server:
                asyncio.run(chat(server.address, options.chats, options.turns))
                rows[name] = {"peak_mb": round(server.facts()["peak_mb"]), **(weight(server.address) or {})}
    print(f"{'server':<20}{'peak MB':>9}{'page kB':>9}{'requests':>10}")
    for name, row in rows.items():
        weighed = [f"{row[each]:.0f}" if each in row else "not measured" for each in ("kilobytes", "requests")]
        print(f"{name:<20}{row['peak_mb']:>9.0f}{weighed[0]:>9}{weighed[1]:>10}")
    ratio = round(rows["Glassbox"]["peak_mb"] / rows["Gradio with torch"]["peak_mb"], 2)
    print(f"memory, ratio: {ratio}")
    print(json.dumps({"benchmark": "footprint", "rows": rows, "memory_ratio": ratio}))


if __name__ == "__main__":
    main()
