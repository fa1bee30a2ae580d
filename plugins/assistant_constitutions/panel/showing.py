"""One pack: every rule in words, its tests, what the linter finds, its versions and the exceptions it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.packs import PackProblem, PackSummary, PackTests
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.panel import form, press, send
from assistant_constitutions.panel.language import day, told, tr, trn
from assistant_constitutions.panel.words import ACTIONS, NAME, does, standing

SHOWN = 20
"""So many failed tests and findings are listed."""


def pack_view(
    pack: PackSummary,
    content: Mapping[str, Any] | None,
    tests: PackTests | None,
    problems: Sequence[PackProblem] | None,
    *,
    may_change: bool,
) -> Html:
    """Everything about one pack.

    Args:
        pack: as it stands.
        content: what is in it; ``None`` where it cannot be read.
        tests: what became of its tests, where they were run.
        problems: what the linter found, where it looked.
        may_change: whether the person may switch it on and off.
    """
    return join(
        [
            tag("div", press(NAME, "", tr("All packs")), class_="buttons"),
            tag("h3", pack.title or pack.id),
            tag("p", standing(pack)),
            tag("p", told(pack.problem), class_="problem") if pack.problem else None,
            _facts(pack, content or {}),
            _buttons(pack, may_change=may_change),
            _tests(tests) if tests else None,
            _findings(problems) if problems is not None else None,
            _versions(pack, may_change=may_change),
            *(_exception(pack, each, may_change=may_change) for each in (content or {}).get("overrides", ())),
            _rules(content) if content else None,
        ]
    )


def _facts(pack: PackSummary, content: Mapping[str, Any]) -> Html:
    facts = [
        (tr("Pack"), f"{pack.id} {pack.version}"),
        (tr("Domain"), pack.domain),
        (tr("Licence"), str(content.get("licence", ""))),
        ("SHA-256", pack.sha256),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value), class_="facts")


def _buttons(pack: PackSummary, *, may_change: bool) -> Html:
    return tag(
        "div",
        press(NAME, "enable", tr("Switch on"), pack=pack.id, main=True) if may_change and pack.state == "off" else None,
        press(NAME, "disable", tr("Switch off"), pack=pack.id) if may_change and pack.state == "enabled" else None,
        press(NAME, "try", tr("Try it"), pack=pack.id) if pack.state != "always on" else None,
        press(NAME, "check", tr("Run its tests and look for mistakes"), pack=pack.id),
        class_="buttons",
    )


def _tests(tests: PackTests) -> Html:
    held = tests.cases - len(tests.failures)
    line = tr("Tests of {version}: {held} of {cases} hold.", version=tests.version, held=held, cases=tests.cases)
    if tests.passed:
        return tag("p", line, class_="notice")
    return tag(
        "div",
        tag("p", f"{line} {tr('A pack is switched on only when all of them do.')}"),
        tag("ul", *(tag("li", each) for each in tests.failures[:SHOWN])),
        class_="notice problem",
    )


def _findings(problems: Sequence[PackProblem]) -> Html:
    if not problems:
        return tag("p", tr("No mistakes found."), class_="notice")
    errors = sum(each.level == "error" for each in problems)
    said = tr(
        "{mistakes} and {remarks} found.",
        mistakes=trn("{count} mistake", "{count} mistakes", errors),
        remarks=trn("{count} remark", "{count} remarks", len(problems) - errors),
    )
    more = (
        tr("A mistake keeps it from being switched on.")
        if errors
        else tr("Remarks do not keep it from being switched on.")
    )
    left = len(problems) - SHOWN
    return tag(
        "details",
        tag("summary", f"{said} {more}"),
        tag(
            "ul", *(tag("li", tag("strong", f"{told(each.level)}: "), told(each.message)) for each in problems[:SHOWN])
        ),
        tag("p", tr("And {left} more: type assistant packs lint.", left=left), class_="quiet") if left > 0 else None,
        open=bool(errors),
        class_="notice problem" if errors else "notice",
    )


def _versions(pack: PackSummary, *, may_change: bool) -> Html | None:
    known = list(dict.fromkeys((*(each.version for each in pack.versions), pack.version)))
    if len(known) < 2:
        return None
    others = [each for each in known if each != pack.version]

    def choice(name: str, label: str, chosen: str) -> tuple[Html, Html]:
        field = f"{name}-{pack.id}"
        options = (tag("option", each, value=each, selected=each == chosen) for each in known)
        return tag("label", label, for_=field), tag("select", *options, id=field, name=name)

    return tag(
        "section",
        tag("h4", tr("Versions: {versions}", versions=", ".join(known))),
        tag(
            "div",
            *(
                press(NAME, "enable", tr("Use version {version}", version=each), pack=pack.id, version=each)
                for each in others
                if not pack.bundled
            ),
            press(NAME, "rollback", tr("Go back to the version before"), pack=pack.id)
            if pack.state == "enabled"
            else None,
            class_="buttons",
        )
        if may_change
        else None,
        form(
            NAME,
            "diff",
            *choice("before", tr("Compare"), others[-1]),
            *choice("after", tr("with"), pack.version),
            send(tr("Show what differs")),
            pack=pack.id,
        ),
    )


def _exception(pack: PackSummary, override: Mapping[str, Any], *, may_change: bool) -> Html:
    rule = str(override["rule"])
    grant = next((each for each in pack.grants if each.rule == rule), None)
    if grant:
        how = tr("Granted by {who} on {at}: {reason}", who=grant.who, at=day(grant.at), reason=grant.reason)
        act, label, asks = "revoke", tr("Take the grant back"), tr("Why is it taken back?")
    else:
        how = tr("Not granted: it has no effect.")
        act, label, asks = "grant", tr("Grant it"), tr("Why may it? The audit log shows your sentence.")
    field = f"reason-{pack.id}-{rule}"
    return tag(
        "article",
        tag("h4", tr("Asks for an exception to the rule {rule} of another pack", rule=rule)),
        tag("p", str(override["because"])),
        tag("p", how, class_="quiet"),
        form(
            NAME,
            act,
            tag("label", asks, for_=field),
            tag("textarea", id=field, name="reason", rows="2", maxlength="2000", required=True),
            send(label),
            pack=pack.id,
            rule=rule,
            key=f"{act}-{field}",
        )
        if may_change
        else None,
        class_="case",
    )


def _rules(content: Mapping[str, Any]) -> Html:
    cases: Sequence[Mapping[str, Any]] = content["tests"]
    return tag(
        "section",
        tag("h4", trn("Its {count} rule", "Its {count} rules", len(content["principles"])))
        if content["principles"]
        else None,
        *(
            _rule(each, [case for case in cases if case["rule"] == each["id"]], str(content["id"]))
            for each in content["principles"]
        ),
    )


def _rule(rule: Mapping[str, Any], cases: Sequence[Mapping[str, Any]], pack: str) -> Html:
    lines: list[tuple[str, str]] = [(tr("Rule"), f"{rule['id']} ({rule['kind']}, {rule['severity']})")]
    lines += [(tr("Not where"), str(each["text"])) for each in rule["exceptions"]]
    if rule["instead"]:
        lines.append((tr("Still possible"), str(rule["instead"])))
    if rule["message"]:
        lines.append((tr("Says"), str(rule["message"])))
    if rule["references"]:
        lines.append((tr("References"), "; ".join(rule["references"])))
    lines.append((tr("Looks with"), ", ".join(str(each["name"]) for each in rule["evaluators"])))
    return tag(
        "details",
        tag("summary", f"{rule['title']}: {does(rule['action'], rule['applies_to'])}"),
        tag("p", str(rule["text"]), class_="sentence"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in lines), class_="facts"),
        tag(
            "ul",
            *(
                tag(
                    "li",
                    tag("q", str(case["text"])),
                    tag("span", f" {tr(ACTIONS[case['expect']])}", class_="quiet"),
                )
                for case in cases
            ),
        )
        if cases
        else tag("p", tr("It has no test."), class_="quiet"),
        class_="rule",
        data_key=f"rule-{pack}-{rule['id']}",
    )
