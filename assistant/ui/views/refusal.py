"""The refusal card: which rule, whose, because of which words, what is still possible, and how to appeal."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.messages import Appeal, TurnRecord
from assistant.ui.languages import day, percent, told, tr
from assistant.ui.views.marked_picture import marked_pictures
from assistant.ui.views.markup import Html, join, tag, text
from assistant.ui.views.picture import picture_of
from assistant.verdicts import Refusal, Span


def refusal_card(record: TurnRecord, refusal: Refusal, appeals: Sequence[Appeal], receipt: str = "") -> Html:
    """The card of one refused turn.

    Args:
        record: the turn.
        refusal: why it ended without an answer.
        appeals: what was said against it.
        receipt: the answer to an appeal that has just been sent.
    """
    rule = refusal.rule
    label = f"refusal-{record.id}"
    title = (
        tr("One question first: {title}", title=told(rule.title))
        if refusal.action == "ask"
        else tr("Not answered: {title}", title=told(rule.title))
    )
    return tag(
        "section",
        tag("h4", title, id=label, dir="auto"),
        tag("p", told(refusal.message)) if refusal.message else None,
        tag("p", told(rule.text), class_="sentence", dir="auto"),
        _because(record, refusal),
        *marked_pictures([picture_of(part, number) for number, part in enumerate(record.turn.images)], refusal.regions),
        _facts(refusal),
        _harmless_part(record.id, refusal.harmless_part) if refusal.harmless_part else None,
        tag("p", tag("strong", tr("Still possible:")), " ", tag("bdi", told(refusal.instead)), class_="instead")
        if refusal.instead
        else None,
        _appeal(record.id, appeals, receipt),
        class_="refusal",
        aria_labelledby=label,
    )


def _harmless_part(turn_id: str, part: str) -> Html:
    button = tag("button", tr("Ask only this"), type="button", data_event="turn", data_act="part", data_turn=turn_id)
    return tag("p", tag("strong", tr("This part can be answered:")), f" “{part}” ", button, class_="part")


def _because(record: TurnRecord, refusal: Refusal) -> Html | None:
    if refusal.cause == "check_failed":
        failed = (
            tr("The check of the plugin “{plugin}” could not run.", plugin=refusal.plugin)
            if refusal.plugin
            else tr("A check could not run.")
        )
        return tag("p", failed, " ", tr("Without it nothing is let through. See “Plugins” for what to do."))
    spans = [span for span in refusal.spans if span.part == "question"]
    if refusal.stage == "question" and spans:
        return tag(
            "p",
            tag("span", tr("Because of the marked words:"), class_="quiet"),
            " ",
            tag("q", marked(record.turn.question.text, spans), dir="auto"),
            class_="because",
        )
    if refusal.triggers:
        words = ", ".join(f"“{word}”" for word in refusal.triggers)
        return tag("p", tr("Because of: {words}", words=words), class_="because")
    if refusal.stage == "answer":
        return tag("p", tr("The drafted answer broke this rule. It was not shown and is not kept."), class_="because")
    return None


def marked(question: str, spans: Sequence[Span]) -> Html:
    """The question with the characters of every span marked; spans may overlap or reach past its end."""
    pieces: list[Html] = []
    done = 0
    for span in sorted(spans, key=lambda span: span.start):
        start, end = max(span.start, done), min(span.end, len(question))
        if end <= start:
            continue
        pieces += [text(question[done:start]), tag("mark", question[start:end])]
        done = end
    return join([*pieces, text(question[done:])])


def _facts(refusal: Refusal) -> Html:
    rule = refusal.rule
    facts = [(tr("Rule"), rule.id), (tr("Pack"), f"{rule.pack} {rule.pack_version}".strip())]
    if refusal.score is not None and refusal.threshold is not None:
        facts.append(
            (
                tr("Score"),
                tr("{score}, refused from {limit}", score=percent(refusal.score), limit=percent(refusal.threshold)),
            )
        )
    elif refusal.score is not None:
        facts.append((tr("Score"), percent(refusal.score)))
    if refusal.evaluator:
        facts.append((tr("Found by"), refusal.evaluator))
    if refusal.detail:
        facts.append((tr("Seen"), told(refusal.detail)))
    if rule.references:
        facts.append((tr("References"), "; ".join(rule.references)))
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value, dir="auto")) for name, value in facts), class_="facts"
    )


def _outcome(appeal: Appeal) -> Html:
    """How an appeal stands, and the reviewer's sentence."""
    when = day(appeal.decided_at) if appeal.decided_at else ""
    match appeal.status:
        case "open":
            state, words = tr("Open"), tr("It waits for a reviewer.")
        case "upheld":
            state, words = (
                tr("Upheld"),
                tr(
                    "A reviewer found that the rule {rule} ({pack}) applies ({day}).",
                    rule=appeal.rule,
                    pack=f"{appeal.pack} {appeal.pack_version}",
                    day=when,
                ),
            )
        case "overturned":
            state, words = tr("Overturned"), tr("A reviewer found that the refusal was wrong ({day}).", day=when)
    reason = f" {tr('The reason: {reason}', reason=appeal.reason)}" if appeal.reason else ""
    return tag("p", tag("strong", f"{state}: "), words, reason, class_=f"outcome {appeal.status}")


def _appeal(turn_id: str, appeals: Sequence[Appeal], receipt: str) -> Html:
    if appeals:
        last = appeals[-1]
        return tag(
            "div",
            tag("p", tr("You said on {day} that this refusal is wrong.", day=day(last.created_at))),
            tag("blockquote", last.text, dir="auto") if last.text else None,
            _outcome(last),
            tag("p", told(receipt), class_="receipt", role="status") if receipt else None,
            class_="appealed",
        )
    field = f"appeal-{turn_id}"
    return tag(
        "form",
        tag("label", tr("What did the rule get wrong? (may stay empty)"), for_=field),
        tag("textarea", dir="auto", id=field, name="text", rows="2", maxlength="10000"),
        tag("button", tr("This refusal is wrong"), type="submit", class_="plain"),
        tag("p", told(receipt), class_="receipt problem", role="alert") if receipt else None,
        class_="appeal",
        data_event="act",
        data_act="appeal",
        data_turn=turn_id,
        data_key=field,
    )
