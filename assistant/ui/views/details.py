"""How an answer came about: the trace, for whoever wants to know."""

from __future__ import annotations

from assistant.messages import TurnRecord
from assistant.ui.views.markup import Html, percent, tag


def details_section(record: TurnRecord) -> Html:
    """Model, packs, settings, timings, hooks and verdicts of one turn."""
    trace = record.trace
    facts: list[tuple[str, str]] = []
    if trace.model:
        facts.append(("Model", f"{trace.model.name} {trace.model.version}".strip()))
        if trace.model.reader:
            facts.append(("Read by", f"{trace.model.reader}; the model wrote nothing of this answer"))
        if trace.model.fingerprint:
            facts.append(("Weights", trace.model.fingerprint[:16]))
    if trace.packs:
        facts.append(("Packs", ", ".join(f"{name} {version}" for name, version in sorted(trace.packs.items()))))
    chance = f"temperature {trace.settings.temperature:g}, seed {trace.settings.seed}"
    facts.append(("Chance", "none" if trace.settings.temperature == 0 else chance))
    facts += [(f"Time for {step}", f"{milliseconds:.0f} ms") for step, milliseconds in trace.timings.items()]
    facts.append(("Turn", record.id))
    return tag(
        "section",
        tag("h3", "How this answer came about"),
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
        rule = f", rule {verdict.rule.id}" if verdict.rule else ""
        score = f", score {percent(verdict.score)}" if verdict.score is not None else ""
        lines.append(tag("li", f"{each.plugin} on the {each.stage}: {verdict.action}{rule}{score}"))
    return tag("div", tag("h4", "What the rules said"), tag("ul", *lines))


def _hooks(record: TurnRecord) -> Html | None:
    if not record.trace.hooks:
        return None
    lines = [
        tag(
            "li",
            f"{call.plugin}: {call.hook}, {call.milliseconds:.1f} ms"
            + ("" if call.outcome == "ok" else f", {call.outcome}: {call.detail}"),
        )
        for call in record.trace.hooks
    ]
    return tag("div", tag("h4", "Which plugins had a say"), tag("ul", *lines))
