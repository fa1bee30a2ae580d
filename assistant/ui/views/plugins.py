"""What is at work: the plugins with their state, the model, and at the top of the page whatever is not working."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.backends import Backend
from assistant.extensions import PluginStatus
from assistant.ui.views.markup import Html, tag

STATES = {
    "working": "working",
    "disabled": "disabled",
    "broken": "broken",
    "switched_off": "switched off",
    "left_out": "left out (safe mode)",
}


def warnings(plugins: Sequence[PluginStatus], notes: Sequence[str]) -> Html:
    """What a person should know before asking; empty where all is well."""
    lines = [
        tag("li", tag("strong", f"The plugin “{each.name}” is {STATES[each.state]}. "), each.detail)
        for each in plugins
        if each.state in ("broken", "switched_off")
    ]
    lines += [tag("li", note) for note in notes]
    if not lines:
        return Html("")
    return tag("div", tag("ul", *lines), class_="warnings", role="alert")


def plugin_list(plugins: Sequence[PluginStatus], models: Sequence[Backend], current: str) -> Html:
    """Every model and every plugin."""
    return tag(
        "details",
        tag("summary", f"Model and plugins ({_count(plugins)})"),
        tag("h2", "Model"),
        *(_model(each) for each in models if each.name == current),
        tag("p", f"There is no model “{current}”.", class_="problem")
        if all(each.name != current for each in models)
        else None,
        tag("h2", "Plugins"),
        tag("ul", *(_plugin(each) for each in plugins)) if plugins else tag("p", "None is installed.", class_="quiet"),
        class_="plugins",
    )


def _count(plugins: Sequence[PluginStatus]) -> str:
    working = sum(each.state == "working" for each in plugins)
    rest = len(plugins) - working
    return f"{working} working" + (f", {rest} not" if rest else "")


def _model(model: Backend) -> Html:
    size = model.size
    facts = [("Name", model.name), ("Licence", model.licence), *([("Size", size)] if size else [])]
    return tag(
        "div",
        tag("p", tag("strong", model.title)),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts"),
        tag("p", model.notice, class_="quiet") if model.notice else None,
    )


def _plugin(plugin: PluginStatus) -> Html:
    failures = f", {plugin.failures} failures in a row" if plugin.failures else ""
    return tag(
        "li",
        tag("strong", plugin.name),
        f" {plugin.version}" if plugin.version else None,
        tag("span", f"{STATES[plugin.state]}{failures}", class_=f"state {plugin.state}"),
        tag("p", "Hooks: " + ", ".join(plugin.hooks), class_="quiet") if plugin.hooks else None,
        tag("p", plugin.detail, class_="problem") if plugin.detail else None,
    )
