"""A chat of somebody else in a file becomes a copy of one's own, with other ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from assistant.messages import TurnRecord
from assistant.store import Store
from assistant.store.personal import PersonalStore


def copied(store: Store, conversation_id: str, records: Sequence[TurnRecord]) -> dict[str, str]:
    """The ids that a chat gets where it is stored: new by old; those that stay as they are are left out.

    Where a chat or a turn with that id belongs to another account, all ids of the chat change. The new ones follow
    from the owner and the old ones, so that a file that is imported again meets the copy of the first time.
    """
    if not isinstance(store, PersonalStore):
        return {}
    old = [conversation_id, *(each.id for each in records)]
    new = {each: hashlib.sha256(f"{store.owner}\0{each}".encode()).hexdigest()[:32] for each in old}
    known = any(store.has_turn(new[each.id]) for each in records)
    return new if known or store.belongs_to_another(conversation_id, old[1:]) else {}


def with_ids(record: TurnRecord, new: dict[str, str]) -> TurnRecord:
    """The turn with its new ids, also where it names other turns."""

    def one(old: str) -> str:
        return new.get(old, old)

    turn = record.turn
    changed = turn.model_copy(
        update={
            "id": one(turn.id),
            "conversation_id": one(turn.conversation_id),
            "parent_id": None if turn.parent_id is None else one(turn.parent_id),
        }
    )
    edited = None if record.edited_from is None else one(record.edited_from)
    return record.model_copy(update={"turn": changed, "edited_from": edited})
