from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from assistant import Turn, TurnRecord, Verdict, hookimpl
from assistant.settings import Settings
from assistant.store import Store
from assistant.testing import FakeModel, picture


class Chatty:
    """Prints where it should not, and adds a disclaimer."""

    @hookimpl(phase="observe")
    def after_turn(self, answer: str) -> Verdict:
        return Verdict(action="disclaim", message="Made by a machine.")

    @hookimpl(phase="observe")
    def turn_finished(self, record: TurnRecord) -> None:
        print("a plugin prints", record.status)


def stored(folder: Path) -> list[TurnRecord]:
    store = Store(Settings(data_dir=folder).database)
    try:
        return [store.branch(each.id)[-1] for each in store.conversations()]
    finally:
        store.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(picture())
    return path


def test_answer_on_stdout_and_steps_on_stderr(cli: Callable[..., Result], house: Any, photo: Path, folder: Path):
    result = cli("ask", str(photo), "what is this?")
    assert result.exit_code == 0
    assert result.stdout == "a red circle\n"
    assert "Reading the picture" in result.stderr
    record = stored(folder)[0]
    assert record.turn.door == "cli"
    assert record.turn.question.text == "what is this?"
    assert [image.name for image in record.turn.question.images] == ["photo.png"]


def test_a_question_about_places(cli: Callable[..., Result], house: Any, photo: Path, folder: Path):
    result = cli("ask", "--place", "2:0,0,50,50", "--place", "10,20,40,50", str(photo), str(photo), "what is this?")
    assert result.exit_code == 0
    regions = stored(folder)[0].turn.question.regions
    assert [(each.image, each.left, each.top, each.right, each.bottom) for each in regions] == [
        (0, 0.1, 0.2, 0.4, 0.5),
        (1, 0, 0, 0.5, 0.5),
    ]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("10,20,40", "four edges; 3 came"),
        ("a,b,c,d", "is no place"),
        ("nan,0,50,50", "0 to 100 percent"),
        ("10,20,40,150", "0 to 100 percent"),
        ("40,20,10,50", "right of the left"),
        ("0:10,20,40,50", "number 1"),
        ("2:10,20,40,50", "in picture 2, and 1 came"),
        ("10,20,10.001,50", "wider and higher"),
    ],
)
def test_a_place_that_cannot_be_is_misuse(
    cli: Callable[..., Result], house: Any, photo: Path, folder: Path, place: str, says: str
):
    result = cli("ask", str(photo), "what is this?", "--place", place)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not stored(folder)


def test_json_is_the_record_that_was_stored(cli: Callable[..., Result], house: Any, photo: Path, folder: Path):
    result = cli("ask", str(photo), str(photo), "what is this?", "--json")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    record = TurnRecord.model_validate_json(result.stdout)
    assert record.status == "answered"
    assert len(record.turn.question.images) == 2
    assert record.id == stored(folder)[0].id


def test_only_the_answer_is_on_stdout_even_where_a_plugin_prints(cli: Callable[..., Result], house: Any):
    house(plugins=[("chatty", Chatty())])
    result = cli("ask", "hello")
    assert result.stdout == "a red circle\n\nMade by a machine.\n"
    assert "a plugin prints answered" in result.stderr
    assert json.loads(cli("ask", "hello", "--json").stdout)["status"] == "answered"


def test_a_refusal_is_a_card_and_exit_code_1(cli: Callable[..., Result], house: Any, folder: Path):
    result = cli("ask", "say flumph")
    assert result.exit_code == 1
    assert "Rule test.flumph, pack test 1.2." in result.stdout
    assert "“flumph”" in result.stdout
    assert "red circle" not in result.stdout
    assert stored(folder)[0].status == "refused"
    as_json = cli("ask", "say flumph", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["refusal"]["rule"]["id"] == "test.flumph"


def test_an_answer_that_is_refused_midway_is_withdrawn(cli: Callable[..., Result], house: Any):
    house(FakeModel("a long harmless beginning " * 12 + "and then a flumph", seconds_per_word=0.005))
    result = cli("ask", "hello")
    assert result.exit_code == 1
    assert "then a flumph" not in result.stdout
    assert result.stdout.startswith("a long harmless beginning")
    assert "withdrawn" in result.stderr
    assert result.stdout.rstrip().splitlines()[-1].startswith("The drafted answer broke the rule")


def test_a_failing_model_is_exit_code_1(cli: Callable[..., Result], house: Any):
    house(FakeModel(fault="raise"))
    result = cli("ask", "hello")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: The model 'fake' failed while answering" in result.stderr


def test_an_unsure_answer_says_so(cli: Callable[..., Result], house: Any):
    house(FakeModel("I can't tell.", unsure=True))
    result = cli("ask", "what is this?")
    assert result.exit_code == 0
    assert result.stdout == "I can't tell.\n"
    assert "not sure" in result.stderr


def test_the_question_may_come_from_stdin(cli: Callable[..., Result], house: Any, folder: Path):
    assert cli("ask", "-", input="what is\nthis?\n").exit_code == 0
    assert stored(folder)[0].turn.question.text == "what is\nthis?"


def test_unusable_input_is_misuse_with_a_message(
    cli: Callable[..., Result], house: Any, photo: Path, tmp_path: Path, folder: Path
):
    bare = tmp_path / "photo"
    bare.write_bytes(picture())
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    trials = {
        "QUESTION": [],
        "There is no question": [""],
        "is a picture": [str(photo)],
        f"{bare} is a picture": [str(bare)],
        f"{photo} is a picture": ["what is this?", str(photo)],
        "no such file": ["nowhere.jpg"],
        "There is no file nowhere.jpg": ["nowhere.jpg", "what is this?"],
        "is a folder": [str(tmp_path), "what is this?"],
        "“empty.png” is empty": [str(empty), "what is this?"],
        "at most 20,000": ["x" * 100_000],
        "no model 'gpt'": ["hello", "--model", "gpt"],
        "there is no pack 'unknown'": ["hello", "--pack", "unknown"],
        "not valid UTF-8": ["caf\udce9?"],
    }
    for expected, arguments in trials.items():
        result = cli("ask", *arguments, "--json")
        assert result.exit_code == 2, arguments
        assert expected in result.stderr.replace("\n", " "), arguments
        assert result.stdout == ""
    assert stored(folder) == []


def test_a_file_whose_name_is_not_utf8(cli: Callable[..., Result], house: Any, tmp_path: Path, folder: Path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(name)).write_bytes(picture())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    result = cli("ask", os.fsdecode(name), "what is this?", "--json")
    assert result.exit_code == 0
    assert stored(folder)[0].turn.question.images[0].name == "caf\ufffd.png"


SLOW = """
import sys
from pathlib import Path
from assistant.cli import common, main
from assistant.testing import FakeModel, make_runtime
model = FakeModel("one two three four five " * 100, seconds_per_word=0.02)
common.open_runtime = lambda settings: make_runtime(settings.data_dir, model=model)
main.run()
"""


def start_slow_answer() -> subprocess.Popen[bytes]:
    """A process that has just written the first word of a long answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "ask", "hello"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stdout.read(3) == b"one"
    return process


def test_ctrl_c_stops_the_answer_and_keeps_it(folder: Path):
    process = start_slow_answer()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    record = stored(folder)[0]
    assert record.status == "stopped"
    assert ("one" + rest.decode()).strip() == record.answer.strip()


def test_a_reader_that_goes_away_is_no_crash(folder: Path):
    process = start_slow_answer()
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=20)
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors
    assert stored(folder)[0].status == "stopped"


def test_turn_objects_are_what_the_model_gets(cli: Callable[..., Result], house: Any, photo: Path):
    seen: list[Turn] = []

    def answer(turn: Turn) -> str:
        seen.append(turn)
        return "fine"

    house(FakeModel(answer))
    cli("ask", str(photo), "what is this?", "--model", "fake", "--pack", "a", "--pack", "b")
    assert seen[0].settings.model == "fake"
    assert seen[0].settings.packs == ("a", "b")
