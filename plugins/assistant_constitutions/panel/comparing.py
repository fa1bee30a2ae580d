"""Where two versions of a pack differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from assistant.packs import PackDifference
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.panel import press
from assistant_constitutions.panel.language import later, tr
from assistant_constitutions.panel.words import NAME

KINDS = {"added": later("Added"), "removed": later("Removed"), "changed": later("Changed")}
LONGEST = 600
"""Characters that are shown of one side."""


def diff_view(pack: str, before: str, after: str, found: Sequence[PackDifference]) -> Html:
    """The differences, in the order of the fields of a pack.

    Args:
        pack: its id.
        before: the one version.
        after: the other.
        found: where they differ.
    """
    return join(
        [
            tag("div", press(NAME, "show", tr("Back to {pack}", pack=pack), pack=pack), class_="buttons"),
            tag("h3", tr("{pack}: {before} and {after}", pack=pack, before=before, after=after)),
            *(_difference(each) for each in found),
            tag("p", tr("They say the same."), class_="empty") if not found else None,
        ]
    )


def _difference(each: PackDifference) -> Html:
    where = f"{each.place}, {each.field}" if each.field else each.place
    return tag(
        "article",
        tag("h4", f"{tr(KINDS[each.kind])}: {where}"),
        tag("p", tag("strong", tr("Before:")), " ", tag("del", _short(each.before))) if each.kind != "added" else None,
        tag("p", tag("strong", tr("After:")), " ", tag("ins", _short(each.after))) if each.kind != "removed" else None,
        class_="case",
    )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        entry = cast("dict[str, Any]", value)
        value = entry.get("text") or entry.get("because") or entry
    shown = " ".join(str(value).split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
