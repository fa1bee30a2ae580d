"""Every door leads to the same turn: the same hooks in the same order, and the same refusal."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from assistant import Span, Turn, TurnRecord, Verdict, hookimpl
from assistant.runtime import Runtime, finish
from assistant.testing import (
    FAULTS,
    FORBIDDEN_RULE,
    FakeModel,
    Fault,
    FaultyPlugin,
    ForbiddenWord,
    make_runtime,
    picture,
)

MARKER = "zyxmarkerzyx"


class Rules(ForbiddenWord):
    """Refuses the marker, and is told of every finished turn."""

    def __init__(self) -> None:
        super().__init__(MARKER)

    @hookimpl(phase="observe")
    def turn_finished(self, record: TurnRecord) -> None:
        """Only there to be called."""


@dataclass
class Out:
    """What came out of a door: the stored turn, and everything that the person could read."""

    record: TurnRecord
    shown: str


def newest(runtime: Runtime) -> TurnRecord:
    (chat, *_) = runtime.store.conversations()
    return runtime.store.branch(chat.id)[-1]


class Page:
    """One open page, without a browser."""

    def __init__(self, runtime: Runtime) -> None:
        from assistant.ui.asking import Asking
        from assistant.ui.drafts import Drafts
        from assistant.ui.reading import Reader
        from assistant.ui.session import RunningTurns

        self.drafts = Drafts()
        self.runtime = runtime
        self.asking = Asking(runtime, Reader(runtime), RunningTurns(), self.drafts)

    def ask(self, text: str, place: Any = None, editing: str | None = None) -> Out:
        """Ask with a picture that was put beside the box."""
        from assistant.intake import read_image
        from assistant.ui.drafts import Draft, DraftPicture
        from assistant.ui.session import Place

        part = read_image(picture(), self.runtime.settings)
        self.drafts.put("tab", Draft(pictures=(DraftPicture(part),), editing=editing))
        updates = list(self.asking.ask(place or Place(), "tab", text))
        return Out(newest(self.runtime), repr(updates))


def at(record: TurnRecord) -> Any:
    from assistant.ui.session import Place

    return Place(conversation_id=record.turn.conversation_id, leaf=record.id)


def browser(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    return Page(runtime).ask(text)


def retry(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    page = Page(runtime)
    first = page.ask(text).record
    updates = list(page.asking.retry(at(first), "tab", first.id))
    again = newest(runtime)
    assert again.id != first.id
    assert again.turn.parent_id == first.turn.parent_id
    return Out(again, repr(updates))


def edit(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    page = Page(runtime)
    first = page.ask("what colour is it?").record
    out = page.ask(text, at(first), editing=first.id)
    assert out.record.id != first.id
    assert out.record.turn.parent_id == first.turn.parent_id
    return out


def example(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    from assistant.ui.examples import read_examples
    from assistant.ui.session import Place

    shown = [replace(read_examples()[0], questions=(text,))]
    monkeypatch.setattr("assistant.ui.asking.read_examples", lambda: shown)
    updates = list(Page(runtime).asking.act(Place(), "tab", {"act": "example", "example": "0", "question": "0"}))
    return Out(newest(runtime), repr(updates))


def command_line(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    from typer.testing import CliRunner

    from assistant.cli import common
    from assistant.cli.main import app

    (folder / "photo.png").write_bytes(picture())
    monkeypatch.setattr(common, "open_runtime", lambda settings: runtime)
    monkeypatch.setattr(runtime, "close", lambda: None)
    result = CliRunner().invoke(app, ["ask", str(folder / "photo.png"), text, "--json"])
    record = newest(runtime)
    assert json.loads(result.stdout)["turn"]["id"] == record.id
    assert result.exit_code == (0 if record.status == "answered" else 1)
    return Out(record, result.stdout + result.stderr)


def http(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    import base64

    from fastapi.testclient import TestClient

    from assistant.api import create_app

    body = {"text": text, "images": [base64.b64encode(picture()).decode()]}
    reply = TestClient(create_app(runtime)).post("/v1/turns", json=body)
    assert reply.status_code == 200
    return Out(newest(runtime), reply.text)


def chat(runtime: Runtime, text: str, stream: bool) -> str:
    import base64

    from fastapi.testclient import TestClient

    from assistant.api import create_app

    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"messages": [{"role": "user", "content": content}], "stream": stream}
    reply = TestClient(create_app(runtime)).post("/v1/chat/completions", json=body)
    assert reply.status_code == (500 if newest(runtime).status == "failed" else 200)
    assert newest(runtime).id in reply.headers["x-glassbox-turn"]
    return reply.text


def openai_style(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    shown = chat(runtime, text, stream=False)
    record = newest(runtime)
    reply = json.loads(shown)
    if record.status == "failed":
        assert reply["error"]["message"] == record.error
    else:
        assert reply["choices"][0]["message"]["content"] == record.shown
    return Out(record, shown)


def openai_stream(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    shown = chat(runtime, text, stream=True)
    record = newest(runtime)
    if record.status == "failed":
        assert json.loads(shown)["error"]["message"] == record.error
    else:
        *events, done, last = shown.split("\n\n")
        assert (done, last) == ("data: [DONE]", "")
        chunks = [json.loads(event.removeprefix("data: ")) for event in events]
        assert "".join(each["choices"][0]["delta"].get("content", "") for each in chunks) == record.shown
        assert chunks[-1]["choices"][0]["finish_reason"]
    return Out(record, shown)


def mcp(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    import base64

    from fastapi.testclient import TestClient

    from assistant.api import create_app

    runtime.settings = runtime.settings.model_copy(update={"mcp": True})
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    call = {"name": "ask", "arguments": {"question": text, "pictures": [url]}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    with TestClient(create_app(runtime)) as client:
        reply = client.post("/v1/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
    record = newest(runtime)
    result = reply.json()["result"]
    (content,) = result["content"]
    assert result["isError"] == (record.status == "failed")
    assert (content["text"] if result["isError"] else json.loads(content["text"])["answer"]) == record.shown
    return Out(record, content["text"])


def function(runtime: Runtime, text: str, folder: Path, capsys: Any, monkeypatch: Any) -> Out:
    from assistant.runtime import Question

    record = finish(runtime.run_turn(runtime.follow(None, Question(text, [picture()]))))
    return Out(record, record.model_dump_json())


DOORS: list[Callable[..., Out]] = [
    browser,
    retry,
    edit,
    example,
    command_line,
    http,
    openai_style,
    openai_stream,
    mcp,
    function,
]

LIMIT_SECONDS = 60
"""For building a door and a whole turn with a hanging part through it: the parts' own limits are below a second, and
on a machine that does other work all of it took up to 27 seconds."""


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def through(request: pytest.FixtureRequest, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    made: list[Runtime] = []

    def go(text: str, answer: str = "a red circle", **options: Any) -> Out:
        model = FakeModel(answer, fault=options.pop("fault", None))
        runtime = make_runtime(tmp_path / "data", model=model, **options)
        made.append(runtime)
        return request.param(runtime, text, tmp_path, capsys, monkeypatch)

    yield go
    for runtime in made:
        Runtime.close(runtime)


def test_an_answer_passes_the_same_hooks(through: Any) -> None:
    out = through("what is this?", plugins=[("rules", Rules())])
    assert out.record.status == "answered"
    assert out.record.answer == "a red circle"
    assert [(call.hook, call.plugin, call.outcome) for call in out.record.trace.hooks] == [
        ("before_turn", "rules", "ok"),
        ("check_segment", "rules", "ok"),
    ]
    assert "a red circle" in out.shown
    assert len(out.record.turn.question.images) == 1


def test_a_question_is_refused_in_the_same_way(through: Any) -> None:
    out = through(f"what is {MARKER}?", plugins=[("rules", Rules())])
    refusal = out.record.refusal
    assert out.record.status == "refused"
    assert refusal is not None
    assert (refusal.rule, refusal.triggers, refusal.stage, refusal.score) == (
        FORBIDDEN_RULE,
        (MARKER,),
        "question",
        0.97,
    )
    assert [call.hook for call in out.record.trace.hooks] == ["before_turn"]
    for part in ("No forbidden things", "Nothing forbidden", "test.forbidden", "1.2", "Ask about something"):
        assert part in out.shown


def test_a_refused_answer_comes_out_of_no_door(through: Any, tmp_path: Path) -> None:
    out = through("what is this?", answer=f"first some words {MARKER} and more", plugins=[("rules", Rules())])
    assert out.record.status == "refused"
    assert out.record.refusal is not None
    assert out.record.refusal.stage == "answer"
    assert MARKER not in out.shown
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or MARKER.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("hook", ["before_turn", "check_segment", "after_turn"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_a_finished_message(through: Any, fault: Fault, hook: Any) -> None:
    begin = monotonic()
    out = through("what is this?", plugins=[("bad", FaultyPlugin(fault, hook))])
    assert monotonic() - begin < LIMIT_SECONDS
    if fault == "none":
        assert out.record.status == "answered"
    else:
        assert out.record.status == "refused"
        assert "bad" in out.shown
        assert "A check could not run" in out.shown


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_model_ends_in_a_finished_message(through: Any, fault: Fault) -> None:
    begin = monotonic()
    out = through("what is this?", fault=fault, first_token_seconds=0.5, queue_seconds=0.5)
    assert monotonic() - begin < LIMIT_SECONDS
    assert out.record.status == "failed"
    assert out.record.error in html.unescape(out.shown).replace("\\'", "'")


class Duty:
    """Puts a sentence under every answer to a question, masks the marker, and refuses a word of the question."""

    @hookimpl
    def before_turn(self, turn: Turn) -> list[Verdict]:
        verdicts = [Verdict(action="disclaim", rule=FORBIDDEN_RULE, message="Ask a doctor.")]
        at = turn.question.text.find("forbidden")
        if at >= 0:
            spans = (Span(start=at, end=at + len("forbidden")),)
            verdicts.append(Verdict(action="refuse", rule=FORBIDDEN_RULE, spans=spans))
        return verdicts

    @hookimpl
    def check_segment(self, released: str, segment: str, whole: bool) -> Verdict | None:
        at = segment.find(MARKER)
        if at < 0:
            return None
        spans = (Span(part="answer", start=len(released) + at, end=len(released) + at + len(MARKER)),)
        new = segment.replace(MARKER, "[removed]")
        return Verdict(action="revise", rule=FORBIDDEN_RULE, spans=spans, replacement=new)


def test_an_answer_with_a_duty_is_answered_with_it(through: Any) -> None:
    out = through("what is this?", plugins=[("duty", Duty())])
    assert out.record.status == "answered"
    assert out.record.answer == "a red circle\n\nAsk a doctor."
    assert "Ask a doctor." in out.shown


def test_a_mended_answer_is_all_that_comes_out(through: Any, tmp_path: Path) -> None:
    out = through("what is this?", f"the number {MARKER} of it", plugins=[("duty", Duty())])
    assert out.record.status == "answered"
    assert out.record.answer == "the number [removed] of it\n\nAsk a doctor."
    assert MARKER not in out.shown
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or MARKER.encode() not in file.read_bytes(), file


def test_a_refusal_names_the_part_that_can_be_asked(through: Any) -> None:
    out = through("How do I get forbidden things? What is in this picture?", plugins=[("duty", Duty())])
    assert out.record.status == "refused"
    assert out.record.refusal is not None
    assert out.record.refusal.harmless_part == "What is in this picture?"
    assert "What is in this picture?" in out.shown
    assert FORBIDDEN_RULE.id in out.shown
