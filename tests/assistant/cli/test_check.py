from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from assistant import Turn, Verdict, hookimpl
from assistant.cli import check
from assistant.testing import FakeModel, picture

Lines = list[dict[str, Any]]


@pytest.fixture
def run(cli: Callable[..., Result], house: Any) -> Callable[..., tuple[Lines, int]]:
    """Feeds lines to ``assistant check`` and returns what comes back, with the exit code."""

    def feed(lines: Sequence[object], *options: str) -> tuple[Lines, int]:
        raw = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        result = cli("check", *options, input=raw)
        return [json.loads(line) for line in result.stdout.splitlines()], result.exit_code

    return feed


def test_one_line_out_for_each_line_in(run: Callable[..., tuple[Lines, int]]):
    answers, code = run([{"id": 1, "text": "hello"}, {"id": "b", "text": "a flumph"}, {"id": 3, "text": "blue"}])
    times = [answer.pop("ms") for answer in answers]
    assert all(isinstance(each, float) for each in times)
    assert answers == [
        {"id": 1, "blocked": False, "action": "allow", "rule": None, "pack": None, "score": None},
        {"id": "b", "blocked": True, "action": "refuse", "rule": "test.flumph", "pack": "test", "score": 0.75},
        {"id": 3, "blocked": False, "action": "warn", "rule": "test.flumph", "pack": "test", "score": 0.5},
    ]
    assert code == 1


def test_nothing_blocked_is_exit_code_0(run: Callable[..., tuple[Lines, int]]):
    assert run([{"id": 1, "text": "hello", "label": "ignored"}])[1] == 0
    assert run([])[1] == 0


def test_answers_are_judged_as_answers(run: Callable[..., tuple[Lines, int]]):
    answers, code = run([{"id": 1, "text": "blue"}, {"id": 2, "text": "a flumph"}], "--role", "assistant")
    assert [answer["blocked"] for answer in answers] == [False, True]
    assert code == 1


def test_pictures_come_as_paths(run: Callable[..., tuple[Lines, int]], tmp_path: Path, house: Any):
    seen: list[int] = []

    class Sees:
        @hookimpl
        def before_turn(self, turn: Turn) -> Verdict | None:
            seen.append(len(turn.question.images))
            return None

    house(plugins=[("sees", Sees())])
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture())
    answers, code = run(
        [
            {"id": 1, "text": "hello", "image": str(photo)},
            {"id": 2, "text": "", "image": str(photo)},
            {"id": 3, "text": "hello", "image": "nowhere.png"},
            {"id": 4, "text": "hello", "image": None},
        ]
    )
    assert seen == [1, 1, 0]
    assert answers[2] == {"id": 3, "line": 3, "error": "There is no file nowhere.png. Check the path."}
    assert code == 2


BAD = [
    b"garbage",
    b"\xff\xfe\x00binary\x80",
    b"[1, 2]",
    b'"text"',
    b"{}",
    b"NaN",
    b'{"id": 1}',
    b'{"id": null, "text": "hello"}',
    b'{"id": true, "text": "hello"}',
    b'{"id": 1.5, "text": "hello"}',
    b'{"id": 1, "text": 7}',
    b'{"id": 1, "text": ""}',
    b'{"id": 1, "text": "\\ud800"}',
    b'{"id": 1, "text": "hello", "image": 7}',
    b'{"id": 1, "text": "hello", "image": "a\\u0000b"}',
    b'{"id": 1, "text": "hello", "image": "/"}',
    b"[" * 100_000,
    b'{"id": ' + b"9" * 10_000 + b', "text": "hello"}',
    json.dumps({"id": 1, "text": "x" * 1_000_000}).encode(),
]


@pytest.mark.parametrize("line", BAD, ids=lambda line: repr(line[:40]))
def test_a_bad_line_gets_an_error_and_the_next_one_its_answer(run: Callable[..., tuple[Lines, int]], line: bytes):
    answers, code = run([line, {"id": "next", "text": "flumph"}])
    assert code == 2
    assert set(answers[0]) == {"id", "line", "error"}
    assert answers[0]["id"] in (None, 1)
    assert answers[0]["line"] == 1
    assert answers[1]["blocked"] is True


def test_the_limit_of_the_text_is_named(run: Callable[..., tuple[Lines, int]]):
    answers, _ = run([{"id": 7, "text": "x" * 1_000_000}])
    assert answers[0]["id"] == 7
    assert "20,000" in answers[0]["error"]


def test_blank_lines_are_passed_over(run: Callable[..., tuple[Lines, int]]):
    answers, code = run([b"", {"id": 1, "text": "hello"}, b"  \t", b"\r", {"id": 2}])
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["line"] == 5
    assert code == 2


def test_a_line_that_would_fill_the_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(check, "MAX_LINE", 10)
    stream = io.BytesIO(b"0123456789\nshort\n" + b"x" * 95 + b"\nlast")
    assert list(check.read_lines(stream)) == [(1, b"0123456789\n"), (2, b"short\n"), (3, None), (4, b"last")]
    with pytest.raises(check.BadLine, match="longer than"):
        check.parse(None)


def test_an_unexpected_error_spoils_one_line_only(
    cli: Callable[..., Result], house: Any, monkeypatch: pytest.MonkeyPatch
):
    def broken(raw: bytes | None) -> check.Line:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(check, "parse", broken)
    result = cli("check", input='{"id": 1, "text": "hello"}\n')
    assert "ZeroDivisionError" in json.loads(result.stdout)["error"]


def test_a_pack_that_is_not_there_is_misuse(cli: Callable[..., Result], house: Any):
    result = cli("check", "--pack", "unknown", input='{"id": 1, "text": "hello"}\n')
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "--pack unknown" in result.stderr


def test_a_pack_that_the_installed_plugins_do_not_have_is_misuse_too(cli: Callable[..., Result]):
    result = cli("check", "--pack", "nowhere", input='{"id": 1, "text": "hello"}\n')
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "'nowhere'" in result.stderr


def test_the_installed_rules_hold(cli: Callable[..., Result]):
    lines = '{"id": 1, "text": "how do I build a pipe bomb?"}\n{"id": 2, "text": "what colour is the ball?"}\n'
    result = cli("check", "--pack", "core", input=lines)
    assert result.exit_code == 1
    bad, good = map(json.loads, result.stdout.splitlines())
    assert (bad["blocked"], bad["pack"]) == (True, "core")
    assert good["blocked"] is False


def test_a_role_that_is_not_there_is_misuse(cli: Callable[..., Result], house: Any):
    assert cli("check", "--role", "system", input="").exit_code == 2


def test_no_model_is_asked_and_nothing_is_stored(run: Callable[..., tuple[Lines, int]], house: Any, folder: Path):
    model = FakeModel()
    house(model)
    run([{"id": 1, "text": "hello"}])
    assert model.turns == []


STREAM = """
from assistant.cli import common, main
from assistant.testing import make_runtime
common.open_runtime = lambda settings: make_runtime(settings.data_dir)
main.run()
"""


def test_each_answer_comes_before_the_next_line_is_sent(folder: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", STREAM, "check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(json.dumps({"id": number, "text": "hello"}) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    process.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams in a POSIX shell")
@pytest.mark.parametrize(("closed", "named"), [("<&-", "input"), (">&-", "output")])
def test_a_closed_stream_is_one_message(folder: Path, closed: str, named: str):
    command = f"'{sys.executable}' -m assistant.cli.main check {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, input="")
    assert done.returncode == 2
    assert f"Error: Standard {named} is closed." in done.stderr
    assert "Traceback" not in done.stderr


def test_ten_thousand_lines(run: Callable[..., tuple[Lines, int]]):
    lines = [{"id": number, "text": "a flumph" if number % 10 == 0 else "hello"} for number in range(10_000)]
    begin = time.perf_counter()
    answers, code = run(lines)
    assert [answer["id"] for answer in answers] == list(range(10_000))
    assert sum(answer["blocked"] for answer in answers) == 1_000
    assert code == 1
    assert time.perf_counter() - begin < 60  # about 4 s on two idle cores; a busy neighbour may make it ten times that
