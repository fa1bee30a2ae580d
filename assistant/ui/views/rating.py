"""The rating of one answer: thumb, reasons, a text, a better answer, and the receipt."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.messages import Feedback, TurnRecord
from assistant.ui.languages import day, later, told, tr
from assistant.ui.views.markup import Html, tag, thumb

DEFAULT_REASONS = (
    later("Wrong about the picture"),
    later("Right about the picture"),
    later("Does not answer the question"),
    later("Hard to understand"),
    later("Made something up"),
    later("Unfair or hurtful"),
)
"""Offered where no plugin offers reasons."""


def rating_section(record: TurnRecord, current: Feedback | None, reasons: Sequence[str], receipt: str = "") -> Html:
    """The form for one answer, filled in with the rating that counts now."""
    rating = current.rating if current else ""
    given = current.reasons if current else ()
    offered = [*reasons, *(reason for reason in given if reason not in reasons)]
    name = f"rating-{record.id}"
    return tag(
        "section",
        tag("h3", tr("Rate this answer")),
        tag("p", _standing(current), class_="quiet"),
        tag(
            "form",
            tag(
                "fieldset",
                tag("legend", tr("Was it a good answer?")),
                _radio(name, "up", tr("Good answer"), rating),
                _radio(name, "down", tr("Bad answer"), rating),
                class_="thumbs",
            ),
            tag(
                "fieldset",
                tag("legend", tr("Reasons (any that fit)")),
                *(_reason(reason, checked=reason in given) for reason in offered),
            )
            if offered
            else None,
            *_area(f"text-{record.id}", "text", tr("In your own words"), current.text if current else ""),
            *_area(
                f"correction-{record.id}",
                "correction",
                tr("What the answer should have been"),
                current.correction if current else "",
            ),
            tag(
                "div",
                tag("button", tr("Store this rating"), type="submit", class_="plain"),
                tag(
                    "button",
                    tr("Take it back"),
                    type="button",
                    data_event="act",
                    data_act="take-back",
                    data_turn=record.id,
                )
                if current
                else None,
                class_="buttons",
            ),
            tag("p", told(receipt), class_="receipt", role="status") if receipt else None,
            data_event="act",
            data_act="rate",
            data_turn=record.id,
            data_key=f"{name}-{current.id if current else ''}",
        ),
        class_="rating",
    )


def _standing(current: Feedback | None) -> str:
    if current is None:
        return tr("Not rated yet.")
    rated = day(current.created_at)
    if current.rating == "up":
        return tr("Rated as a good answer on {day}.", day=rated)
    return tr("Rated as a bad answer on {day}.", day=rated)


def _radio(name: str, value: str, label: str, current: str) -> Html:
    return tag(
        "label",
        tag(
            "input", type="radio", name="rating", value=value, checked=value == current, required=True, data_group=name
        ),
        " ",
        thumb(value),
        f" {label}",
    )


def _reason(reason: str, *, checked: bool) -> Html:
    return tag(
        "label", tag("input", type="checkbox", name="reasons", value=reason, checked=checked), f" {told(reason)}"
    )


def _area(field: str, name: str, label: str, value: str) -> tuple[Html, Html]:
    return (
        tag("label", label, for_=field),
        tag("textarea", value, dir="auto", id=field, name=name, rows="2", maxlength="10000"),
    )
