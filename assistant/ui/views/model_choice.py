"""The choice of the model below the box for the question."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.backends import Backend, where_it_runs
from assistant.ui.languages import later, told, tr

LABEL = later("Who answers")


def model_choices(models: Sequence[Backend], current: str) -> list[tuple[str, str]]:
    """Each model as what a person reads (title, size, licence, where it runs) and its name; the default one first."""
    ordered = sorted(models, key=lambda each: each.name != current)
    return [(_described(each), each.name) for each in ordered]


def _described(model: Backend) -> str:
    facts = [
        told(model.size),
        tr("licence: {licence}", licence=model.licence) if model.licence else "",
        tr("runs on {place}", place=told(where_it_runs(model))),
    ]
    return " · ".join(fact for fact in (model.title, *facts) if fact)
