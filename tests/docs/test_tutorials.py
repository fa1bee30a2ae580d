"""The tutorials, step by step as they stand: files are quoted as they are, commands end and say what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.cli.main import app
from assistant.plugin_author.kinds import KINDS
from assistant.plugin_store.hook_data import IN_A_CHILD
from assistant.plugin_store.protocol import LONGEST_LINE, LOUDEST, Limits

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.install
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_a_tutorial_holds(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLASSBOX_DATA_DIR", str(tmp_path / "data"))
    page = (DOCS / "tutorials" / f"{kind}.md").read_text(encoding="utf-8")
    said, file, steps = "", Path(), 0
    for part in re.finditer(r"```(\w+)\n(.*?)```|`([\w./-]+\.(?:py|yaml|toml))`", page, re.DOTALL):
        language, text, named = part.groups()
        if named:
            file = Path(named)
        elif language == "sh":
            said = "".join(run(line) for line in text.splitlines())
            steps += 1
        elif language == "text":
            for line in text.splitlines():
                assert line in said, f"{line!r} is not in:\n{said}"
        else:
            assert text in file.read_text(encoding="utf-8"), f"{file} does not hold:\n{text}"
    assert steps >= 2


def run(line: str) -> str:
    """One command of a shell block; what it says on both outputs."""
    command, _, expected = line.partition(" # exit ")
    program, *arguments = shlex.split(command)
    assert program == "assistant", line
    result = CliRunner().invoke(app, arguments, prog_name="assistant")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == int(expected or 0), f"{line}\n{result.output}"
    return result.stdout + result.stderr


def test_the_page_about_plugins_names_what_holds() -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    hooks = page.partition("hooks that take data and return data:")[2].partition("Backends")[0]
    assert set(re.findall(r"`(\w+)`", hooks)) == IN_A_CHILD
    limits = Limits()
    assert limits.memory == 1 << 30
    assert f"{limits.open_files} open files" in page
    assert f"files of at most {limits.file_size // 10**6} MB" in page
    assert f"{limits.cpu_seconds} s of the processor" in page
    assert f"{LONGEST_LINE // 10**6} MB for one answer" in page
    assert f"{LOUDEST // 10**6} MB of printing" in page
    for kind in KINDS:
        assert f"(tutorials/{kind}.md)" in page
        assert (DOCS / "tutorials" / f"{kind}.md").exists()


def test_the_settings_on_the_page_work(tmp_path: Path) -> None:
    from types import ModuleType

    from assistant.testing import ask, make_runtime

    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    plugin = ModuleType("page")
    exec(compile(code, "page", "exec", dont_inherit=True), vars(plugin))
    runtime = make_runtime(tmp_path, plugins=[("page", plugin)])
    assert runtime.extensions.choices.save("page", "local", {"greeting": "good day"}, operator=False) == {}
    assert "good day" in ask(runtime, "x").trace.notes
    runtime.close()


def test_the_declaration_on_the_page_can_be_read() -> None:
    from assistant.plugin_store.declaration import Declaration, read_declaration

    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert read_declaration(text, "the page").network == ("api.example.org",)
    assert all(f"{name} = " in text for name in Declaration.model_fields)
