"""Refusals and appeals in numbers, by rule."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.appeals import RuleRate
from assistant.ui.languages import later, number, percent, told, tr
from assistant.ui.views.markup import Html, join, tag

COLUMNS = (
    later("Rule"),
    later("Refusals"),
    later("Appeals"),
    later("Upheld"),
    later("Overturned"),
    later("Share overturned"),
)


def rates_view(rates: Sequence[RuleRate], meaning: str) -> Html:
    """A table with one line for each rule in each version of its pack.

    Args:
        rates: the lines.
        meaning: what the share says and does not say.
    """
    if not rates:
        nothing = tr(
            "No question has been refused yet. Once a rule refuses one, it stands here with its count; the person can "
            "press “This refusal is wrong” on the card, and you decide under “Appeals”."
        )
        return tag("p", nothing, class_="empty")
    intro = tr("How often each rule ended a question, and what came of it when somebody said that it was wrong.")
    return join(
        [
            tag("p", intro),
            tag(
                "table",
                tag("caption", tr("Refusals and appeals by rule"), class_="hidden"),
                tag("thead", tag("tr", *(tag("th", name, scope="col") for name in map(tr, COLUMNS)))),
                tag("tbody", *(_line(each) for each in rates)),
                class_="numbers",
            ),
            tag("p", tag("strong", tr("What the share means.")), " ", told(meaning), class_="caveat"),
        ]
    )


def _line(each: RuleRate) -> Html:
    tally = each.tally
    share = tr("nothing decided yet")
    if each.rate is not None:
        share = tr(
            "{share} ({low} to {high})",
            share=percent(each.rate),
            low=percent(each.low),
            high=percent(each.high),
        )
    counts = (tally.refusals, tally.appeals, tally.upheld, tally.overturned)
    return tag(
        "tr",
        tag("th", tally.rule, tag("span", f"{tally.pack} {tally.version}", class_="quiet"), scope="row"),
        *(
            tag("td", number(count), data_label=tr(label), class_="count")
            for count, label in zip(counts, COLUMNS[1:], strict=False)
        ),
        tag("td", share, data_label=tr(COLUMNS[-1])),
    )
