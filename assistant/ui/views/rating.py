"""The rating of one answer: thumb, reasons, a text, a better answer, and the receipt."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.messages import Feedback, TurnRecord
from assistant.ui.views.markup import Html, tag, thumb

DEFAULT_REASONS = (
    "Wrong about the picture",
    "Right about the picture",
    "Does not answer the question",
    "Hard to understand",
    "Made something up",
    "Unfair or hurtful",
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
        tag("h3", "Rate this answer"),
        tag("p", _standing(current), class_="quiet"),
        tag(
            "form",
            tag(
                "fieldset",
                tag("legend", "Was it a good answer?"),
                _radio(name, "up", "Good answer", rating),
                _radio(name, "down", "Bad answer", rating),
                class_="thumbs",
            ),
            tag(
                "fieldset",
                tag("legend", "Reasons (any that fit)"),
                *(_reason(reason, checked=reason in given) for reason in offered),
            )
            if offered
            else None,
            *_area(f"text-{record.id}", "text", "In your own words", current.text if current else ""),
            *_area(
                f"correction-{record.id}",
                "correction",
                "What the answer should have been",
                current.correction if current else "",
            ),
            tag(
                "div",
                tag("button", "Store this rating", type="submit", class_="plain"),
                tag(
                    "button",
                    "Take it back",
                    type="button",
                    data_event="act",
                    data_act="take-back",
                    data_turn=record.id,
                )
                if current
                else None,
                class_="buttons",
            ),
            tag("p", receipt, class_="receipt", role="status") if receipt else None,
            data_event="act",
            data_act="rate",
            data_turn=record.id,
            data_key=f"{name}-{current.id if current else ''}",
        ),
        class_="rating",
    )


def _standing(current: Feedback | None) -> str:
    if current is None:
        return "Not rated yet."
    return f"Rated as a {'good' if current.rating == 'up' else 'bad'} answer on {current.created_at:%d %B %Y}."


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
    return tag("label", tag("input", type="checkbox", name="reasons", value=reason, checked=checked), f" {reason}")


def _area(field: str, name: str, label: str, value: str) -> tuple[Html, Html]:
    return (
        tag("label", label, for_=field),
        tag("textarea", value, id=field, name=name, rows="2", maxlength="10000"),
    )
