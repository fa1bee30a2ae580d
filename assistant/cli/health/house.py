"""What Glassbox itself must bring: a database that is whole, plugins that work, a model that answers."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from assistant.cli import common
from assistant.cli.health.check import Check, guarded
from assistant.errors import GlassboxError
from assistant.extensions import OWN_DISTRIBUTION, PluginStatus
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.runtime import Runtime

QUESTION = "What colour is the square?"


def examine(settings: Settings) -> Iterator[Check]:
    """Run the checks. Plugins and model are tried with an empty database, so that they are judged by themselves."""
    yield guarded("database", check_database, settings)
    try:
        with common.scratch_runtime(settings) as runtime:
            yield from check_plugins(runtime)
            yield guarded("model", lambda _: check_model(runtime), settings)
    except GlassboxError as error:
        yield Check("plugins", "fail", error.message, error.hint)


def check_database(settings: Settings) -> Check:
    """Whether the database opens and its audit log is whole."""
    try:
        with common.open_store(settings) as store:
            report = store.verify_audit()
    except GlassboxError as error:
        return Check("database", "fail", error.message, error.hint)
    if not report.ok:
        found = f"The audit log is not whole: {report.problems[0].message}"
        return Check("database", "fail", found, "Type: assistant audit verify")
    return Check("database", "ok", f"opens; the audit log is whole ({report.leaves} leaves)")


def check_plugins(runtime: Runtime) -> list[Check]:
    """One line for those that work, and one for each that does not."""
    checks = [_problem(status) for status in runtime.plugins() if status.state != "working"]
    known = {status.name for status in runtime.plugins()}
    checks += [_problem(status) for status in runtime.extensions.missing_required() if status.name not in known]
    working = sorted(status.name for status in runtime.plugins() if status.state == "working")
    return [Check("plugins", "ok", f"working: {', '.join(working) or 'none'}"), *checks]


def _problem(status: PluginStatus) -> Check:
    name = f"plugin {status.name}"
    if status.state == "disabled":
        return Check(name, "ok", "disabled", f"To use it, type: assistant plugins enable {status.name}")
    if status.state == "left_out":
        return Check(name, "warn", status.detail)
    if status.distribution in ("", OWN_DISTRIBUTION):
        todo = "Install Glassbox again."
    else:
        todo = f"Mend or remove the package {status.distribution}."
    return Check(name, "fail", status.detail or status.state, todo)


def check_model(runtime: Runtime) -> Check:
    """Whether the default model loads and answers a question about a drawn square. Nothing is stored."""
    from assistant.backends import Delta
    from assistant.intake import read_message
    from assistant.messages import Turn

    begin = perf_counter()
    try:
        generator = runtime.generator()
        turn = Turn(question=read_message(QUESTION, [_square()], runtime.settings))
        answer = "".join(
            item.text for item in generator.run(turn, threading.Event()) if isinstance(item, Delta)
        ).strip()
    except GlassboxError as error:
        todo = error.hint if "assistant doctor" not in error.hint else ""
        return Check("model", "fail", error.message, todo or "Install Glassbox again, or choose another model.")
    seconds = perf_counter() - begin
    name = generator.backend.name
    if not answer:
        found = f"{name} wrote nothing when asked about a red square."
        return Check("model", "fail", found, "Install Glassbox again, or choose another model with --model.")
    return Check("model", "ok", f"{name} says of a red square: “{answer}” ({seconds:.1f} s with loading)")


def _square() -> bytes:
    """A red square on white, as a PNG file."""
    from PIL import Image

    image = Image.new("RGB", (64, 64), "white")
    image.paste(Image.new("RGB", (32, 32), "red"), (16, 16))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
