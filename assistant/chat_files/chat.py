"""A conversation with all its versions, as it is written into files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.messages import TurnRecord
from assistant.store import Store


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation. ``turns`` are all versions of all turns, oldest first, with the bytes of their pictures;
    ``leaf`` is the turn up to which it was last open."""

    id: str
    title: str
    tags: tuple[str, ...]
    created_at: datetime
    leaf: str | None
    turns: tuple[TurnRecord, ...]

    @property
    def shown(self) -> list[TurnRecord]:
        """The turns that a person sees: from the first one to the leaf."""
        by_id = {record.id: record for record in self.turns}
        step = by_id.get(self.leaf or "") or (self.turns[-1] if self.turns else None)
        path: list[TurnRecord] = []
        while step is not None and step not in path:
            path.append(step)
            step = by_id.get(step.turn.parent_id or "")
        return path[::-1]


def read_chat(store: Store, conversation_id: str) -> Chat:
    """A conversation as it is stored.

    Raises:
        NotFound: no conversation has that id.
        StoreError: it cannot be read.
    """
    summary = store.summary(conversation_id)
    return Chat(
        id=summary.id,
        title=summary.title,
        tags=summary.tags,
        created_at=summary.created_at,
        leaf=store.last_leaf(conversation_id),
        turns=tuple(store.all_turns(conversation_id)),
    )
