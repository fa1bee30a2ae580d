"""The same questions without a pack and with it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.packs import Decision, PackSummary, PreviewRow
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.panel import form, press, said, send
from assistant_constitutions.panel.language import later, tr
from assistant_constitutions.panel.words import ACTIONS, NAME

INTRO = later(
    "Write questions, one in each line. Each is judged by the rules without the pack and with it. No model is asked, "
    "nothing is stored, and nobody else notices."
)
IN_FORCE = later("What is on now, against the packs that are always on")


@dataclass(frozen=True, slots=True)
class Tried:
    """What stands in the form. ``pack`` is empty for those that are on now."""

    pack: str
    prompts: str
    with_picture: bool


def try_view(packs: Sequence[PackSummary], tried: Tried, rows: Sequence[PreviewRow] | None, problem: str = "") -> Html:
    """The form, and what came of it.

    Args:
        packs: those that can be tried.
        tried: what stands in the form.
        rows: what was decided; ``None`` where nothing was tried yet.
        problem: why nothing could be tried.
    """
    choices = [("", tr(IN_FORCE)), *((each.id, f"{each.title} ({each.id})") for each in packs if _can_be_tried(each))]
    return join(
        [
            tag("div", press(NAME, "", tr("All packs")), class_="buttons"),
            said(problem, problem=True) if problem else None,
            tag("p", tr(INTRO)),
            form(
                NAME,
                "",
                tag("label", tr("The pack"), for_="try-pack"),
                tag(
                    "select",
                    *(tag("option", title, value=value, selected=value == tried.pack) for value, title in choices),
                    id="try-pack",
                    name="pack",
                ),
                tag("label", tr("Questions, one in each line"), for_="try-prompts"),
                tag("textarea", tried.prompts, id="try-prompts", name="prompts", rows="5"),
                tag(
                    "label",
                    tag("input", type="checkbox", name="image", value="yes", checked=tried.with_picture),
                    " ",
                    tr("As if a picture came with each question"),
                ),
                tag(
                    "div",
                    send(tr("Try these questions"), "preview", main=True),
                    send(tr("Use the pack's own tests"), "preview-tests"),
                    class_="buttons",
                ),
            ),
            _table(rows) if rows is not None else None,
        ]
    )


def _can_be_tried(pack: PackSummary) -> bool:
    return pack.state != "always on" and not pack.problem


def _table(rows: Sequence[PreviewRow]) -> Html:
    changed = sum(each.changed for each in rows)
    line = (
        tr("{changed} of {count} are decided differently with the pack.", changed=changed, count=len(rows))
        if rows
        else tr("The pack has no tests.")
    )
    return tag(
        "section",
        tag("p", line, class_="notice", role="status"),
        tag(
            "table",
            tag("caption", tr("Without the pack and with it"), class_="hidden"),
            tag(
                "thead", tag("tr", *(tag("th", name, scope="col") for name in (tr("Text"), tr("Without"), tr("With"))))
            ),
            tag("tbody", *(_row(each) for each in rows)),
            class_="sides",
        )
        if rows
        else None,
    )


def _row(row: PreviewRow) -> Html:
    of_answer = tr("answer:") + " " if row.role == "assistant" else ""
    return tag(
        "tr",
        tag("th", of_answer, tag("q", row.text), scope="row"),
        tag("td", _decision(row.without), data_label=tr("Without")),
        tag("td", _decision(row.with_pack), data_label=tr("With"), class_="new" if row.changed else None),
        class_="changed" if row.changed else None,
    )


def _decision(decision: Decision) -> Html:
    action = tag("strong", tr(ACTIONS[decision.action]))
    if not decision.rule:
        return action
    return join([action, " ", tr("by {rule}", rule=decision.rule), " ", tag("span", decision.pack, class_="quiet")])
