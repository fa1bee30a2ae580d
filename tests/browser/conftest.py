"""A real server on a free port, and a real Chromium that may talk to nothing else."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import assistant_constitutions
import assistant_feedback
import assistant_safety
import assistant_visualizers
from assistant import AnswerEnd, Delta, ImagePart, Reading, ReadText, Region, Turn, Verdict, hookimpl
from assistant.api import create_app
from assistant.api.server import address_of, listen
from assistant.runtime import Runtime
from assistant.testing import FORBIDDEN_RULE, FakeModel, ForbiddenWord, make_runtime, picture

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESCRIPTION = (
    "There is a red square in the middle of the picture, and all that can be seen around it on every one of its four "
    "sides is plain and even white without a single mark or line or shadow on it."
)
"""Long enough to be seen while it is written: the end of an answer is held back until its checks are done."""


def answer(turn: Turn) -> str:
    """Depends on the question, so that a test knows whose answer it sees."""
    text = turn.question.text
    if "slowly" in text:
        return " ".join(f"word{number}" for number in range(200))
    if "markup" in text:
        return "<img src=x onerror=alert(1)> <script>alert(2)</script>"
    if "break" in text:
        raise ValueError("a planted fault")
    if "describe" in text:
        return DESCRIPTION
    return "There is a red square in the middle of the white picture"


class Writer(FakeModel):
    """Says `answer`. What it is to say slowly takes a second a word from the middle on, so that there is always time to
    stop it; told to go on, it is quick."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        slow = "slowly" in turn.question.text and not turn.begun
        for number, item in enumerate(super().stream(turn, should_stop)):
            end = time.monotonic() + 1
            while slow and number > 100 and time.monotonic() < end and not should_stop():
                time.sleep(0.02)
            yield item


NOTE = (300, 200)
"""A picture of this size is a note, and something forbidden is written on it."""
NOTE_PLACE = Region(left=0.25, top=0.5, right=0.75, bottom=0.7, text="something forbidden")


class Notes:
    """Reads notes, and refuses what is written on them."""

    @hookimpl
    def read_picture(self, image: ImagePart) -> Reading:
        line = ReadText(text=NOTE_PLACE.text, region=NOTE_PLACE, confidence=0.9)
        return Reading(reader="fake 1", texts=(line,) if (image.width, image.height) == NOTE else ())

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        if any(image.reading and image.reading.texts for image in turn.images):
            return Verdict(action="refuse", rule=FORBIDDEN_RULE, regions=(NOTE_PLACE,))
        return None


@dataclass
class House:
    """The running program."""

    address: str
    runtime: Runtime


@contextmanager
def served(runtime: Runtime) -> Iterator[House]:
    """A runtime behind a real server, until the end of the block."""
    app = create_app(runtime)
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield House(address_of(listener), runtime)
    app.state.let_go()
    server.should_exit = True
    thread.join(10)
    runtime.close()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """``with serve(runtime) as house``: a runtime of the test's own behind a real server."""
    return served


@pytest.fixture
def house_with_packs(tmp_path: Path) -> Iterator[House]:
    """The program with the real packs, and a data folder of its own."""
    plugins: list[tuple[str, object]] = [
        ("constitutions", assistant_constitutions.Constitutions()),
        ("safety", assistant_safety),
        ("feedback", assistant_feedback.Recorder()),
    ]
    with served(make_runtime(tmp_path / "packs", model=FakeModel(answer), plugins=plugins)) as opened:
        yield opened


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    runtime = make_runtime(
        tmp_path_factory.mktemp("house"),
        model=Writer(answer, seconds_per_word=0.02),
        plugins=[
            ("forbidding", ForbiddenWord()),
            ("notes", Notes()),
            ("feedback", assistant_feedback.Recorder()),
            ("visualizers", assistant_visualizers),
        ],
        failures_before_off=100,
        max_image_bytes=2_000_000,
    )
    with served(runtime) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing; install it with: pip install -e '.[dev]'"
    )
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on the path; install one, as in: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


PATIENCE = 120
"""Seconds that something may take to appear on the page: a machine that does other work is twenty times slower."""


def be_ready(page: Any) -> None:
    """Wait until the page can be used. What is drawn answers to no key or press before its script has started."""
    page.locator("#transcript .welcome, #transcript .turn").first.wait_for()
    page.locator("#scroller[tabindex='0']").wait_for()
    page.locator("#chats .chats").wait_for(state="attached")  # drawn with all that is said in the reader's language


def rooms(page: Any) -> Any:
    """The buttons of the panels, which a narrow page has behind one button."""
    menu = page.locator("#rooms-menu")
    if menu.is_visible() and menu.get_attribute("aria-expanded") != "true":
        menu.press("Enter")
    found = page.get_by_role("navigation", name="Panels")
    found.wait_for()
    return found


SETTLED = """async () => {
    const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    await drawn();
    const ends = each => each.effect?.getComputedTiming().endTime !== Infinity;
    await Promise.all(document.getAnimations().filter(ends).map(each => each.finished.catch(() => null)));
    await drawn();
}"""


def settle(page: Any) -> None:
    """Wait until what was drawn has its final colours and place: they change over time after a press."""
    page.evaluate(SETTLED)


@dataclass
class Visit:
    """One open page, with everything that went wrong on it."""

    page: Any
    address: str
    problems: list[str] = field(default_factory=list)

    def ask(self, text: str, *files: Path) -> None:
        """Ask, and wait for the end of the turn."""
        before = self.page.locator("#transcript .turn").count()
        self.send(text, *files)
        self.page.locator("#transcript .turn").nth(before).wait_for()

    def send(self, text: str, *files: Path) -> None:
        if files:
            self.attach(*files)
        self.box.fill(text)
        self.box.press("Enter")

    def attach(self, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Add pictures").click()
        chooser.value.set_files([str(file) for file in files])
        self.page.locator("#tray li").nth(len(files) - 1).wait_for()

    @property
    def box(self) -> Any:
        return self.page.get_by_role("textbox", name="Your question")

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def ready(self) -> None:
        be_ready(self.page)


Open = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Any, house: House) -> Iterator[Open]:
    """Opens pages, each in a browser of its own. An error on the console or a request to another server fails."""
    contexts: list[Any] = []
    visits: list[Visit] = []

    def open_page(
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        path: str = "/",
        at: House | None = None,
        locale: str = "en",
    ) -> Visit:
        address = (at or house).address
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale=locale
        )
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        opened = Visit(context.new_page(), address)
        visits.append(opened)
        page, problems = opened.page, opened.problems

        def requested(request: Any) -> None:
            if not request.url.startswith((address, "data:", "blob:")):
                problems.append(f"asked {request.url}")

        page.on("request", requested)
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address + path)
        opened.ready()
        return opened

    yield open_page
    for context in contexts:
        context.close()
    for opened in visits:
        assert opened.problems == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(picture())
    return path


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for something that the page does not show."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until
