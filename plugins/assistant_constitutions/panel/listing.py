"""All packs, each with what it is, whether it is on, and what one can do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.packs import PackSummary, PackTests
from assistant.ui.views.markup import Html, dots, join, tag
from assistant.ui.views.panel import form, press, said, send
from assistant_constitutions.panel.language import later, told, tr, trn
from assistant_constitutions.panel.words import NAME, standing

INTRO = later(
    "A pack is a list of rules in a file. While it is on, its rules apply to every question, from the next one on. Try "
    "it first: that changes nothing for anybody."
)


def list_view(packs: Sequence[PackSummary], problem: str, tested: Mapping[str, PackTests], *, may_change: bool) -> Html:
    """The packs, those that are on first.

    Args:
        packs: as they stand.
        problem: what is wrong with the list itself.
        tested: results that are known, by the hash of a pack.
        may_change: whether the person may switch packs on and off.
    """
    order = {"always on": 0, "enabled": 1, "off": 2}
    return join(
        [
            said(tr("Careful: {problem}", problem=told(problem)), problem=True) if problem else None,
            tag("p", tr(INTRO)),
            press(NAME, "try", tr("Try questions under a pack"), main=True),
            *(
                _pack(each, tested.get(each.sha256), may_change=may_change)
                for each in sorted(packs, key=lambda each: order[each.state])
            ),
            _add() if may_change else None,
        ]
    )


def _pack(pack: PackSummary, tests: PackTests | None, *, may_change: bool) -> Html:
    label = f"pack-{pack.id}"
    facts = [
        f"{pack.id} {pack.version}",
        pack.domain,
        trn("{count} rule", "{count} rules", pack.principles) if pack.principles else "",
        trn("{count} exception", "{count} exceptions", len(pack.asked_for)) if pack.asked_for else "",
        _tests(pack, tests),
        f"SHA-256 {pack.sha256[:12]}",
        tr("comes with Glassbox") if pack.bundled else tr("added here"),
    ]
    return tag(
        "article",
        tag("h3", pack.title or pack.id, id=label),
        tag("p", standing(pack)),
        tag("p", dots(facts), class_="quiet"),
        tag("p", told(pack.problem), class_="problem") if pack.problem else None,
        tag(
            "div",
            press(NAME, "show", tr("Read its rules"), pack=pack.id),
            press(NAME, "try", tr("Try it"), pack=pack.id) if pack.state != "always on" and not pack.problem else None,
            press(NAME, "enable", tr("Switch on"), pack=pack.id) if may_change and pack.state == "off" else None,
            press(NAME, "disable", tr("Switch off"), pack=pack.id) if may_change and pack.state == "enabled" else None,
            class_="buttons",
        ),
        class_="case" if pack.state == "off" else "case on",
        aria_labelledby=label,
    )


def _tests(pack: PackSummary, tests: PackTests | None) -> str:
    if tests is not None:
        held = tests.cases - len(tests.failures)
        return trn("{held} of {count} test holds", "{held} of {count} tests hold", tests.cases, held=held)
    known = trn("{count} test", "{count} tests", pack.tests)
    match pack.state:
        case "always on":
            return known
        case "enabled":
            return tr("{known}, all held when it was switched on", known=known)
        case "off":
            return tr("{known}, run when it is switched on", known=known)


def _add() -> Html:
    return tag(
        "details",
        tag("summary", tr("Add a pack from a file")),
        form(
            NAME,
            "add",
            tag(
                "p",
                tr(
                    "Choose a YAML file. Nothing in it is executed. It is checked, its tests are run, and it stays off "
                    "until you switch it on. How to write one stands in docs/packs.md."
                ),
            ),
            tag("label", tr("The pack's file"), for_="pack-file"),
            tag("input", type="file", id="pack-file", name="file", accept=".yaml,.yml", required=True),
            send(tr("Check and add it")),
        ),
        class_="case",
        data_key="add-a-pack",
    )
