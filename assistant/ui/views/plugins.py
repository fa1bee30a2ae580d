"""What is at work: the plugins with their state, the model, and at the top of the page whatever is not working."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.backends import Backend
from assistant.extensions import PluginStatus
from assistant.ui.languages import later, told, tr, trn
from assistant.ui.views.markup import Html, tag

STATES = {
    "working": later("working"),
    "disabled": later("disabled"),
    "broken": later("broken"),
    "switched_off": later("switched off"),
    "left_out": later("left out (safe mode)"),
}


def warnings(plugins: Sequence[PluginStatus], notes: Sequence[str]) -> Html:
    """What a person should know before asking; empty where all is well."""
    lines = [
        tag(
            "li",
            tag("strong", tr("The plugin “{name}” is {state}.", name=each.name, state=tr(STATES[each.state]))),
            " ",
            told(each.detail),
        )
        for each in plugins
        if each.state in ("broken", "switched_off")
    ]
    lines += [tag("li", told(note)) for note in notes]
    if not lines:
        return Html("")
    return tag("div", tag("ul", *lines), class_="warnings", role="alert")


def plugin_list(plugins: Sequence[PluginStatus], models: Sequence[Backend], current: str) -> Html:
    """Every model and every plugin."""
    return tag(
        "details",
        tag("summary", tr("Model and plugins ({count})", count=_count(plugins))),
        tag("h2", tr("Model")),
        *(_model(each) for each in models if each.name == current),
        tag("p", tr("There is no model “{current}”.", current=current), class_="problem")
        if all(each.name != current for each in models)
        else None,
        tag("h2", tr("Plugins")),
        tag("ul", *(_plugin(each) for each in plugins))
        if plugins
        else tag("p", tr("None is installed."), class_="quiet"),
        class_="plugins",
    )


def _count(plugins: Sequence[PluginStatus]) -> str:
    working = sum(each.state == "working" for each in plugins)
    rest = len(plugins) - working
    return (
        tr("{working} working, {rest} not", working=working, rest=rest)
        if rest
        else tr("{working} working", working=working)
    )


def _model(model: Backend) -> Html:
    size = told(model.size)
    facts = [(tr("Name"), model.name), (tr("Licence"), model.licence), *([(tr("Size"), size)] if size else [])]
    return tag(
        "div",
        tag("p", tag("strong", model.title)),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts"),
        tag("p", told(model.notice), class_="quiet") if model.notice else None,
    )


def _plugin(plugin: PluginStatus) -> Html:
    state = tr(STATES[plugin.state])
    if plugin.failures:
        state += ", " + trn("{count} failure in a row", "{count} failures in a row", plugin.failures)
    return tag(
        "li",
        tag("strong", plugin.name),
        f" {plugin.version}" if plugin.version else None,
        tag("span", state, class_=f"state {plugin.state}"),
        tag("p", tr("Hooks: {names}", names=", ".join(plugin.hooks)), class_="quiet") if plugin.hooks else None,
        tag("p", told(plugin.detail), class_="problem") if plugin.detail else None,
    )
