"""The store as one person sees it: what belongs to somebody else is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Select, select, update

from assistant.errors import NotFound
from assistant.messages import Appeal, Feedback, TurnRecord
from assistant.store import conversations, pictures, schema, search, turns
from assistant.store.engine import Database
from assistant.store.problems import explained
from assistant.store.store import Store
from assistant.store.values import ConversationSummary, Found


class PersonalStore(Store):
    """A `Store` that reaches the conversations of one owner, with everything that hangs on them, and no others.

    An id of somebody else gets the same `NotFound` as one that nobody has. A test holds that every method of `Store`
    is either overridden here or about the house as a whole.

    Args:
        store: the whole one; both share its connections.
        owner: the id of an account, or `assistant.store.schema.LOCAL`.
    """

    def __init__(self, store: Store, owner: str) -> None:
        self._database: Database = store._database  # pyright: ignore[reportPrivateUsage] - of the same class
        self.owner = owner

    # Conversations

    def conversations(self, limit: int = 100, offset: int = 0) -> list[ConversationSummary]:
        """Theirs, the one with the newest turn first."""
        table = schema.conversations
        with self._database.read() as connection:
            mine = connection.execute(
                select(table.c.id)
                .where(table.c.owner == self.owner)
                .order_by(table.c.updated_at.desc(), table.c.created_at.desc(), table.c.id)
                .limit(limit)
                .offset(offset)
            )
            return conversations.with_ids(connection, list(mine.scalars()))

    def search(self, words: str, *, tags: Sequence[str] = (), limit: int = 50) -> list[Found]:
        """See `Store`; only theirs are found."""
        with self._database.read() as connection:
            return search.find(connection, words, tags, limit, owner=self.owner)

    def tag_conversation(self, conversation_id: str, tags: Iterable[str]) -> None:
        """See `Store`."""
        self._must_own(conversation_id)
        super().tag_conversation(conversation_id, tags)

    def tags(self) -> list[tuple[str, int]]:
        """Every tag of theirs with the number of their conversations that have it, by name."""
        with self._database.read() as connection:
            return conversations.tag_counts(connection, owner=self.owner)

    def summary(self, conversation_id: str) -> ConversationSummary:
        """See `Store`."""
        self._must_own(conversation_id)
        return super().summary(conversation_id)

    def all_turns(self, conversation_id: str) -> list[TurnRecord]:
        """See `Store`."""
        self._must_own(conversation_id)
        return super().all_turns(conversation_id)

    def last_leaf(self, conversation_id: str) -> str | None:
        """See `Store`."""
        self._must_own(conversation_id)
        return super().last_leaf(conversation_id)

    def stay_at(self, conversation_id: str, leaf: str) -> None:
        """See `Store`.

        Raises:
            NotFound: the conversation is not theirs.
        """
        self._must_own(conversation_id)
        super().stay_at(conversation_id, leaf)

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """See `Store`."""
        self._must_own(conversation_id)
        super().rename_conversation(conversation_id, title)

    def delete_conversation(self, conversation_id: str) -> None:
        """See `Store`."""
        self._must_own(conversation_id)
        super().delete_conversation(conversation_id)

    def branch(self, conversation_id: str, leaf: str | None = None) -> list[TurnRecord]:
        """See `Store`."""
        self._must_own(conversation_id)
        return super().branch(conversation_id, leaf)

    def belongs_to_another(self, conversation_id: str, turn_ids: Sequence[str]) -> bool:
        """Whether a conversation with this id, or a turn with one of these, is stored and somebody else's."""
        chats, table = schema.conversations, schema.turns
        with self._database.read() as connection:
            if _first(connection, select(chats.c.id).where(chats.c.id == conversation_id, chats.c.owner != self.owner)):
                return True
            of_turn = select(table.c.id).join(chats, chats.c.id == table.c.conversation_id)
            theirs = of_turn.where(chats.c.owner != self.owner)
            return any(_first(connection, theirs.where(table.c.id == each)) for each in turn_ids)

    # Turns

    def save_turn(self, record: TurnRecord) -> None:
        """See `Store`; a new conversation becomes theirs.

        Raises:
            NotFound: the conversation belongs to somebody else.
        """
        table, conversation_id = schema.conversations, record.turn.conversation_id
        with explained(self._database.place, self._database.file):
            text = record.model_dump_json()
        with self._database.write() as connection:
            owner = connection.execute(select(table.c.owner).where(table.c.id == conversation_id)).scalar()
            if owner not in (None, self.owner):
                raise conversations.missing(conversation_id)
            for part in pictures.of_record(record):
                if not self._has_picture(connection, part.sha256):
                    pictures.check(part)  # naming the hash of somebody else's picture must not open it
            turns.save(connection, record, text)
            if owner is None:
                connection.execute(update(table).where(table.c.id == conversation_id).values(owner=self.owner))

    def turn(self, turn_id: str) -> TurnRecord:
        """See `Store`."""
        self._must_own_turn(turn_id)
        return super().turn(turn_id)

    def has_turn(self, turn_id: str) -> bool:
        """Whether a turn is stored, and theirs."""
        with self._database.read() as connection:
            return _first(connection, self._turns().where(schema.turns.c.id == turn_id)) is not None

    def siblings(self, turn_id: str) -> list[str]:
        """See `Store`."""
        self._must_own_turn(turn_id)
        return super().siblings(turn_id)

    def newest_below(self, turn_id: str) -> str:
        """See `Store`."""
        self._must_own_turn(turn_id)
        return super().newest_below(turn_id)

    def image(self, sha256: str) -> bytes:
        """A picture that one of their turns uses.

        Raises:
            NotFound: none does.
        """
        with self._database.read() as connection:
            if self._has_picture(connection, sha256):
                return pictures.load(connection, sha256)
        raise NotFound(f"No picture with the SHA-256 {sha256!r} is stored.")

    # Ratings and appeals

    def add_feedback(self, event: Feedback) -> None:
        """See `Store`."""
        self._must_own_turn(event.turn_id)
        super().add_feedback(event)

    def feedback(self, turn_id: str) -> Feedback | None:
        """See `Store`; ``None`` for a turn that is not theirs."""
        return super().feedback(turn_id) if self.has_turn(turn_id) else None

    def feedback_history(self, turn_id: str) -> list[Feedback]:
        """See `Store`; nothing for a turn that is not theirs."""
        return super().feedback_history(turn_id) if self.has_turn(turn_id) else []

    def all_feedback(self) -> Iterator[tuple[Feedback, bool]]:
        """Every rating of their turns."""
        return (each for each in super().all_feedback() if self.has_turn(each[0].turn_id))

    def add_appeal(self, appeal: Appeal) -> None:
        """See `Store`."""
        self._must_own_turn(appeal.turn_id)
        super().add_appeal(appeal)

    def decide_appeal(
        self, appeal_id: str, status: Literal["upheld", "overturned"], *, reviewer: str, reason: str
    ) -> Appeal:
        """Nobody decides here: a reviewer does so in the whole store.

        Raises:
            NotFound: always.
        """
        raise NotFound(f"No appeal has the id {appeal_id!r}.", hint="A reviewer decides appeals.")

    def appeal(self, appeal_id: str) -> Appeal:
        """See `Store`."""
        found = super().appeal(appeal_id)
        if not self.has_turn(found.turn_id):
            raise NotFound(f"No appeal has the id {appeal_id!r}.", hint="Its conversation may have been deleted.")
        return found

    def appeals(self, status: str | None = None) -> list[Appeal]:
        """Those against the refusals of their turns."""
        return [each for each in super().appeals(status) if self.has_turn(each.turn_id)]

    def appeals_of(self, turn_id: str) -> list[Appeal]:
        """See `Store`; none for a turn that is not theirs."""
        return super().appeals_of(turn_id) if self.has_turn(turn_id) else []

    def for_person(self, owner: str) -> PersonalStore:
        """The same for somebody else.

        Raises:
            PermissionError: it is somebody else; ask the whole store.
        """
        if owner != self.owner:
            raise PermissionError("The store of one person leads to no other.")
        return self

    # Whose is it?

    def _must_own(self, conversation_id: str) -> None:
        table = schema.conversations
        query = select(table.c.id).where(table.c.id == conversation_id, table.c.owner == self.owner)
        with self._database.read() as connection:
            if _first(connection, query) is None:
                raise conversations.missing(conversation_id)

    def _must_own_turn(self, turn_id: str) -> None:
        if not self.has_turn(turn_id):
            raise turns.missing(turn_id)

    def _has_picture(self, connection: Connection, sha256: str) -> bool:
        used = schema.turn_images
        query = select(used.c.sha256).where(used.c.sha256 == sha256, used.c.turn_id.in_(self._turns()))
        return _first(connection, query) is not None

    def _turns(self) -> Select[Any]:
        """The ids of their turns."""
        table, chats = schema.turns, schema.conversations
        return select(table.c.id).join(chats, chats.c.id == table.c.conversation_id).where(chats.c.owner == self.owner)


def _first(connection: Connection, query: Select[Any]) -> Any:
    return connection.execute(query.limit(1)).scalar()
