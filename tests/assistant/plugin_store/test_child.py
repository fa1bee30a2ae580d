"""Plugins in a child process: they work like any other, and whatever they do ends as a named failure of theirs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant import Feedback
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.testing import FakeModel, _Backends, ask, picture  # pyright: ignore[reportPrivateUsage]

pytestmark = pytest.mark.timeout(300)

RULE = 'RULE = Rule(id="r", title="t", text="x", pack="p", pack_version="1")\n'
LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what this system cannot do is said in its list"
)


@contextmanager
def house(folder: Path, **settings: Any) -> Iterator[Runtime]:
    """A runtime with the plugins that are installed in the folder, and none of the environment that must hold."""
    values: dict[str, Any] = {"data_dir": folder, "model": "fake", "required_plugins": frozenset(), **settings}
    runtime = Runtime(Settings(**values), plugins=[("fakes", _Backends([FakeModel()]))])
    try:
        yield runtime
    finally:
        runtime.close()


def pid_of(runtime: Runtime, name: str) -> int:
    process = runtime.extensions._children[name].process._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    return process.pid


def test_a_check_in_a_child_refuses_like_any_other(tmp_path: Path, put: Callable[..., Any]) -> None:
    source = RULE + (
        "print('a plugin may print')\n"
        "@hookimpl(phase='judge', on_failure='open', time_limit=2)\n"
        "def before_turn(turn):\n"
        "    print('and here')\n"
        "    at = turn.question.text.find('flumph')\n"
        "    if at >= 0:\n"
        "        return Verdict(action='refuse', rule=RULE, spans=(Span(start=at, end=at + 6),))\n"
    )
    put("flumphs", source, "before_turn")
    with house(tmp_path) as runtime:
        status = runtime.extensions.status["flumphs"]
        assert (status.state, status.place, status.hooks) == ("working", "child", ("before_turn",))
        assert pid_of(runtime, "flumphs") != os.getpid()
        first, second = ask(runtime, "what is a flumph?"), ask(runtime, "what is this?")
    assert first.refusal is not None
    assert first.refusal.triggers == ("flumph",)
    assert second.status == "answered"
    call = next(each for each in second.trace.hooks if each.plugin == "flumphs")
    assert (call.phase, call.outcome) == ("judge", "ok")


def test_questions_before_come_along_and_pictures_only_where_declared(tmp_path: Path, put: Callable[..., Any]) -> None:
    source = (
        "@hookimpl\ndef before_turn(turn):\n"
        "    said = f'{len(turn.earlier)} before, {sum(len(each.data) for each in turn.images)} bytes'\n"
        "    return Verdict(action='warn', message=said)\n"
    )
    put("blind", source, "before_turn")
    put("sees", source, "before_turn", pictures=True)
    with house(tmp_path) as runtime:
        first = ask(runtime, "what is this?", [picture()])
        second = ask(runtime, "and that?", conversation_id=first.turn.conversation_id)
    size = len(first.turn.question.images[0].data)
    assert "0 before, 0 bytes" in first.trace.notes
    assert f"0 before, {size} bytes" in first.trace.notes
    assert f"1 before, {size} bytes" in second.trace.notes


def test_ratings_reasons_readings_and_explanations_come_from_a_child(tmp_path: Path, put: Callable[..., Any]) -> None:
    source = (
        "class Plugin:\n"
        "    def __init__(self):\n        self.count = 0\n"
        "    @hookimpl\n    def feedback_reasons(self):\n        return ['Too short']\n"
        "    @hookimpl\n    def record_feedback(self, feedback, record):\n        self.count += 1\n"
        "        return Receipt(stored=True, message=f'{feedback.rating} number {self.count}')\n"
        "    @hookimpl\n    def read_picture(self, image):\n"
        "        box = Region(left=0, top=0, right=1, bottom=1)\n"
        "        return Reading(reader='r', texts=(ReadText(text=str(len(image.data)), region=box, confidence=1),))\n"
        "    @hookimpl\n    def explain_word(self, record, trace, word):\n"
        "        look = float(trace.cross_attention[0].sum())\n"
        "        return Explanation(method='m', title='t', word=trace.words[word].text, text=f'{look:.0f}')\n"
        "    @hookimpl\n    def turn_finished(self, record):\n        pass\n"
    )
    put("many", source, "feedback_reasons", "record_feedback", "read_picture", "explain_word", "turn_finished")
    with house(tmp_path, disabled_plugins=frozenset({"feedback", "reading", "visualizers", "backends"})) as runtime:
        record = ask(runtime, "what is this?", [picture()])
        reading = record.turn.question.images[0].reading
        assert reading is not None
        assert reading.text == str(len(record.turn.question.images[0].data))
        assert "Too short" in runtime.feedback_reasons()
        said = [runtime.give_feedback(Feedback(turn_id=record.id, rating=rate)).message for rate in ("up", "none")]
        assert said == ["up number 1", "none number 2"]
        (explained,) = runtime.explain(record.id, 1)
        assert explained.word == "red"
        assert float(explained.text) > 0


EVALUATOR = (
    "class Loud:\n    name = 'loud'\n    cost = 'light'\n"
    "    def check_options(self, options):\n        if options:\n            raise ValueError('expected none')\n"
    "    def evaluate(self, subject, options):\n"
    "        if 'fail' in subject.text:\n            raise RuntimeError('no idea')\n"
    "        if subject.text.isupper():\n"
    "            return Finding(score=0.9, spans=(Span(part=subject.part, start=0, end=len(subject.text)),))\n"
    "@hookimpl\ndef register_evaluators():\n    return [Loud()]\n"
)
PACK = """id: quiet
version: "1.0"
title: Quiet
domain: general
licence: CC0-1.0
principles:
  - {id: quiet.loud, title: Loud, text: Not so loud., kind: autonomy, applies_to: [input], action: refuse,
     instead: Ask quietly., evaluators: [{name: loud, threshold: 0.5}]}
tests:
  - {text: "WHAT", expect: refuse, rule: quiet.loud}
  - {text: "what", expect: allow, rule: quiet.loud}
"""


def test_an_evaluator_in_a_child_serves_a_pack_and_its_failures_are_its_own(
    tmp_path: Path, put: Callable[..., Any]
) -> None:
    put("loud", EVALUATOR, "register_evaluators")
    (tmp_path / "quiet.yaml").write_text(PACK)
    with house(tmp_path) as runtime:
        runtime.packs.add(str(tmp_path / "quiet.yaml"), "test")
        runtime.packs.enable("quiet", None, "test")
        refused = ask(runtime, "WHAT IS THIS")
        assert refused.refusal is not None
        assert refused.refusal.rule.id == "quiet.loud"
        assert ask(runtime, "what is this").status == "answered"
        with pytest.raises(ValueError, match="expected none"):
            runtime.host.evaluators["loud"].check_options({"x": 1})
        for _ in range(3):
            failed = ask(runtime, "please fail")
            assert failed.refusal is not None
            assert failed.refusal.cause == "check_failed"
            assert "'loud'" in failed.refusal.message
        assert runtime.extensions.status["loud"].state == "switched_off"
        assert runtime.extensions.status["constitutions"].state == "working"


BAD = {
    "raises": ("raise ValueError('a planted fault')", "a planted fault"),
    "hangs": ("import time\n    time.sleep(3600)", "took longer than 1 s"),
    "spins": ("\n    while True: pass", "took longer than 1 s"),
    "exits": ("raise SystemExit(3)", "SystemExit"),
    "ends its process": ("import os\n    os._exit(7)", "ended with code 7"),
    "crashes": ("import ctypes\n    ctypes.string_at(1)", "SIGSEGV"),
    "eats memory": ("hoard = []\n    while True: hoard.append(bytearray(10**8))", "MemoryError"),
    "opens files": ("hoard = []\n    while True: hoard.append(open('/dev/null'))", "Too many open files"),
    "prints too much": ("\n    while True: print('x' * 10000)", "printed more than"),
    "answers too much": ("return [Verdict(action='warn', message='x' * 9_000_000)]", "answered with more than"),
    "returns something else": ("return 42", "expected None, a Verdict"),
    "writes garbage to the pipe": (
        "import sys\n    sys._getframe(2).f_locals['replies'].write(b'{garbage}\\n')",
        "broke the protocol",
    ),
}


@pytest.mark.parametrize(("body", "says"), BAD.values(), ids=BAD)
def test_whatever_a_child_does_is_a_named_failure_and_the_next_call_works(
    body: str, says: str, tmp_path: Path, put: Callable[..., Any]
) -> None:
    limit = 1 if says.startswith("took") else 30
    source = f"@hookimpl(time_limit={limit})\ndef before_turn(turn):\n"
    source += f"    if 'go' not in turn.question.text: return\n    {body}\n"
    put("bad", source, "before_turn")
    with house(tmp_path) as runtime:
        begin = time.monotonic()
        failed = ask(runtime, "go")
        assert time.monotonic() - begin < 60  # seconds, on a busy machine; a call may take 30
        assert failed.refusal is not None
        assert failed.refusal.cause == "check_failed"
        assert failed.refusal.plugin == "bad"
        assert says in failed.refusal.message
        assert ask(runtime, "what is this?").status == "answered"


def test_the_declaration_of_the_child_decides(tmp_path: Path, put: Callable[..., Any]) -> None:
    put("open", "@hookimpl(on_failure='open')\ndef before_turn(turn):\n    raise ValueError('x')\n", "before_turn")
    with house(tmp_path) as runtime:
        record = ask(runtime, "hello")
    assert record.status == "answered"
    assert any("went on without it" in note for note in record.trace.notes)


def test_a_child_that_somebody_ends_is_started_again(tmp_path: Path, put: Callable[..., Any]) -> None:
    put("plain", "@hookimpl\ndef before_turn(turn):\n    pass\n", "before_turn")
    with house(tmp_path) as runtime:
        before = pid_of(runtime, "plain")
        os.kill(before, 9)
        time.sleep(0.2)
        assert ask(runtime, "hello").status == "answered"
        after = pid_of(runtime, "plain")
        assert after != before
    with pytest.raises(ProcessLookupError):
        os.kill(after, 0)


SECRETS = (
    "import os, socket, subprocess, signal\n"
    "from pathlib import Path\n"
    "def tried(what):\n"
    "    try:\n        return str(what())\n"
    "    except BaseException as error:\n        return type(error).__name__\n"
    "@hookimpl\ndef before_turn(turn):\n"
    "    home = Path(os.environ['HOME'])\n"
    "    found = {{\n"
    "        'token': os.environ.get('MY_TOKEN'), 'settings': os.environ.get('GLASSBOX_DATA_DIR'),\n"
    "        'database': tried(lambda: Path({database!r}).read_bytes()[:6]),\n"
    "        'outside': tried(lambda: Path({outside!r}).write_text('x')),\n"
    "        'itself': tried(lambda: Path(__file__).write_text('x')),\n"
    "        'own': tried(lambda: (home / 'notes').write_text('x')),\n"
    "        'network': tried(lambda: socket.create_connection(('127.0.0.1', {port}), 2)),\n"
    "        'program': tried(lambda: subprocess.run(['/bin/ls'])),\n"
    "        'signal': tried(lambda: os.kill({pid}, 0)),\n"
    "    }}\n"
    "    return Verdict(action='warn', message=repr(found))\n"
)


@LINUX
def test_what_a_child_cannot_reach(tmp_path: Path, put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("MY_TOKEN", "secret")
    listener = socket.create_server(("127.0.0.1", 0))
    source = SECRETS.format(
        database=str(tmp_path / "glassbox.sqlite3"),
        outside=str(tmp_path / "out"),
        port=listener.getsockname()[1],
        pid=os.getpid(),
    )
    put("nosy", source, "before_turn")
    put("talks", source, "before_turn", network=("127.0.0.1",))
    with house(tmp_path) as runtime:
        confined = runtime.extensions.status["nosy"].confined
        record = ask(runtime, "hello")
    listener.close()
    nosy, talks = (
        eval(next(each.verdict.message for each in record.trace.verdicts if each.plugin == name))
        for name in ("nosy", "talks")
    )
    assert (nosy["token"], nosy["settings"]) == (None, None)
    assert nosy["own"] == "1"
    if "no files but its own and Python's" in confined:
        assert {nosy[what] for what in ("database", "outside", "itself")} == {"PermissionError"}
        assert nosy["program"] == "PermissionError"
    if "no signals to others" in confined:
        assert nosy["signal"] == "PermissionError"
    if "no network" in confined or "no TCP connections" in confined:
        assert nosy["network"] in ("OSError", "PermissionError", "ConnectionRefusedError")
    assert talks["network"].startswith("<socket")


WRONG = {
    "an undeclared hook": (
        "@hookimpl\ndef before_turn(turn): pass\n@hookimpl\ndef after_turn(answer): pass\n",
        ["before_turn"],
        "did not declare",
    ),
    "a hook for the inside": ("@hookimpl\ndef startup(host): pass\n", ["startup"], "cannot run in a child"),
    "an argument that is not there": (
        "@hookimpl\ndef before_turn(question): pass\n",
        ["before_turn"],
        "no argument 'question'",
    ),
    "it raises": ("raise RuntimeError('half')\n", [], "half"),
    "it exits": ("import sys\nsys.exit(4)\n", [], "SystemExit"),
    "it ends its process": ("import os\nos._exit(4)\n", [], "code 4"),
}


@pytest.mark.parametrize(("source", "hooks", "says"), WRONG.values(), ids=WRONG)
def test_a_child_that_cannot_start_is_broken_and_the_rest_works(
    source: str, hooks: list[str], says: str, tmp_path: Path, put: Callable[..., Any]
) -> None:
    put("bad", source, *hooks)
    with house(tmp_path) as runtime:
        status = runtime.extensions.status["bad"]
        assert (status.state, status.place) == ("broken", "child")
        assert says in status.detail
        assert "assistant plugins disable bad" in status.detail
        assert ask(runtime, "hello").status == "answered"


def test_a_changed_file_is_not_loaded(tmp_path: Path, put: Callable[..., Any]) -> None:
    for name, trusted in (("childish", False), ("trusty", True)):
        put(name, "@hookimpl\ndef before_turn(turn): pass\n", "before_turn", trusted=trusted)
        (tmp_path / "plugins" / "packages" / f"{name}-1.0-test" / f"{name}.py").write_text("import os\n")
    with house(tmp_path) as runtime:
        for name in ("childish", "trusty"):
            assert runtime.extensions.status[name].state == "broken"
            assert f"{name}.py was changed" in runtime.extensions.status[name].detail


def test_a_trusted_one_runs_inside(tmp_path: Path, put: Callable[..., Any]) -> None:
    source = "import os\n@hookimpl\ndef before_turn(turn): return Verdict(action='warn', message=str(os.getpid()))\n"
    put("inside_plugin", source, "before_turn", trusted=True)
    with house(tmp_path) as runtime:
        assert runtime.extensions.status["inside_plugin"].place == "inside"
        assert str(os.getpid()) in ask(runtime, "hello").trace.notes


def test_safe_mode_disabling_and_a_broken_lock(tmp_path: Path, put: Callable[..., Any]) -> None:
    put("plain", "@hookimpl\ndef before_turn(turn): pass\n", "before_turn")
    with house(tmp_path, safe_mode=True) as runtime:
        assert runtime.extensions.status["plain"].state == "left_out"
    with house(tmp_path, disabled_plugins=frozenset({"plain"})) as runtime:
        assert runtime.extensions.status["plain"].state == "disabled"
    (tmp_path / "plugins" / "lock.json").write_text("{")
    with house(tmp_path) as runtime:
        assert runtime.extensions.status["installed plugins"].state == "broken"
        assert "lock.json" in runtime.extensions.status["installed plugins"].detail
        assert ask(runtime, "hello").status == "answered"


def test_one_that_ended_the_program_while_it_was_imported_is_left_out_until_it_is_enabled(
    tmp_path: Path, put: Callable[..., Any]
) -> None:
    from assistant.plugin_store.start_marks import StartMarks

    put("deadly", "@hookimpl\ndef before_turn(turn): pass\n", "before_turn", trusted=True)
    (tmp_path / "plugins" / "starting").mkdir()
    (tmp_path / "plugins" / "starting" / "deadly").write_text("4194304")  # no process has that number
    with house(tmp_path) as runtime:
        status = runtime.extensions.status["deadly"]
        assert status.state == "broken"
        assert "assistant plugins enable deadly" in status.detail
    StartMarks(tmp_path).forget("deadly")
    with house(tmp_path) as runtime:
        assert runtime.extensions.status["deadly"].state == "working"
    assert list((tmp_path / "plugins" / "starting").iterdir()) == []


def test_settings_of_a_child_hold_for_one_person_and_are_checked_there(tmp_path: Path, put: Callable[..., Any]) -> None:
    source = (
        "from pydantic import Field\n"
        "class Wishes(PluginSettings):\n    greeting: str = Field(default='hello', max_length=9)\n"
        "@hookimpl\ndef register_settings():\n    return Wishes\n"
        "@hookimpl\ndef before_turn(turn):\n"
        "    return Verdict(action='warn', message=f'{settings_of(Wishes).greeting} {turn.question.text}')\n"
    )
    put("greets", source, "register_settings", "before_turn")
    with house(tmp_path) as runtime:
        choices = runtime.extensions.choices
        assert choices.forms["greets"].fields["greeting"]["maxLength"] == 9
        assert list(choices.save("greets", "anna", {"greeting": "much too long"}, operator=False)) == ["greeting"]
        for owner in ("anna", "bert"):
            assert choices.save("greets", owner, {"greeting": owner}, operator=False) == {}
        people = {owner: runtime.for_person(owner) for owner in ("anna", "bert")}
        for number in range(6):
            owner = ("anna", "bert")[number % 2]
            assert f"{owner} {number}" in ask(people[owner], str(number)).trace.notes
        assert "hello x" in ask(runtime, "x").trace.notes
