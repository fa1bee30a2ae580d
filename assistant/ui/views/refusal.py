"""The refusal card: which rule, whose, because of which words, what is still possible, and how to appeal."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.messages import Appeal, TurnRecord
from assistant.ui.views.marked_picture import marked_pictures
from assistant.ui.views.markup import Html, join, percent, tag, text
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
    title = f"One question first: {rule.title}" if refusal.action == "ask" else f"Not answered: {rule.title}"
    return tag(
        "section",
        tag("h4", title, id=label),
        tag("p", refusal.message) if refusal.message else None,
        tag("p", rule.text, class_="sentence"),
        _because(record, refusal),
        *marked_pictures([picture_of(part, number) for number, part in enumerate(record.turn.images)], refusal.regions),
        _facts(refusal),
        _harmless_part(record.id, refusal.harmless_part) if refusal.harmless_part else None,
        tag("p", tag("strong", "Still possible: "), refusal.instead, class_="instead") if refusal.instead else None,
        _appeal(record.id, appeals, receipt),
        class_="refusal",
        aria_labelledby=label,
    )


def _harmless_part(turn_id: str, part: str) -> Html:
    button = tag("button", "Ask only this", type="button", data_event="turn", data_act="part", data_turn=turn_id)
    return tag("p", tag("strong", "This part can be answered: "), f"“{part}” ", button, class_="part")


def _because(record: TurnRecord, refusal: Refusal) -> Html | None:
    if refusal.cause == "check_failed":
        who = f"The check of the plugin “{refusal.plugin}” could not run" if refusal.plugin else "A check could not run"
        return tag("p", f"{who}, and without it nothing is let through. See “Plugins” for what to do.")
    spans = [span for span in refusal.spans if span.part == "question"]
    if refusal.stage == "question" and spans:
        return tag(
            "p",
            tag("span", "Because of the marked words: ", class_="quiet"),
            tag("q", marked(record.turn.question.text, spans)),
            class_="because",
        )
    if refusal.triggers:
        words = ", ".join(f"“{word}”" for word in refusal.triggers)
        return tag("p", f"Because of: {words}", class_="because")
    if refusal.stage == "answer":
        return tag("p", "The drafted answer broke this rule. It was not shown and is not kept.", class_="because")
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
    facts = [("Rule", rule.id), ("Pack", f"{rule.pack} {rule.pack_version}".strip())]
    if refusal.score is not None and refusal.threshold is not None:
        facts.append(("Score", f"{percent(refusal.score)}, refused from {percent(refusal.threshold)}"))
    elif refusal.score is not None:
        facts.append(("Score", percent(refusal.score)))
    if refusal.evaluator:
        facts.append(("Found by", refusal.evaluator))
    if refusal.detail:
        facts.append(("Seen", refusal.detail))
    if rule.references:
        facts.append(("References", "; ".join(rule.references)))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts")


def _outcome(appeal: Appeal) -> Html:
    """How an appeal stands, and the reviewer's sentence."""
    because = f", because: {appeal.reason}" if appeal.reason else "."
    when = f" on {appeal.decided_at:%d %B %Y}" if appeal.decided_at else ""
    match appeal.status:
        case "open":
            state, words = "Open", "it waits for a reviewer."
        case "upheld":
            state = "Upheld"
            words = f"a reviewer found{when} that the rule {appeal.rule} ({appeal.pack} {appeal.pack_version}) applies"
            words += because
        case "overturned":
            state, words = "Overturned", f"a reviewer found{when} that the refusal was wrong{because}"
    return tag("p", tag("strong", f"{state}: "), words, class_=f"outcome {appeal.status}")


def _appeal(turn_id: str, appeals: Sequence[Appeal], receipt: str) -> Html:
    if appeals:
        last = appeals[-1]
        return tag(
            "div",
            tag("p", f"You said on {last.created_at:%d %B %Y} that this refusal is wrong."),
            tag("blockquote", last.text) if last.text else None,
            _outcome(last),
            tag("p", receipt, class_="receipt", role="status") if receipt else None,
            class_="appealed",
        )
    field = f"appeal-{turn_id}"
    return tag(
        "form",
        tag("label", "What did the rule get wrong? (may stay empty)", for_=field),
        tag("textarea", id=field, name="text", rows="2", maxlength="10000"),
        tag("button", "This refusal is wrong", type="submit", class_="plain"),
        tag("p", receipt, class_="receipt problem", role="alert") if receipt else None,
        class_="appeal",
        data_event="act",
        data_act="appeal",
        data_turn=turn_id,
        data_key=field,
    )
