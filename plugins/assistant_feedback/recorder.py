"""Keep a rating, and answer with a receipt that promises nothing it does not know."""

from __future__ import annotations

from assistant import Host, hookimpl
from assistant.errors import StoreUnavailable
from assistant.messages import Feedback, Receipt, TurnRecord
from assistant.store import Store


class Recorder:
    """The plugin. It keeps ratings in the store of its runtime."""

    def __init__(self) -> None:
        self._store: Store | None = None

    @hookimpl
    def startup(self, host: Host) -> None:
        """Remember where ratings are kept."""
        self._store = host.store

    @hookimpl
    def record_feedback(self, feedback: Feedback, record: TurnRecord) -> Receipt:
        """Store a rating as a new event; an earlier one of the same turn no longer counts, ``none`` takes it back.

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
        if self._store is None:
            raise StoreUnavailable(
                "The rating was not stored: the database is not open.", hint="Start the program again."
            )
        earlier = self._store.feedback(feedback.turn_id)
        if feedback.rating == "none" and earlier is None:
            return Receipt(stored=False, message="There is no rating of this answer to take back.")
        self._store.add_feedback(feedback)
        if feedback.rating == "none":
            return Receipt(stored=True, message="Taken back.")
        done = "Stored" if earlier is None else "Stored in place of the earlier rating"
        return Receipt(stored=True, message=f"{done}. It can be taken back at any time.")
