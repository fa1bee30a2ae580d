"""How an answer came about: the trace, for whoever wants to know."""

from __future__ import annotations

from assistant.messages import TurnRecord
from assistant.ui.languages import number, percent, told, tr
from assistant.ui.views.markup import Html, tag


def details_section(record: TurnRecord) -> Html:
    """Model, packs, settings, timings, hooks and verdicts of one turn."""
    trace = record.trace
    facts: list[tuple[str, str]] = []
    if trace.model:
        facts.append((tr("Model"), f"{trace.model.name} {trace.model.version}".strip()))
        if trace.model.reader:
            facts.append(
                (tr("Read by"), tr("{reader}; the model wrote nothing of this answer", reader=trace.model.reader))
            )
        if trace.model.fingerprint:
            facts.append((tr("Weights"), trace.model.fingerprint[:16]))
    if trace.packs:
        facts.append((tr("Packs"), ", ".join(f"{name} {version}" for name, version in sorted(trace.packs.items()))))
    chance = tr(
        "temperature {temperature}, seed {seed}",
        temperature=f"{trace.settings.temperature:g}",
        seed=trace.settings.seed,
    )
    facts.append((tr("Chance"), tr("none") if trace.settings.temperature == 0 else chance))
    facts += [
        (tr("Time for {step}", step=told(step)), tr("{milliseconds} ms", milliseconds=number(milliseconds)))
        for step, milliseconds in trace.timings.items()
    ]
    facts.append((tr("Turn"), record.id))
    return tag(
        "section",
        tag("h3", tr("How this answer came about")),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts"),
        _verdicts(record),
        _hooks(record),
        class_="details",
    )


def _verdicts(record: TurnRecord) -> Html | None:
    if not record.trace.verdicts:
        return None
    lines: list[Html] = []
    for each in record.trace.verdicts:
        verdict = each.verdict
        rule = ", " + tr("rule {id}", id=verdict.rule.id) if verdict.rule else ""
        score = ", " + tr("score {share}", share=percent(verdict.score)) if verdict.score is not None else ""
        lines.append(
            tag(
                "li",
                tr(
                    "{plugin} on the {stage}: {action}",
                    plugin=each.plugin,
                    stage=told(each.stage),
                    action=told(verdict.action),
                )
                + rule
                + score,
            )
        )
    return tag("div", tag("h4", tr("What the rules said")), tag("ul", *lines))


def _hooks(record: TurnRecord) -> Html | None:
    if not record.trace.hooks:
        return None
    lines = [
        tag(
            "li",
            tr(
                "{plugin}: {hook}, {milliseconds} ms",
                plugin=call.plugin,
                hook=call.hook,
                milliseconds=number(call.milliseconds, 1),
            )
            + ("" if call.outcome == "ok" else f", {call.outcome}: {call.detail}"),
        )
        for call in record.trace.hooks
    ]
    return tag("div", tag("h4", tr("Which plugins had a say")), tag("ul", *lines))
