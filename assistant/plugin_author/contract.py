"""What Glassbox expects of every plugin, tried on one in its author's folder. Run in a program of its own:

``python -m assistant.plugin_author.contract FOLDER`` prints a JSON line for each check.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from assistant.errors import GlassboxError
from assistant.plugin_author.project import Project, read_project

if TYPE_CHECKING:
    from assistant.extensions import Extensions, Implementation
    from assistant.runtime import Runtime

FaultHook = Literal["before_turn", "check_segment", "after_turn", "turn_finished"]
SLOW_START = 2.0
"""Seconds; a module that takes longer to import holds up every start."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: whether it holds, and what was found."""

    name: str
    ok: bool
    found: str


def examine(folder: Path) -> Iterator[Check]:
    """Try a plugin; one check after the other."""
    try:
        project = read_project(folder)
    except GlassboxError as error:
        yield Check("its folder", False, str(error))
        return
    yield Check("its folder", True, f"{project.name} {project.version}")
    if project.declaration is None:
        yield Check("assistant.toml", False, "There is none; people could not read what it wants before installing it.")
    else:
        yield Check("assistant.toml", True, "; ".join(project.declaration.lines()))
    sys.path.insert(0, str(project.sources))
    plugins: list[tuple[str, object]] = []
    for name, value in project.entries.items():
        begin = perf_counter()
        torch_before = "torch" in sys.modules
        try:
            plugin = EntryPoint(name, value, "assistant").load()
        except BaseException as error:
            yield Check(f"import of {value}", False, f"{type(error).__name__}: {error}")
            return
        seconds = perf_counter() - begin
        loads_torch = "torch" in sys.modules and not torch_before
        heavy = "; it imports torch, which belongs into the first use" if loads_torch else ""
        yield Check(f"import of {value}", seconds < SLOW_START and not heavy, f"{seconds:.2f} s{heavy}")
        plugins.append((name, plugin))
    with TemporaryDirectory(prefix="glassbox-", ignore_cleanup_errors=True) as place:
        yield from _in_a_house(project, plugins, Path(place))


def _in_a_house(project: Project, plugins: list[tuple[str, object]], place: Path) -> Iterator[Check]:
    from assistant.testing import make_runtime

    runtime = make_runtime(place / "house", plugins=plugins, discover=True, safe_mode=True, failures_before_off=1000)
    try:
        for name, _ in plugins:
            status = runtime.extensions.status[name]
            yield Check(f"start of {name}", status.state == "working", status.detail or ", ".join(status.hooks))
            if status.state != "working":
                return
        yield _declared(project, runtime.extensions, [name for name, _ in plugins])
        yield from _hooks(runtime, {name for name, _ in plugins})
        yield from _backends(runtime, place, plugins)
        yield from _panels(runtime)
        yield from _packs(project, runtime)
    finally:
        runtime.close()
    yield from _faults(plugins, place / "faults")


def _declared(project: Project, extensions: Extensions, names: list[str]) -> Check:
    found = sorted({hook for name in names for hook in extensions.status[name].hooks})
    declared = sorted(project.declaration.hooks) if project.declaration else found
    return Check(
        "declared hooks",
        found == declared,
        f"as declared: {', '.join(found) or 'none'}"
        if found == declared
        else f"assistant.toml declares {', '.join(declared) or 'none'}; it implements {', '.join(found) or 'none'}",
    )


def _hooks(runtime: Runtime, names: set[str]) -> Iterator[Check]:
    """Every hook, called with ordinary and odd arguments through the guard that the house uses."""
    from assistant.hookspecs import hook_names
    from assistant.plugin_author.samples import accept_of, arguments_of, sample_turns

    records = sample_turns(runtime)
    for hook in hook_names():
        mine = [each for each in runtime.extensions.implementations(hook) if each.plugin in names]
        if not mine:
            continue
        calls, slowest, problems = 0, 0.0, list[str]()
        for arguments in arguments_of(hook, records, runtime):
            for answer in runtime.extensions.call(hook, arguments, accept_of(hook)):
                if answer.implementation.plugin not in names:
                    continue
                calls += 1
                slowest = max(slowest, answer.call.milliseconds)
                if answer.error is not None:
                    problems.append(str(answer.error))
                elif hook == "register_evaluators":
                    problems += [line for each in answer.value for line in _evaluator(each, records[0].turn)]
        yield Check(
            hook,
            not problems,
            problems[0] if problems else f"{_times(calls)}, at most {slowest:.1f} ms; {_limit(mine[0])}",
        )


def _times(calls: int) -> str:
    return "called once" if calls == 1 else f"called {calls} times"


def _limit(each: Implementation) -> str:
    return f"limit {each.seconds:g} s, on_failure {each.on_failure!r}"


def _evaluator(evaluator: Any, turn: Any) -> Iterator[str]:
    """What is wrong with an evaluator, looked at with odd texts."""
    from assistant.evaluators import Finding, Subject
    from assistant.plugin_author.samples import question_and_answer

    try:
        evaluator.check_options({})
    except ValueError:
        return  # it wants options that only its author knows
    for part, text in question_and_answer(turn):
        subject = Subject(turn=turn, part=cast(Any, part), text=text)
        try:
            finding = evaluator.evaluate(subject, {})
        except Exception as error:
            yield f"the evaluator {evaluator.name!r} failed on {text[:40]!r}: {type(error).__name__}: {error}"
            return
        if finding is None:
            continue
        if not isinstance(finding, Finding):
            yield f"the evaluator {evaluator.name!r} returned {type(finding).__name__}; expected None or a Finding"
        elif not 0 <= finding.score <= 1:
            yield f"the evaluator {evaluator.name!r} gave the score {finding.score}; expected 0 to 1"
        elif any(span.end > len(text) for span in finding.spans):
            yield f"the evaluator {evaluator.name!r} marked a place behind the end of {text[:40]!r}"


def _backends(runtime: Runtime, place: Path, plugins: list[tuple[str, object]]) -> Iterator[Check]:
    """Every model that the plugin brings: a turn with a picture, one without, and one that is stopped at once."""
    import threading

    from assistant.runtime import Question, finish
    from assistant.testing import ask, make_runtime, picture

    names = {name for name, _ in plugins}
    for answer in runtime.extensions.call("register_backends", {}, lambda value: list(value or ())):
        if answer.implementation.plugin not in names:
            continue
        for backend in answer.value or ():
            name = f"model {getattr(backend, 'name', type(backend).__name__)}"
            missing = [
                each
                for each in (
                    "name",
                    "title",
                    "licence",
                    "can_trace",
                    "size",
                    "notice",
                    "load",
                    "info",
                    "stream",
                    "trace",
                )
                if not hasattr(backend, each)
            ]
            if missing:
                yield Check(name, False, f"it has no {', '.join(missing)}")
                continue
            house = make_runtime(place / f"model-{backend.name}", model=backend)
            stop = threading.Event()
            stop.set()
            records = [ask(house, "what is this?", [picture()]), ask(house, "hello")]
            stopped = finish(house.run_turn(house.follow(None, Question("hello", door="test")), stop))
            house.close()
            wrong = [each for each in records if each.status not in ("answered", "unsure")]
            ended = stopped.status in ("stopped", "answered", "unsure")
            yield Check(
                name,
                not wrong and ended,
                wrong[0].error if wrong else f"answers: {records[0].answer[:80]!r}; stopped early: {stopped.status}",
            )


def _panels(runtime: Runtime) -> Iterator[Check]:
    """Every panel: opened by anybody, and pressed with an act that it does not know."""
    from assistant.panels import PanelRequest, Viewer

    for panel in runtime.panels:
        if type(panel).__module__.split(".")[0].startswith("assistant"):
            continue
        viewer = Viewer("somebody", operator=False)
        try:
            drawn = panel.draw(PanelRequest("", {}, viewer))
            with suppress(GlassboxError):  # a sentence for the person: as it should be
                panel.draw(PanelRequest("an-act-that-no-button-has", {"text": ["not", "text"]}, viewer))
            yield Check(f"panel {panel.name}", True, f"{len(drawn)} characters of markup")
        except Exception as error:
            yield Check(f"panel {panel.name}", False, f"{type(error).__name__}: {error}")


def _packs(project: Project, runtime: Runtime) -> Iterator[Check]:
    """Every pack: the linter, and its own cases."""
    for path in project.packs:
        name = f"pack {path.name}"
        try:
            tests = runtime.packs.test(str(path))
            errors = [each.message for each in runtime.packs.lint([str(path)]) if each.level == "error"]
        except GlassboxError as error:
            yield Check(name, False, str(error))
            continue
        problems = [*errors, *tests.failures]
        yield Check(name, not problems, problems[0] if problems else f"{tests.cases} of its own cases hold")


def _faults(plugins: list[tuple[str, object]], place: Path) -> Iterator[Check]:
    """What becomes of a turn when a checking hook of the plugin fails, by its declaration: found by planting faults."""
    from assistant.extensions import Extensions
    from assistant.settings import Settings
    from assistant.testing import FAULTS, FaultyPlugin, ask, make_runtime

    found = Extensions(Settings(data_dir=place), plugins, discover=False)
    for hook in get_args(FaultHook):
        for each in found.implementations(hook):
            endings: dict[str, str] = {}
            for fault in FAULTS:
                faulty = FaultyPlugin(fault, hook, each.on_failure, time_limit=0.3)
                runtime = make_runtime(place / f"{hook}-{fault}", plugins=[(each.plugin, faulty)])
                begin = perf_counter()
                record = ask(runtime, "what is this?")
                late = perf_counter() - begin > 30
                runtime.close()
                endings[fault] = "late" if late else record.status
            expected = "refused" if each.on_failure == "closed" and hook != "turn_finished" else "answered"
            broken = {fault for fault, ending in endings.items() if ending != expected and fault != "none"}
            yield Check(
                f"{hook} with a fault in it",
                not broken and endings["none"] == "answered",
                f"on_failure {each.on_failure!r}: the turn ends as {expected!r} when it raises, hangs, exits, changes "
                "its argument or returns something else"
                if not broken
                else f"expected {expected!r}; came {endings}",
            )


def main() -> int:
    """Print a JSON line for each check; 1 where one does not hold."""
    logging.disable(logging.CRITICAL)
    out, failed = sys.stdout, False
    with redirect_stdout(sys.stderr):
        for check in examine(Path(sys.argv[1]).resolve()):
            failed = failed or not check.ok
            print(json.dumps(asdict(check)), file=out, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
