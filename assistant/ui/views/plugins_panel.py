"""The panel "Plugins": what is at work, how long it takes, what fails, and the forms of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.extensions import PluginStatus, Timing
from assistant.plugin_choices import SettingsForm
from assistant.ui.languages import later, number, told, tr, trn
from assistant.ui.views.markup import Child, Html, dots, join, rich, tag
from assistant.ui.views.panel import form, press, said, send
from assistant.ui.views.plugins import STATES

NAME = "plugins"
HEADS = (later("Hook"), later("Phase"), later("Calls"), later("Mean ms"), later("Longest ms"))
INTRO = later(
    "Plugins do everything here: models, rules, ratings, explanations. Milliseconds are measured since the program "
    "started."
)


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin for the list. ``hooks`` are (name, phase, what was measured); ``required``: rules that must hold."""

    status: PluginStatus
    hooks: Sequence[tuple[str, str, Timing | None]]
    has_settings: bool
    required: bool


def plugins_view(rows: Sequence[PluginRow], *, may_change: bool, problem: str = "") -> Html:
    """Every plugin; those that do not work come first.

    Args:
        rows: the plugins.
        may_change: whether the person may switch them on and off.
        problem: what is wrong with the list itself.
    """
    order = {"broken": 0, "switched_off": 1, "working": 2, "disabled": 3, "left_out": 4}
    return join(
        [
            said(told(problem), problem=True) if problem else None,
            tag("p", tr(INTRO)),
            *(
                _plugin(each, may_change=may_change)
                for each in sorted(rows, key=lambda each: (order[each.status.state], each.status.name))
            ),
            tag("p", tr("No plugin is installed."), class_="empty") if not rows else None,
            tag(
                "p",
                rich(
                    tr("Add one from a shell: {command}. It shows what the plugin wants before anything is installed."),
                    command=tag("code", "assistant plugins install NAME"),
                ),
                class_="quiet",
            ),
        ]
    )


def _plugin(row: PluginRow, *, may_change: bool) -> Html:
    status = row.status
    label = f"plugin-{status.name}".replace(" ", "-")
    where = tr("in a child process") if status.place == "child" else tr("inside the program")
    facts = [
        status.version,
        tr("from {distribution}", distribution=status.distribution) if status.distribution else "",
        where,
    ]
    return tag(
        "article",
        tag("h3", f"{status.name}: {tr(STATES[status.state])}", id=label),
        tag("p", told(status.about)) if status.about else None,
        tag("p", dots(facts), class_="quiet"),
        tag("p", tr("Its process is limited: {limits}.", limits="; ".join(map(told, status.confined))), class_="quiet")
        if status.confined
        else None,
        tag("p", told(status.detail), class_="problem") if status.detail else None,
        tag("p", tr("Latest failure: {last_failure}", last_failure=told(status.last_failure)), class_="problem")
        if status.last_failure and status.last_failure not in status.detail
        else None,
        tag("p", _what_to_do(row), class_="todo") if _what_to_do(row) else None,
        _hooks(row) if row.hooks else None,
        tag("div", *_buttons(row, may_change=may_change), class_="buttons"),
        class_="case on" if status.state == "working" else "case",
        aria_labelledby=label,
    )


def _what_to_do(row: PluginRow) -> str:
    match row.status.state:
        case "broken":
            return tr("What to do: install it again or remove it; or switch it off, and nothing waits for it any more.")
        case "switched_off":
            return tr(
                "What to do: switch it off and on again to try it once more. While a check that must hold does not "
                "run, questions are refused."
            )
        case "left_out":
            return tr("What to do: start again without safe mode.")
        case "working" if row.status.failures:
            return tr("What to do: nothing yet. After several failures in a row it is switched off by itself.")
        case _:
            return ""


def _hooks(row: PluginRow) -> Html:
    """What it does and how long that takes, as a table behind a line that says how much there is."""
    calls = sum(timing.calls for _, _, timing in row.hooks if timing)
    hooks = trn("{count} hook", "{count} hooks", len(row.hooks))
    count = tr("{hooks}, {calls}", hooks=hooks, calls=trn("called once", "called {count} times", calls))
    return tag(
        "details",
        tag("summary", count),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", head, scope="col") for head in map(tr, HEADS)))),
            tag("tbody", *(_hook(*each) for each in row.hooks)),
        ),
        data_key=f"hooks-{row.status.name}",
    )


def _hook(name: str, phase: str, timing: Timing | None) -> Html:
    shown = [phase, "0", "–", "–"]
    if timing is not None and timing.calls:
        shown = [phase, number(timing.calls), number(timing.total / timing.calls, 2), number(timing.longest, 2)]
    cells = [tag("td", cell, data_label=head) for head, cell in zip(map(tr, HEADS[1:]), shown, strict=True)]
    return tag("tr", tag("th", tag("code", name), scope="row"), *cells)


def _buttons(row: PluginRow, *, may_change: bool) -> Sequence[Child]:
    name = row.status.name
    settings = press(NAME, "settings", tr("Settings of {name}", name=name), plugin=name) if row.has_settings else None
    if not may_change or row.status.state == "left_out" or name == "installed plugins":
        return [settings]
    if row.status.state == "disabled":
        return [settings, press(NAME, "on", tr("Switch {name} on", name=name), plugin=name)]
    return [settings, press(NAME, "off", tr("Switch {name} off", name=name), plugin=name, danger=row.required)]


def sure_view(name: str) -> Html:
    """The question before rules that must hold are switched off."""
    return join(
        [
            said(
                tr("{name} brings rules that must hold. Without it they are applied to nobody.", name=name),
                problem=True,
            ),
            tag(
                "div",
                press(NAME, "", tr("Keep it on"), main=True),
                press(NAME, "off-for-sure", tr("Switch {name} off all the same", name=name), plugin=name, danger=True),
                class_="buttons",
            ),
        ]
    )


def settings_view(
    plugin: str,
    shape: SettingsForm,
    values: Mapping[str, Any],
    problems: Mapping[str, str],
    *,
    operator: bool,
    notice: str = "",
) -> Html:
    """The form of one plugin's settings.

    Args:
        plugin: its name.
        shape: the form.
        values: as they stand or were typed; a secret is never shown again.
        problems: by field.
        operator: whether the person may set the operator's fields.
        notice: what came of a press.
    """
    mine = [name for name in shape.fields if not shape.belongs_to_operator(name)]
    house = [name for name in shape.fields if shape.belongs_to_operator(name)]
    groups = [(tr("For you"), mine), *([(tr("For everybody, set by the operator"), house)] if operator else [])]
    return join(
        [
            tag("div", press(NAME, "", tr("All plugins")), class_="buttons"),
            tag("h3", tr("Settings of {plugin}", plugin=plugin)),
            said(notice) if notice else None,
            said(f"{tr('Nothing was saved.')} {_count(problems)}", problem=True) if problems else None,
            form(
                NAME,
                "save",
                *(
                    tag(
                        "fieldset",
                        tag("legend", title),
                        *(_field(plugin, name, shape, values.get(name), problems.get(name, "")) for name in names),
                    )
                    for title, names in groups
                    if names
                ),
                send(tr("Save"), main=True),
                plugin=plugin,
            )
            if mine or operator
            else tag("p", tr("Only the operator may change these."), class_="empty"),
        ]
    )


def _count(problems: Mapping[str, str]) -> str:
    return trn("{count} field below cannot be used.", "{count} fields below cannot be used.", len(problems))


def _field(plugin: str, name: str, shape: SettingsForm, value: Any, problem: str) -> Html:
    """One field with its label, what it is for, and what is wrong with it."""
    field = shape.fields[name]
    key = f"setting-{plugin}-{name}"
    title = told(str(field.get("title") or name))
    about = told(str(field.get("description") or ""))
    notes = [
        tag("p", about, class_="quiet", id=f"{key}-about") if about else None,
        tag("p", told(problem), class_="problem", id=f"{key}-problem") if problem else None,
    ]
    described = " ".join(
        part for part in (f"{key}-about" if about else "", f"{key}-problem" if problem else "") if part
    )
    rest: dict[str, Any] = {"aria_describedby": described or None, "aria_invalid": "true" if problem else None}
    several = field.get("items", {})
    options = _options(field, shape)
    if field.get("type") == "array" and _options(several, shape):
        return _several(key, name, title, _options(several, shape), list(value or ()), notes, rest)
    if field.get("type") == "boolean":
        box = tag("input", type="checkbox", id=key, name=f"f:{name}", value="yes", checked=bool(value), **rest)
        return tag("div", box, tag("label", title, for_=key), *notes, class_="field tick")
    if options:
        chosen = [tag("option", each, value=each, selected=each == str(value)) for each in options]
        control = tag("select", *chosen, id=key, name=f"f:{name}", **rest)
    elif field.get("type") == "array":
        lines = "\n".join(str(each) for each in value or ())
        control = tag("textarea", lines, id=key, name=f"f:{name}", rows=4, **rest)
        title = tr("{title} (one in each line)", title=title)
    elif shape.is_secret(name):
        hint = tr("Kept. Leave empty to keep it.") if value else tr("Not set.")
        control = tag(
            "input", type="password", id=key, name=f"f:{name}", autocomplete="off", placeholder=hint, value="", **rest
        )
    elif field.get("type") in ("integer", "number"):
        low, high = field.get("minimum"), field.get("maximum")
        step = "1" if field.get("type") == "integer" else "any"
        control = tag(
            "input", type="number", id=key, name=f"f:{name}", value=str(value), min=low, max=high, step=step, **rest
        )
    else:
        control = tag("input", type="text", id=key, name=f"f:{name}", value=str(value or ""), **rest)
    return tag("div", tag("label", title, for_=key), control, *notes, class_="field")


def _several(
    key: str, name: str, title: str, options: Sequence[str], chosen: list[Any], notes: Sequence[Child], rest: Any
) -> Html:
    boxes = [
        tag(
            "div",
            tag(
                "input",
                type="checkbox",
                id=f"{key}-{number}",
                name=f"f:{name}:{each}",
                value="yes",
                checked=each in chosen,
            ),
            tag("label", each, for_=f"{key}-{number}"),
            class_="tick",
        )
        for number, each in enumerate(options)
    ]
    return tag("fieldset", tag("legend", title), *boxes, *notes, class_="field", **rest)


def _options(field: Mapping[str, Any], shape: SettingsForm) -> list[str]:
    """The values that a field offers, where it offers some."""
    reference = field.get("$ref")
    known = shape.schema.get("$defs", {}).get(str(reference).rsplit("/", 1)[-1], field) if reference else field
    return [str(each) for each in known.get("enum", [known["const"]] if "const" in known else [])]
