"""Appeals as a reviewer sees them: the question, the rule, the person's words, and the two decisions."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.appeals import MOST_REASON, Case
from assistant.ui.languages import day, later, tr, trn
from assistant.ui.views.marked_picture import marked_pictures
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.panel import form, send
from assistant.ui.views.picture import picture_of
from assistant.ui.views.refusal import marked

STATES = {"open": later("Open"), "upheld": later("Upheld"), "overturned": later("Overturned")}
SHOWN = 50
"""So many decided appeals are listed."""


def appeals_view(panel: str, waiting: Sequence[Case], decided: Sequence[Case], *, may_decide: bool) -> Html:
    """The open appeals with their forms, and the decided ones below.

    Args:
        panel: the name of the panel.
        waiting: oldest first.
        decided: newest first.
        may_decide: whether the person may do so.
    """
    intro = tr(
        "Somebody pressed “This refusal is wrong”. Read the question and the rule, then decide. The person sees your "
        "decision and your sentence next to the refusal."
    )
    if waiting:
        content = [tag("p", intro), *(_open(panel, each, may_decide=may_decide) for each in waiting)]
    else:
        nothing = tr(
            "No appeal is waiting. When a rule refuses a question, the card has a button “This refusal is wrong”; "
            "what people say there comes here."
        )
        content = [tag("p", nothing, class_="empty")]
    if decided:
        lines = [_decided(each) for each in decided[:SHOWN]]
        count = (
            tr("Decided ({count})", count=len(decided))
            if len(decided) <= SHOWN
            else tr("Decided (the last {count})", count=SHOWN)
        )
        content.append(tag("details", tag("summary", count), tag("ul", *lines), data_key="decided-appeals"))
    return join(content)


def _open(panel: str, case: Case, *, may_decide: bool) -> Html:
    appeal = case.appeal
    label = f"appeal-head-{appeal.id}"
    return tag(
        "article",
        tag("h3", case.refusal.rule.title, id=label),
        _question(case),
        _rule(case),
        tag(
            "p",
            tag("strong", tr("The person says:")),
            " ",
            tag("q", appeal.text, dir="auto") if appeal.text else tag("span", tr("nothing more"), class_="quiet"),
            tag("span", f" ({day(appeal.created_at)})", class_="quiet"),
        ),
        _decide(panel, case)
        if may_decide
        else tag("p", tr("Only the operator, at the computer on which Glassbox runs, can decide."), class_="quiet"),
        class_="case",
        aria_labelledby=label,
    )


def _question(case: Case) -> Html:
    question = case.record.turn.question
    refusal = case.refusal
    spans = [span for span in refusal.spans if span.part == "question"] if refusal.stage == "question" else []
    pictures = [picture_of(part, number) for number, part in enumerate(question.images)]
    words = (
        tag("q", marked(question.text, spans), dir="auto")
        if question.text
        else tag("span", tr("a picture without a question"))
    )
    by_answer = tr("The drafted answer broke the rule, not the question; no word of it is kept.")
    return tag(
        "div",
        tag("p", tag("strong", tr("Asked:")), " ", words),
        tag("p", by_answer, class_="quiet") if refusal.stage == "answer" else None,
        *marked_pictures(pictures, refusal.regions),
        tag(
            "p",
            trn("{count} picture came with it.", "{count} pictures came with it.", len(pictures)),
            class_="quiet",
        )
        if pictures and not refusal.regions
        else None,
    )


def _rule(case: Case) -> Html:
    rule = case.refusal.rule
    references = " " + tr("See: {references}.", references="; ".join(rule.references)) if rule.references else ""
    return tag(
        "p",
        tag("strong", tr("The rule:")),
        " ",
        rule.text,
        tag("span", f" {rule.id}, {rule.pack} {rule.pack_version}.{references}", class_="quiet"),
    )


def _decide(panel: str, case: Case) -> Html:
    """Two small forms, so that each asks for what its decision needs."""
    appeal = case.appeal
    return tag(
        "div",
        _form(
            panel,
            case,
            "overturn",
            tr("The refusal was wrong"),
            tr("Why was it wrong?"),
            tr(
                "The question becomes a test case that the rule must let pass. The rule itself stays until you mend it."
            ),
        ),
        _form(
            panel,
            case,
            "uphold",
            tr("The refusal was right"),
            tr("Why was it right?"),
            tag(
                "label",
                tag("input", type="checkbox", name="rule", value=appeal.rule, required=True),
                " ",
                tr("The rule {rule} applies to this question.", rule=appeal.rule),
            ),
        ),
        class_="decisions",
    )


def _form(panel: str, case: Case, act: str, label: str, asks: str, more: str) -> Html:
    field = f"{act}-{case.appeal.id}"
    return form(
        panel,
        act,
        tag("label", asks, for_=field),
        tag("textarea", dir="auto", id=field, name="reason", rows="2", maxlength=MOST_REASON, required=True),
        more if isinstance(more, Html) else tag("p", more, class_="quiet"),
        send(label),
        appeal=case.appeal.id,
        key=field,
    )


def _decided(case: Case) -> Html:
    appeal = case.appeal
    question = case.record.turn.question.text or tr("a picture without a question")
    facts = [appeal.reviewer] if appeal.reviewer else []
    if appeal.decided_at:
        facts.append(day(appeal.decided_at))
    return tag(
        "li",
        tag("strong", tr(STATES[appeal.status])),
        f" ({', '.join(facts)}): " if facts else ": ",
        tag("q", question if len(question) <= 200 else question[:199] + "…"),
        tag("span", f" {appeal.rule}, {appeal.pack} {appeal.pack_version}. ", class_="quiet"),
        appeal.reason,
    )
