"""The panel "Plugins": every plugin with its state, switched on and off by operators, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.errors import InputError, StoreError
from assistant.hookspecs import hook_names
from assistant.panels import PanelRequest
from assistant.plugin_choices import SettingsForm
from assistant.runtime import Runtime
from assistant.ui.languages import tr
from assistant.ui.views.markup import join
from assistant.ui.views.panel import said
from assistant.ui.views.plugins_panel import NAME, PluginRow, plugins_view, settings_view, sure_view


class PluginsPanel:
    """What is at work in this house."""

    name = NAME

    def __init__(self, runtime: Runtime) -> None:
        self._extensions = runtime.extensions
        self._store = runtime.store
        self._required = runtime.settings.required_plugins

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Plugins")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the person did.

        Raises:
            InputError: the page asked for something that does not exist, or they may not do it.
            SettingsError: settings cannot be read or written.
            StoreError: the list of what is switched off cannot be written.
        """
        plugin = request.text("plugin")
        if request.act and plugin not in self._extensions.status:
            raise InputError(f"There is no plugin “{plugin}”.", hint="Load the page again.")
        match request.act:
            case "":
                return self._list(request)
            case "on":
                return join([said(self._switch(request, plugin, on=True)), self._list(request)])
            case "off" if plugin in self._required:
                request.must_be_operator()
                return join([sure_view(plugin), self._list(request)])
            case "off" | "off-for-sure":
                return join([said(self._switch(request, plugin, on=False)), self._list(request)])
            case "settings":
                return self._settings(request, plugin)
            case "save":
                return self._save(request, plugin)
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    def _list(self, request: PanelRequest) -> str:
        found = {
            (each.plugin, hook): each.phase for hook in hook_names() for each in self._extensions.implementations(hook)
        }
        rows = [
            PluginRow(
                status,
                [
                    (hook, found.get((status.name, hook), ""), self._extensions.timings.get((status.name, hook)))
                    for hook in status.hooks
                ],
                has_settings=status.name in self._extensions.choices.forms,
                required=status.name in self._required,
            )
            for status in self._extensions.status.values()
        ]
        return plugins_view(rows, may_change=request.viewer.operator, problem=self._extensions.choices.problem)

    def _switch(self, request: PanelRequest, plugin: str, *, on: bool) -> str:
        request.must_be_operator()
        if on and plugin in self._extensions.settings.disabled_plugins:
            raise InputError(
                f"{plugin} stays off: the setting disabled_plugins names it.", hint="Take it out of the settings first."
            )
        try:
            at_once = self._extensions.switch(plugin, on=on)
        except OSError as error:
            raise StoreError(f"This cannot be kept: {error.strerror or error}.") from error
        self._store.record_plugin_change(plugin, "switched on" if on else "switched off", request.viewer.name)
        if not on:
            later = tr("Models, panels and evaluators that it brought go with the next start.")
            return f"{tr('{plugin} is off from the next question on.', plugin=plugin)} {later}"
        return (
            tr("{plugin} is on again.", plugin=plugin)
            if at_once
            else tr("{plugin} is on from the next start of the program on.", plugin=plugin)
        )

    def _form(self, plugin: str) -> SettingsForm:
        shape = self._extensions.choices.forms.get(plugin)
        if shape is None:
            raise InputError(f"The plugin “{plugin}” has no settings.", hint="Load the page again.")
        return shape

    def _settings(self, request: PanelRequest, plugin: str, notice: str = "") -> str:
        shape = self._form(plugin)
        values = self._standing(request, plugin, shape)
        return settings_view(plugin, shape, values, {}, operator=request.viewer.operator, notice=notice)

    def _standing(self, request: PanelRequest, plugin: str, shape: SettingsForm) -> dict[str, Any]:
        defaults = {name: field.get("default") for name, field in shape.fields.items()}
        return defaults | dict(self._extensions.choices.chosen(request.viewer.owner).get(plugin, {}))

    def _save(self, request: PanelRequest, plugin: str) -> str:
        shape = self._form(plugin)
        operator = request.viewer.operator
        typed = _typed(shape, request.fields, operator=operator)
        problems = self._extensions.choices.save(plugin, request.viewer.owner, typed, operator=operator)
        if not problems:
            return self._settings(request, plugin, tr("Saved. It holds from the next question on."))
        secret = {name for name in typed if shape.is_secret(name)}
        shown = self._standing(request, plugin, shape) | {
            name: value for name, value in typed.items() if name not in secret
        }
        return settings_view(plugin, shape, shown, problems, operator=operator)


def _typed(shape: SettingsForm, fields: Mapping[str, Any], *, operator: bool) -> dict[str, Any]:
    """What was typed into the form, as JSON data. What cannot be read stays text, and the model says what is wrong."""
    found: dict[str, Any] = {}
    for name, field in shape.fields.items():
        if shape.belongs_to_operator(name) and not operator:
            continue
        value = fields.get(f"f:{name}")
        kind = field.get("type")
        if kind == "boolean":
            found[name] = value == "yes"
        elif kind == "array" and not isinstance(value, str):
            start = f"f:{name}:"
            found[name] = [key.removeprefix(start) for key in fields if key.startswith(start)]
        elif not isinstance(value, str) or (shape.is_secret(name) and not value):
            continue
        elif kind == "array":
            found[name] = [line.strip() for line in value.splitlines() if line.strip()]
        elif kind in ("integer", "number"):
            found[name] = _number(value)
        else:
            found[name] = value
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
