"""Settings: a later place wins, and a value that cannot work is named with where it may have come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant import settings as module
from assistant.errors import SettingsError
from assistant.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    monkeypatch.setattr(module, "SETTINGS_FILE", path)
    monkeypatch.setenv("GLASSBOX_DATA_DIR", str(tmp_path))
    return path


def test_file_then_environment_then_command_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().port == 7860
    file.write_text("port = 8001\nmax_images = 3\n")
    assert (load_settings().port, load_settings().max_images) == (8001, 3)
    monkeypatch.setenv("GLASSBOX_PORT", "8002")
    assert load_settings().port == 8002
    assert load_settings(port=8003).port == 8003
    assert load_settings(port=None).port == 8002


def test_a_list_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSBOX_DISABLED_PLUGINS", '["a", "b"]')
    assert load_settings().disabled_plugins == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "named"), [("port = 99999\n", "port"), ("colour = 1\n", "colour"), ('max_text = "many"\n', "max_text")]
)
def test_a_value_that_cannot_work_is_named(file: Path, text: str, named: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=named) as caught:
        load_settings()
    assert str(file) in str(caught.value)


def test_a_damaged_file_is_named(file: Path) -> None:
    file.write_text("port = = 1")
    with pytest.raises(SettingsError, match=str(file)):
        load_settings()


def test_the_database_stands_in_the_data_folder(tmp_path: Path) -> None:
    assert Settings().database == f"sqlite:///{tmp_path / 'glassbox.sqlite3'}"
    assert Settings(database_url="sqlite:///elsewhere.db").database == "sqlite:///elsewhere.db"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
