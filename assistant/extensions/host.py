"""What a plugin gets at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant.evaluators import Evaluator
from assistant.plain_question import AskModel, no_model
from assistant.settings import Settings

if TYPE_CHECKING:  # `import assistant` must stay light: the command line's help waits for it
    from assistant.packs import PackKeeper
    from assistant.store import Store


@dataclass(frozen=True)
class Host:
    """What a plugin gets at `startup`: its way into the house.

    ``packs`` maps the id of each enabled constitution pack to its version; whoever enables packs keeps it up to date,
    and every trace carries a copy. ``ask_model`` asks a model a plain question (`assistant.plain_question`).
    """

    settings: Settings
    store: Store
    evaluators: Mapping[str, Evaluator]
    packs: dict[str, str] = field(default_factory=dict)
    pack_keepers: list[PackKeeper] = field(default_factory=list["PackKeeper"])
    """Where the plugin that keeps the packs puts itself, so that the command line and the page can ask it."""
    ask_model: AskModel = no_model
