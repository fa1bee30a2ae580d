"""Keep a rating, and answer with a receipt that promises nothing it does not know."""

from __future__ import annotations

from assistant import Host, hookimpl
from assistant.errors import StoreUnavailable
from assistant.messages import Feedback, Receipt, TurnRecord
from assistant.store import Store

_store: Store | None = None


@hookimpl
def startup(host: Host) -> None:
    """Remember where ratings are kept."""
    global _store
    _store = host.store


@hookimpl
def record_feedback(feedback: Feedback, record: TurnRecord) -> Receipt:
    """Store a rating as a new event; an earlier one of the same turn no longer counts, and ``none`` takes it back.

    A reason that no pack offers is kept as it came, and the receipt says so.

    Args:
        feedback: the rating as given.
        record: the turn that it is about.

    Returns:
        The receipt.

    Raises:
        ValueError: the rating is about another turn.
        StoreError: it could not be stored.
    """
    if feedback.turn_id != record.id:
        raise ValueError(f"expected a rating of turn {record.id}; came one of turn {feedback.turn_id}")
    if _store is None:
        raise StoreUnavailable("The rating was not stored: the database is not open.", hint="Start the program again.")
    earlier = _store.feedback(feedback.turn_id)
    if feedback.rating == "none" and earlier is None:
        return Receipt(stored=False, message="There is no rating of this answer to take back.")
    _store.add_feedback(feedback)
    if feedback.rating == "none":
        return Receipt(stored=True, message="Taken back.")
    message = "Stored" if earlier is None else "Stored in place of the earlier rating"
    message += ". It can be taken back at any time."
    unknown = [reason for reason in feedback.reasons if reason not in known_reasons()]
    if unknown:
        named = ", ".join(f"“{reason}”" for reason in unknown)
        message += f" Not one of the offered reasons, and kept as it is: {named}."
    return Receipt(stored=True, message=message)


def known_reasons() -> list[str]:
    """The reasons that the constitution packs offer; none where that plugin is not installed."""
    try:
        from assistant_constitutions import feedback_reasons
    except ImportError:
        return []
    return feedback_reasons()
