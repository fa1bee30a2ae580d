"""From an empty folder to a plugin that works on the page, by the commands that a person would type. How long it takes
is printed, and measured by benchmarks/new_plugin.py."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.install, pytest.mark.timeout(900)]


def test_from_an_empty_folder_to_the_page(chromium: Any, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSBOX_")}
    environment = kept | {"GLASSBOX_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    program = [sys.executable, "-m", "assistant.cli.main"]
    times: dict[str, float] = {}
    begin = time.monotonic()
    for line in (
        "plugins new --kind evaluator calm-down",
        "plugins test calm-down",
        "plugins install calm-down --yes",
        "packs enable calm-down",
    ):
        since = time.monotonic()
        done = subprocess.run([*program, *line.split()], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        times[line] = time.monotonic() - since
    since = time.monotonic()
    server = subprocess.Popen(
        [*program, "serve", "--port", "0", "--no-browser"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    try:
        assert server.stderr is not None
        said = ""
        while not (address := re.search(r"http://[\d.:]+", said)):
            line = server.stderr.readline()
            assert line, said
            said += line
        page = chromium.new_context().new_page()
        page.set_default_timeout(60_000)
        page.goto(address[0])
        box = page.get_by_role("textbox", name="Your question")
        page.locator("#scroller[tabindex='0']").wait_for()
        box.fill("WHAT COLOUR IS THIS")
        box.press("Enter")
        card = page.locator("#transcript .refusal")
        card.wait_for()
        assert "Questions are not asked in capital letters." in card.inner_text()
        assert "calm-down 0.1.0" in card.inner_text()
        times["the page"] = time.monotonic() - since
        print(f"{time.monotonic() - begin:.0f} s:", {name: round(value) for name, value in times.items()})
        page.context.close()
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
    finally:
        server.kill()
        server.communicate()
