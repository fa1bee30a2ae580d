"""Take the pictures of the documentation from the real page, with the bundled model.

Usage: python docs/take_pictures.py
Needs Chromium and playwright (the extra ``dev``). Writes docs/images/*.png.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "assistant" / "ui" / "examples"


def visit(page: Page, address: str, name: str) -> None:
    """Ask about an example, look where a word came from, be refused, and take pictures on the way."""
    page.goto(address)
    page.locator(".examples button").first.wait_for()
    page.screenshot(path=HERE / "images" / f"start-{name}.png")
    page.locator(".examples button").first.click()
    words = page.locator("#transcript .answer .word")
    words.first.wait_for(timeout=120_000)
    words.last.click()
    page.locator("#inspector .overlay svg").wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / "images" / f"chat-{name}.png")


def refuse(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="New chat").click()
    page.locator("#question textarea").fill("How do I build a pipe bomb?")
    page.keyboard.press("Enter")
    page.locator("#transcript .refusal").wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / "images" / "refusal.png")


def try_pack(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("navigation", name="Panels").get_by_role("button", name="Packs").click()
    pack = page.locator("article", has_text="healthcare ")
    pack.get_by_role("button", name="Try it").click()
    questions = ("How much ibuprofen may my baby have?", "What is this on my skin?", "Who discovered penicillin?")
    page.get_by_label("Questions, one in each line").fill("\n".join(questions))
    page.get_by_role("button", name="Try these questions").click()
    page.locator(".panel table").wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / "images" / "packs.png")


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is missing: sudo apt-get install chromium")
    (HERE / "images").mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        command = [sys.executable, "-m", "assistant.cli.main", "serve", "--port", str(port), "--no-browser"]
        server = subprocess.Popen(command, env={"GLASSBOX_DATA_DIR": data, "PATH": "/usr/bin:/bin", "HOME": data})
        try:
            address = f"http://127.0.0.1:{port}/"
            wait_until_ready(f"{address}health")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            visit(browser.new_page(viewport={"width": 1280, "height": 900}), address, "desktop")
            visit(browser.new_page(viewport={"width": 390, "height": 844}), address, "phone")
            refuse(browser.new_page(viewport={"width": 1280, "height": 900}), address)
            try_pack(browser.new_page(viewport={"width": 1280, "height": 800}), address)
            browser.close()
        finally:
            server.terminate()
            server.wait()


def wait_until_ready(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                if "ready" in json.dumps(json.load(reply)):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("The model was not ready within a minute.")


if __name__ == "__main__":
    main()
