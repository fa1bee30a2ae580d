"""What people chose for the settings of plugins: the operator for the house, each person for themselves.

The values lie in files that only this user may read. What holds for one call is one mapping that nobody changes: a save
puts a new one in its place, and calls that are under way keep theirs.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assistant.errors import SettingsError
from assistant.plugin_settings import Chosen

log = logging.getLogger("glassbox.plugins")

OPERATOR = "operator"
_PAGE = ""
"""Stands beside the plugins in a person's file; no plugin has this name."""


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The settings of one plugin: their JSON schema, and what says for values which fields are wrong."""

    schema: Mapping[str, Any]
    problems: Callable[[Mapping[str, Any]], Mapping[str, str]]

    @property
    def fields(self) -> Mapping[str, Mapping[str, Any]]:
        """The schema of each field, by name; references are resolved."""
        found: dict[str, Mapping[str, Any]] = {}
        for name, field in self.schema.get("properties", {}).items():
            reference = field.get("$ref") or next((each["$ref"] for each in field.get("allOf", ())), None)
            known = self.schema.get("$defs", {}).get(str(reference).rsplit("/", 1)[-1], {}) if reference else {}
            found[name] = {**known, **field}
        return found

    def belongs_to_operator(self, name: str) -> bool:
        """Whether a field is the operator's."""
        return self.fields[name].get("tier") == OPERATOR

    def is_secret(self, name: str) -> bool:
        """Whether a field's value must never be shown."""
        return self.fields[name].get("format") == "password"


class Choices:
    """Everybody's values. Safe to use from many threads.

    Args:
        data_dir: where they are kept.
    """

    def __init__(self, data_dir: Path) -> None:
        self.forms: dict[str, SettingsForm] = {}
        self._folder = data_dir / "plugins" / "settings"
        self._lock = threading.Lock()
        self.problem = ""
        """What is wrong with the files themselves, in words."""
        self._kept: dict[str, Chosen] = {}
        self._merged: dict[str, Chosen] = {}

    def chosen(self, owner: str) -> Chosen:
        """What holds for a call of this person: by plugin and field. Fields that nobody set are left out."""
        found = self._merged.get(owner)
        if found is not None:
            return found
        with self._lock:
            house, mine = self._read_or_nothing(OPERATOR), self._read_or_nothing(_person(owner))
            merged: dict[str, Mapping[str, Any]] = {}
            for plugin, form in self.forms.items():
                theirs = {name: form.belongs_to_operator(name) for name in form.fields}
                values = {name: value for name, value in house.get(plugin, {}).items() if theirs.get(name) is True}
                values |= {name: value for name, value in mine.get(plugin, {}).items() if theirs.get(name) is False}
                # An update of the plugin may not know what was chosen before it any more.
                for name in set(form.problems(values)) & set(values) if values else ():
                    log.warning("What was chosen for %r of the plugin %r does not fit any more.", name, plugin)
                    del values[name]
                merged[plugin] = MappingProxyType(values)
            self._merged[owner] = MappingProxyType(merged)
            return self._merged[owner]

    def save(self, plugin: str, owner: str, values: Mapping[str, Any], *, operator: bool) -> dict[str, str]:
        """Set fields of a plugin's settings; those that are not named stay as they are.

        Args:
            plugin: whose settings.
            owner: the person.
            values: JSON data, by field.
            operator: whether they may set the operator's fields; others' attempts are problems.

        Returns:
            What is wrong, by field; then nothing is saved. Empty where all is saved.

        Raises:
            SettingsError: the files cannot be read or written.
        """
        form = self.forms[plugin]
        problems = {name: "There is no such setting." for name in values if name not in form.fields}
        problems |= {
            name: "Only the operator may set this."
            for name in values
            if name not in problems and form.belongs_to_operator(name) and not operator
        }
        if problems:
            return problems
        together = dict(self.chosen(owner).get(plugin, {})) | dict(values)
        wrong = {
            name: "This is not accepted." if name in form.fields and form.is_secret(name) else problem
            for name, problem in form.problems(together).items()
        }
        if wrong:
            return wrong
        with self._lock:
            for who, is_house in ((OPERATOR, True), (_person(owner), False)):
                part = {name: value for name, value in values.items() if form.belongs_to_operator(name) is is_house}
                if part:
                    kept = self._read(who)
                    self._write(who, {**kept, plugin: {**kept.get(plugin, {}), **part}})
            self._merged = {}
        return {}

    def preferred_model(self, owner: str, default: str) -> str:
        """The model that a person chose on the page over this default; empty where they chose none. A new default, as
        of `serve --model`, counts until they choose again.

        Raises:
            SettingsError: the file cannot be read.
        """
        with self._lock:
            page = self._read(_person(owner)).get(_PAGE, {})
        return str(page.get("model", "")) if page.get("default") == default else ""

    def prefer_model(self, owner: str, name: str, default: str) -> None:
        """Keep which model a person chose on the page over the default.

        Raises:
            SettingsError: the file cannot be read or written.
        """
        with self._lock:
            kept = self._read(_person(owner))
            self._write(_person(owner), {**kept, _PAGE: {"model": name, "default": default}})

    def forget(self, owner: str) -> None:
        """Delete what a person chose.

        Raises:
            SettingsError: the file cannot be deleted.
        """
        path = self._folder / f"{_person(owner)}.json"
        with self._lock:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise SettingsError(f"{path} cannot be deleted: {error.strerror or error}.") from error
            self._kept.pop(_person(owner), None)
            self._merged = {}

    def _read_or_nothing(self, who: str) -> Chosen:
        try:
            return self._read(who)
        except SettingsError as error:
            log.error("%s Until then the defaults hold.", error)
            self.problem = f"{error} Until then the defaults hold."
            return {}

    def _read(self, who: str) -> Chosen:
        if who not in self._kept:
            path = self._folder / f"{who}.json"
            try:
                self._kept[who] = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                self._kept[who] = {}
            except (OSError, ValueError) as error:
                raise SettingsError(
                    f"The settings of plugins in {path} cannot be read.", hint="Mend the file or delete it."
                ) from error
        return self._kept[who]

    def _write(self, who: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        path = self._folder / f"{who}.json"
        fresh = path.with_suffix(".json.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(values, file)
            fresh.replace(path)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error
        self._kept[who] = values


def _person(owner: str) -> str:
    """The name of a person's file; whatever an id may hold, this is a plain name."""
    return "person-" + sha256(owner.encode()).hexdigest()[:32]
