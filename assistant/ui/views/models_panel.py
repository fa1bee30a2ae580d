"""The panel "Models": each model as a person reads it, and what would be fetched."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.backends import Backend, Download, where_it_runs
from assistant.downloads import Progress
from assistant.ui.languages import megabytes, told, tr
from assistant.ui.views.markup import Html, dots, join, rich, tag
from assistant.ui.views.panel import press

NAME = "models"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model. ``can_be_fetched``: its weights may have to come first; ``progress`` is that of its download."""

    model: Backend
    can_be_fetched: bool
    progress: Progress | None = None


def models_view(rows: Sequence[ModelRow]) -> Html:
    """Every model."""
    return join(
        [
            tag("p", tr("Nothing is fetched before you have seen how large it is and under which licence it comes.")),
            *(_row(each) for each in rows),
        ]
    )


def offer_view(model: Backend, need: Download | None) -> Html:
    """What would be fetched for a model, with the button and with what to type instead."""
    if need is None:
        return tag(
            "p",
            tr("{title} is on this computer: nothing has to be fetched.", title=model.title),
            class_="notice",
            role="status",
        )
    size = megabytes(need.size) if need.size else tr("of unknown size")
    command = f"assistant models get {shlex.quote(model.name)}"
    return tag(
        "section",
        tag("h3", tr("Fetch {title}?", title=model.title)),
        tag(
            "ul",
            tag("li", tr("Size: {size}", size=size)),
            tag("li", tr("Licence: {licence}", licence=need.licence or tr("not named; read its page first"))),
            tag("li", tr("From: {source}", source=need.source)),
        ),
        tag(
            "p",
            rich(tr("It goes on behind the page. In a shell, the same is: {command}"), command=tag("code", command)),
        ),
        press(NAME, "fetch", tr("Fetch it ({size})", size=size), main=True, model=model.name),
        class_="offer",
        role="status",
    )


def _row(row: ModelRow) -> Html:
    model, progress = row.model, row.progress
    facts = [
        told(model.size),
        tr("licence: {licence}", licence=model.licence) if model.licence else "",
        tr("runs on {place}", place=told(where_it_runs(model))),
    ]
    running = progress is not None and progress.state == "running"
    return tag(
        "section",
        tag("h3", model.title),
        tag("p", dots((model.name, *facts)), class_="quiet"),
        _progress(model, progress) if progress else None,
        press(NAME, "look", tr("Is {title} here?", title=model.title), model=model.name)
        if row.can_be_fetched and not running
        else None,
    )


def _progress(model: Backend, progress: Progress) -> Html:
    match progress.state:
        case "running":
            return tag(
                "div",
                tag(
                    "progress",
                    aria_label=tr("Fetching {title}", title=model.title),
                    data_download=model.name,
                    value=progress.done if progress.total else None,
                    max=progress.total or None,
                ),
                tag("span", far(progress)),
                press(NAME, "stop", tr("Stop fetching {title}", title=model.title), model=model.name),
                class_="download",
            )
        case "done":
            return tag("p", tr("It is fetched, and answers from now on."), class_="notice", role="status")
        case "stopped":
            words = tr("Stopped. What has come stays; fetching it again goes on from there.")
            return tag("p", words, class_="notice", role="status")
        case "failed":
            return tag("p", told(progress.problem), class_="notice problem", role="alert")


def far(progress: Progress) -> str:
    """How far a download is, in words."""
    come = megabytes(progress.done)
    return (
        tr("{come} of {whole}", come=come, whole=megabytes(progress.total))
        if progress.total
        else tr("{come} so far", come=come)
    )
