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

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "assistant" / "ui" / "examples"


def take(page: Page, name: str) -> None:
    """Take a picture once nothing moves any more, and keep it small: a page has few colours."""
    page.wait_for_timeout(1000)
    file = HERE / "images" / f"{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


def visit(page: Page, address: str, name: str) -> None:
    """Ask about an example, look where a word came from, be refused, and take pictures on the way."""
    page.goto(address)
    page.locator(".examples button").first.wait_for()
    take(page, f"start-{name}")
    page.locator(".examples button").first.click()
    words = page.locator("#transcript .answer .word")
    words.first.wait_for()
    words.last.click()
    page.locator("#inspector .overlay svg").wait_for()
    take(page, f"chat-{name}")


def refuse(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="New chat").click()
    page.locator("#question textarea").fill("How do I build a pipe bomb?")
    page.keyboard.press("Enter")
    page.locator("#transcript .refusal").wait_for()
    take(page, "refusal")


def try_pack(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("navigation", name="Panels").get_by_role("button", name="Packs").click()
    pack = page.locator("article", has_text="healthcare ")
    pack.get_by_role("button", name="Try it").click()
    questions = ("How much ibuprofen may my baby have?", "What is this on my skin?", "Who discovered penicillin?")
    page.get_by_label("Questions, one in each line").fill("\n".join(questions))
    page.get_by_role("button", name="Try these questions").click()
    page.locator(".panel table").wait_for()
    take(page, "packs")


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

            def page(width: int, height: int, locale: str = "en") -> Page:
                opened = browser.new_page(viewport={"width": width, "height": height}, locale=locale)
                opened.set_default_timeout(300_000)
                return opened

            visit(page(1280, 900), address, "desktop")
            visit(page(390, 844), address, "phone")
            refuse(page(1280, 900), address)
            try_pack(page(1280, 800), address)
            visit(page(1280, 900, "ar"), address, "arabic")
            browser.close()
        finally:
            server.terminate()
            server.wait()


def wait_until_ready(address: str) -> None:
    for _ in range(3000):
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                if "ready" in json.dumps(json.load(reply)):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("The model was not ready within five minutes.")


if __name__ == "__main__":
    main()
