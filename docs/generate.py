"""Writes the reference pages from the program itself, so that they cannot drift: ``python docs/generate.py``.

With ``--check`` nothing is written; the exit code is 1 where a page is out of date.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any, Literal

import typer.main

from assistant import Backend, Host, Turn, TurnRecord, hookimpl
from assistant.cli.main import app
from assistant.extensions import GROUP
from assistant.hookspecs import Hooks, hook_names
from assistant.marks import CHECKING_HOOKS, PHASES
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.store import Store
from assistant.testing import FAULTS, FakeModel, Fault, FaultyPlugin, ask, commit

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py. Change the program, then type: python docs/generate.py -->\n"


# Commands


def commands_page() -> str:
    """The page about every command."""
    root: Any = typer.main.get_command(app)
    lines = [NOTICE, "# Commands", "", _plain(root.help), "", _plain(root.epilog), ""]
    lines += _command("assistant", root)
    return "\n".join(lines).rstrip() + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    names: list[str] = command.list_commands(None) if hasattr(command, "list_commands") else []
    below = {name: command.get_command(None, name) for name in names}
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = [path, "[OPTIONS]", *(_argument(each) for each in arguments), *(["COMMAND"] if below else [])]
    yield f"## {path}"
    yield ""
    if " " in path:
        yield _plain(command.help)
        yield ""
    yield from ("```", " ".join(usage), "```", "")
    if arguments or options:
        yield from ("| | |", "|---|---|")
        for each in arguments:
            yield f"| `{_argument(each)}` | {_cell(each.help)} |"
        for each in options:
            names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
            value = "" if each.is_flag else f" `{_value(each)}`"
            yield f"| {names}{value} | {_cell(each.help)}{_default(each)} |"
        yield ""
    if below:
        for name, each in below.items():
            yield f"- [`{path} {name}`](#{f'{path} {name}'.replace(' ', '-')}): {_first_line(each.help)}"
        yield ""
    for name, each in below.items():
        yield from _command(f"{path} {name}", each)


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = name if argument.required else f"[{name}]"
    return name if argument.nargs == 1 else f"{name}..."


def _value(option: Any) -> str:
    if option.metavar:
        return option.metavar
    choices = getattr(getattr(option, "type_descriptor", None) or option.type, "choices", None)
    return "|".join(choices) if choices else option.name.upper()


def _default(option: Any) -> str:
    return f" Left out: `{option.default}`." if isinstance(option.default, str | int) and not option.is_flag else ""


def _plain(text: str | None) -> str:
    return dedent(text or "").strip()


def _first_line(text: str | None) -> str:
    return _plain(text).splitlines()[0]


def _cell(text: str | None) -> str:
    return " ".join(_plain(text).split()).replace("|", "\\|")


# Hooks


def hooks_page() -> str:
    """The page about every hook, in the order in which a turn meets them."""
    document = inspect.getdoc(sys.modules[Hooks.__module__]) or ""
    lines = [NOTICE, "# Hooks", "", _reflow(document), ""]
    lines += [
        f"The phases, in order: {', '.join(f'`{phase}`' for phase in PHASES)}.",
        f"A call may take {Settings.model_fields['hook_seconds'].default:g} s (the setting `hook_seconds`), unless the",
        "plugin declares another limit; hooks that are called once, at start, six times as long.",
        "",
        "What becomes of a turn when an implementation fails stands in [failures.md](failures.md).",
        "",
    ]
    names = [name for name in vars(Hooks) if name in hook_names()]
    for name in names:
        lines += _hook(name, getattr(Hooks, name))
    return "\n".join(lines).rstrip() + "\n"


def _hook(name: str, function: Callable[..., Any]) -> Iterator[str]:
    signature = inspect.signature(function)
    arguments = [each for each in signature.parameters.values() if each.name != "self"]
    shown = signature.replace(parameters=arguments)
    sections = _sections(inspect.getdoc(function) or "")
    yield from (f"## {name}", "", "```python", f"def {name}{str(shown).replace(chr(39), '')}: ...", "```", "")
    yield from (_reflow(sections[""]), "")
    if "Args" in sections:
        for each in re.split(r"\n(?=\w+: )", sections["Args"]):
            argument, _, text = each.partition(": ")
            yield f"- `{argument}`: {_reflow(text)}"
        yield ""
    yield from (f"**Returns** {_reflow(sections['Returns'])}", "")
    if name in CHECKING_HOOKS:
        yield from ('**Unless declared otherwise**, `on_failure="closed"` holds.', "")
    code = "\n".join(line[4:] for line in sections["Example"].splitlines())
    yield from ("```python", code, "```", "")


def _sections(document: str) -> dict[str, str]:
    """The parts of a docstring in Google form; the text before the first heading under ""."""
    parts = re.split(r"^(Args|Returns|Example):\n", document, flags=re.MULTILINE)
    found = {"": parts[0].strip()}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        found[heading] = dedent(text).strip()
    return found


def _reflow(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).replace("``", "`")


# Failures

Hook = Literal["before_turn", "check_segment", "after_turn", "turn_finished"]
HOOKS: tuple[Hook, ...] = ("before_turn", "check_segment", "after_turn", "turn_finished")
DECLARED: tuple[Literal["closed", "open"], ...] = ("closed", "open")

QUESTION = "what is this?"

FAULT_TEXTS: dict[Fault, str] = {
    "raise": "raises an exception",
    "hang": "does not come back within its time limit",
    "none": "returns `None`",
    "wrong_type": "returns something that the hook does not allow",
    "mutate": "changes its argument",
    "exit": "calls `sys.exit`",
}


class _Backends:
    def __init__(self, model: Backend) -> None:
        self._model = model

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        return [self._model]


class _FailsAtStart:
    def __init__(self, fault: Fault, *, checks: bool) -> None:
        @hookimpl(time_limit=0.3)
        def startup(host: Host) -> None:
            commit(fault, host)

        @hookimpl(on_failure="closed")
        def before_turn(turn: Turn) -> None:
            return None

        self.startup = startup
        if checks:
            self.before_turn = before_turn


class _Trials:
    """Turns with something planted in them. One database serves them all."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(data_dir=folder, model="fake", first_token_seconds=0.5, next_token_seconds=0.5)
        self._store = Store(self._settings.database)

    def runtime(self, model: Backend, plugin: object | None = None, required: bool = False) -> Runtime:
        """A fresh runtime with that model and that plugin."""
        plugins = [("backends", _Backends(model)), *([("faulty", plugin)] if plugin else [])]
        settings = self._settings.model_copy(update={"required_plugins": frozenset({"faulty"} if required else ())})
        return Runtime(settings, plugins=plugins, discover=False, store=self._store)

    def turn(self, model: Backend, plugin: object | None = None) -> TurnRecord:
        """One turn of a fresh runtime."""
        return ask(self.runtime(model, plugin), QUESTION)

    def close(self) -> None:
        self._store.close()


def failures_page() -> str:
    """What becomes of a turn for each planted fault, found by planting it."""
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        trials = _Trials(Path(folder))
        try:
            lines = [NOTICE, *_failures(trials)]
        finally:
            trials.close()
            logging.disable(logging.NOTSET)
    return "\n".join(lines).rstrip() + "\n"


def _failures(trials: _Trials) -> Iterator[str]:
    yield from ("# What becomes of a turn when something fails", "")
    yield "Every line was found by planting the fault (`FaultyPlugin`, `FakeModel` of `assistant.testing`) and asking a"
    yield from ("question. A plugin declares `on_failure` for each hook with `@hookimpl`.", "")
    for hook in HOOKS:
        usual = "closed" if hook in CHECKING_HOOKS else "open"
        yield from (f"## A plugin fails in `{hook}`", "", f"Where nothing is declared, `{usual}` holds.", "")
        yield from ("| the plugin | the trace calls it | declared `closed` | declared `open` |", "|---|---|---|---|")
        for fault in FAULTS:
            records = [trials.turn(FakeModel(), FaultyPlugin(fault, hook, each)) for each in DECLARED]
            yield f"| {FAULT_TEXTS[fault]} | {_in_trace(records[0], hook)} | {' | '.join(map(_ending, records))} |"
        yield ""
    yield from _repeated(trials)
    yield from _at_start(trials)
    yield from _in_a_child()
    yield from ("## The model fails", "")
    yield from ("| the model | the turn | what the person reads |", "|---|---|---|")
    for fault in FAULTS:
        record = trials.turn(FakeModel(fault=fault))
        yield f"| {FAULT_TEXTS[fault].replace('returns', 'yields')} | {record.status} | {_cell(record.shown)} |"
    yield ""


def _repeated(trials: _Trials) -> Iterator[str]:
    limit = Settings.model_fields["failures_before_off"].default
    yield from (f"## A plugin fails {limit} times in a row", "")
    yield from ("It is switched off until the program starts again.", "")
    yield from ("| | in the trace | declared `closed` | declared `open` |", "|---|---|---|---|")
    runtimes = [trials.runtime(FakeModel(), FaultyPlugin("raise", "before_turn", each)) for each in DECLARED]
    for number in range(limit + 1):
        records = [ask(runtime, QUESTION) for runtime in runtimes]
        trace = _in_trace(records[0], "before_turn")
        yield f"| turn {number + 1} | {trace} | {' | '.join(map(_ending, records))} |"
    yield ""


CHILD_FAULTS = {
    "raise": ("raises an exception", "raise ValueError('a planted fault')"),
    "hang": ("does not come back within its time limit", "time.sleep(3600)"),
    "wrong": ("returns something that the hook does not allow", "return 42"),
    "exit": ("calls `sys.exit`", "sys.exit(3)"),
    "end": ("ends its process", "os._exit(3)"),
    "memory": ("takes more memory than it may", "return bytearray(4 << 30)"),
    "print": ("prints without end", "while True: print('x' * 10000)"),
}


def _in_a_child() -> Iterator[str]:
    """What becomes of a turn when a plugin fails that runs in a child process: really installed, and really failing."""
    from datetime import UTC, datetime

    from assistant.plugin_store.lock import Lock, Locked, hashes, packages, write_lock

    yield from ("## A plugin in a child process fails in `before_turn`", "")
    yield from ("Its process is ended where it has to be; the next question starts a new one.", "")
    yield from (
        "| the plugin | the trace calls it | declared `closed` | declared `open` | the next question |",
        "|---" * 5 + "|",
    )
    endings: dict[str, list[TurnRecord]] = {name: [] for name in CHILD_FAULTS}
    after: dict[str, set[str]] = {name: set() for name in CHILD_FAULTS}
    for declared in DECLARED:
        with TemporaryDirectory(ignore_cleanup_errors=True) as place:
            folder = Path(place)
            source = "import os, sys, time\nfrom assistant import hookimpl\n"
            source += f"@hookimpl(on_failure='{declared}', time_limit=3)\ndef before_turn(turn):\n"
            for name, (_, code) in CHILD_FAULTS.items():
                source += f"    if turn.question.text == '{name}':\n        {code}\n"
            (packages(folder) / "faulty").mkdir(parents=True)
            (packages(folder) / "faulty" / "faulty.py").write_text(source)
            locked = Locked(
                name="faulty",
                version="1",
                source="docs",
                folder="faulty",
                sha256="",
                files=hashes(packages(folder) / "faulty"),
                entries={"faulty": "faulty"},
                hooks=("before_turn",),
                installed_at=datetime.now(UTC),
            )
            write_lock(folder, Lock(plugins={"faulty": locked}))
            own = frozenset(entry.name for entry in entry_points(group=GROUP))
            settings = Settings(
                data_dir=folder,
                model="fake",
                disabled_plugins=own,
                required_plugins=frozenset(),
                failures_before_off=100,
            )
            runtime = Runtime(settings, plugins=[("fakes", _Backends(FakeModel()))])
            for name in CHILD_FAULTS:
                endings[name].append(ask(runtime, name))
                after[name].add(ask(runtime, QUESTION).status)
            runtime.close()
    for name, (text, _) in CHILD_FAULTS.items():
        records = endings[name]
        shown = " | ".join(map(_ending, records))
        yield f"| {text} | {_in_trace(records[0], 'before_turn')} | {shown} | {', '.join(sorted(after[name]))} |"
    yield ""


def _at_start(trials: _Trials) -> Iterator[str]:
    yield from ("## A plugin fails in `startup`", "", "None of its hooks is called.", "")
    yield "| the plugin | its state | it checks nothing | it has a `closed` check | `required_plugins` names it |"
    yield "|---|---|---|---|---|"
    faults: tuple[Fault, ...] = ("raise", "hang", "exit")
    for fault in faults:
        plain = trials.runtime(FakeModel(), _FailsAtStart(fault, checks=False))
        checking = trials.runtime(FakeModel(), _FailsAtStart(fault, checks=True))
        required = trials.runtime(FakeModel(), _FailsAtStart(fault, checks=False), required=True)
        endings = " | ".join(_ending(ask(runtime, QUESTION)) for runtime in (plain, checking, required))
        yield f"| {FAULT_TEXTS[fault]} | {plain.extensions.status['faulty'].state} | {endings} |"
    yield ""


def _in_trace(record: TurnRecord, hook: str) -> str:
    outcomes = dict.fromkeys(f"`{call.outcome}`" for call in record.trace.hooks if call.hook == hook)
    return ", ".join(outcomes) or "(after the trace)"


def _ending(record: TurnRecord) -> str:
    """How a turn ended, in a few words."""
    if record.refusal is not None:
        named = " that names the plugin" if record.refusal.plugin in record.refusal.as_text() else ""
        return f"**{record.status}**, with a card{named}"
    return f"{record.status}{', with a note' if record.trace.notes else ''}"


# Settings


def settings_page() -> str:
    """Every setting, its variable, its default and its meaning."""
    from pydantic_core import PydanticUndefined

    from assistant.settings import Settings

    lines = [
        NOTICE,
        "# Settings",
        "",
        "A later place wins: the default, `settings.toml` in your configuration folder (`glassbox`), the environment,",
        "the options of the command line. `assistant doctor` names the data folder that is in use.",
        "",
        "| in the file | in the environment | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, frozenset):
            default = sorted(default)
        shown = "your user data folder" if default is PydanticUndefined else f"`{default!r}`"
        meaning = _cell(" ".join((field.description or "").split()))
        lines.append(f"| `{name}` | `GLASSBOX_{name.upper()}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "hooks.md": hooks_page,
    "failures.md": failures_page,
}


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check: bool = parser.parse_args().check
    stale: list[str] = []
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        page, path = make(), REFERENCE / name
        if path.exists() and path.read_text(encoding="utf-8") == page:
            continue
        stale.append(name)
        if not check:
            path.write_text(page, encoding="utf-8")
    if stale and check:
        print(f"Out of date: {', '.join(stale)}. Type: python docs/generate.py", file=sys.stderr)
        return 1
    if stale:
        print(f"Written: {', '.join(stale)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
