"""Models that the settings name are there; one that cannot be opened says why, and the others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.backends import where_it_runs
from assistant.errors import ModelLoadError, SettingsError
from assistant.settings import Settings, load_settings
from assistant.testing import FakeModel, ForbiddenWord, ask
from assistant_backends.naming import named_models

from .servers import glassbox, runtime_of, scripted, stream


def test_names_in_the_settings_become_models() -> None:
    settings = Settings(
        model="bundled",
        models=("openai:a@http://127.0.0.1:1/v1", "openai:a@http://127.0.0.1:1/v1", "glassbox-open"),
        critic_model="openai:b@https://example.org",
    )
    assert settings.model == "glassbox-open"
    found = named_models(settings)
    assert [each.name for each in found] == ["openai:a@http://127.0.0.1:1/v1", "openai:b@https://example.org"]
    assert [where_it_runs(each) for each in found] == [
        "the server 127.0.0.1:1 on this computer",
        "the server example.org",
    ]
    assert where_it_runs(FakeModel()) == "this computer"


def test_the_key_of_another_server_is_not_sent(tmp_path: Path) -> None:
    with scripted(stream("yes")) as one, scripted(stream("yes")) as two:
        keys = {one.address.removeprefix("http://"): "sk-one"}
        for each in (one, two):
            name = f"openai:tiny@{each.address}/v1"
            runtime = runtime_of(tmp_path, model=name, model_keys=keys)
            assert ask(runtime, "hm?").answer == "yes"
            assert "sk-one" not in repr(runtime.settings)
            runtime.close()
    assert [each.chats[0].headers.get("Authorization") for each in (one, two)] == ["Bearer sk-one", None]


def test_a_key_that_cannot_be_read_is_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("assistant.settings.SETTINGS_FILE", tmp_path / "none.toml")
    for value in ('{"a": ["sk-hunter2"]}', "sk-hunter2"):
        monkeypatch.setenv("GLASSBOX_MODEL_KEYS", value)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert "hunter2" not in str(caught.value)


def test_one_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    runtime = runtime_of(tmp_path, model="openai:what")
    record = ask(runtime, "hm?")
    assert record.status == "failed"
    assert "Expected openai:NAME@URL" in record.error
    assert runtime.generator("glassbox-open").backend.title
    backend = runtime.generator().backend
    with pytest.raises(ModelLoadError, match="Expected openai:NAME@URL"):
        backend.load()
    runtime.close()


def test_an_answer_of_another_glassbox_passes_our_rules_too(tmp_path: Path) -> None:
    with glassbox(tmp_path / "there", FakeModel("something forbidden")) as address:
        runtime = runtime_of(tmp_path / "here", ("rules", ForbiddenWord()), model=f"openai:fake@{address}")
        record = ask(runtime, "hm?")
        assert (record.status, record.answer) == ("refused", "")
        runtime.close()
