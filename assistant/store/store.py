"""The one door to everything that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from assistant.messages import Appeal, Feedback, TurnRecord, now
from assistant.store import appeals, audit, conversations, pictures, ratings, search, turns, verify
from assistant.store.engine import Database
from assistant.store.people import People
from assistant.store.problems import explained
from assistant.store.values import AuditLeaf, AuditReport, ConversationSummary, Found, PluginChange, RuleTally

if TYPE_CHECKING:
    from assistant.store.personal import PersonalStore


class Store:
    """Conversations, pictures, feedback, appeals and the audit log. Any number of threads may share one.

    Every method may raise `StoreUnavailable` (the database cannot be read or written) and, where it writes,
    `StoreFull` (no room on the disk); nothing half-written remains, and the store stays usable.

    Args:
        url: an SQLAlchemy address, as in ``sqlite:////home/me/chats.sqlite3``. The folder is made where it is missing.

    Raises:
        StoreUnavailable: it cannot be opened, is damaged, or was written by a newer version of the program.
        StoreFull: the disk has no room for it.

    Example:
        >>> store = Store("sqlite:///chats.sqlite3")
        >>> store.save_turn(record)
        >>> store.turn(record.id).answer
        'a red circle'
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    @property
    def people(self) -> People:
        """The accounts, with their sessions and keys."""
        return People(self._database)

    def for_person(self, owner: str) -> PersonalStore:
        """The store as the owner of some conversations sees it: those of others are not there.

        Args:
            owner: the id of an account, or ``local`` for the person at this computer.
        """
        from assistant.store.personal import PersonalStore

        return PersonalStore(self, owner)

    def save_turn(self, record: TurnRecord) -> None:
        """Store a finished turn with its pictures, its verdicts and one audit leaf, all or nothing.

        A conversation that is new gets the beginning of the question as its title, or else the picture's name.

        Raises:
            StoreError: the id is taken, a picture's bytes do not have its hash, or a refused turn carries an answer.
        """
        with explained(self._database.place, self._database.file):
            text = record.model_dump_json()
        with self._database.write() as connection:
            turns.save(connection, record, text)

    def turn(self, turn_id: str) -> TurnRecord:
        """A stored turn; the bytes of its pictures, and of those in its history, are in place.

        Raises:
            NotFound: no turn has that id.
        """
        with self._database.read() as connection:
            return turns.load(connection, turn_id)

    def has_turn(self, turn_id: str) -> bool:
        """Whether a turn is stored."""
        with self._database.read() as connection:
            return turns.exists(connection, turn_id)

    def conversations(self, limit: int = 100, offset: int = 0) -> list[ConversationSummary]:
        """The conversations, the one with the newest turn first."""
        with self._database.read() as connection:
            return conversations.summaries(connection, limit, offset)

    def search(self, words: str, *, tags: Sequence[str] = (), limit: int = 50) -> list[Found]:
        """The conversations in which every one of these words stands, or begins a word, and that have these tags.

        Questions, answers, titles, and names, descriptions and texts of pictures are searched; capital letters and
        accents do not matter. Where no words fit, parts of words count too. Without words, the tags alone decide.
        """
        with self._database.read() as connection:
            return search.find(connection, words, tags, limit)

    def tag_conversation(self, conversation_id: str, tags: Iterable[str]) -> None:
        """Give a conversation these tags and no others; a tag is one word, in small letters.

        Raises:
            NotFound: no conversation has that id.
            StoreError: too many tags, or one that is too long.
        """
        with self._database.write() as connection:
            conversations.tag(connection, conversation_id, tags)

    def tags(self) -> list[tuple[str, int]]:
        """Every tag with the number of conversations that have it, by name."""
        with self._database.read() as connection:
            return conversations.tag_counts(connection)

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title.

        Raises:
            NotFound: no conversation has that id.
            StoreError: the title is empty.
        """
        with self._database.write() as connection:
            conversations.rename(connection, conversation_id, title)

    def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation with its turns, verdicts, feedback, appeals, and pictures that no other one uses.

        The audit log keeps its leaves (they hold no words) and gets one that says what was deleted. The deleted bytes
        are overwritten in the file.

        Raises:
            NotFound: no conversation has that id.
        """
        with self._database.write() as connection:
            conversations.remove(connection, conversation_id)
        self._database.forget_deleted()

    def branch(self, conversation_id: str, leaf: str | None = None) -> list[TurnRecord]:
        """The turns from the first one to ``leaf``, each the parent of the next; without ``leaf``, to the newest turn.

        Raises:
            NotFound: no conversation has that id, or the leaf is not in it.
        """
        with self._database.read() as connection:
            return turns.branch(connection, conversation_id, leaf)

    def summary(self, conversation_id: str) -> ConversationSummary:
        """What the list of conversations says of one.

        Raises:
            NotFound: no conversation has that id.
        """
        with self._database.read() as connection:
            found = conversations.with_ids(connection, [conversation_id])
        if not found:
            raise conversations.missing(conversation_id)
        return found[0]

    def all_turns(self, conversation_id: str) -> list[TurnRecord]:
        """Every version of every turn of a conversation, each after the turn that it follows.

        Raises:
            NotFound: no conversation has that id.
        """
        with self._database.read() as connection:
            return turns.everything(connection, conversation_id)

    def last_leaf(self, conversation_id: str) -> str | None:
        """The turn up to which a conversation was last open; ``None`` where nobody knows.

        Raises:
            NotFound: no conversation has that id.
        """
        with self._database.read() as connection:
            return conversations.leaf(connection, conversation_id)

    def stay_at(self, conversation_id: str, leaf: str) -> None:
        """Remember up to which turn a conversation is open, so that it opens there again."""
        with self._database.write() as connection:
            conversations.stay_at(connection, conversation_id, leaf)

    def siblings(self, turn_id: str) -> list[str]:
        """The ids of the turns with the same parent (a turn and its retries), oldest first.

        Raises:
            NotFound: no turn has that id.
        """
        with self._database.read() as connection:
            return turns.siblings(connection, turn_id)

    def newest_below(self, turn_id: str) -> str:
        """The id of the newest turn that follows a turn, directly or over others; its own where none does.

        Raises:
            NotFound: no turn has that id.
        """
        with self._database.read() as connection:
            return turns.newest_below(connection, turn_id)

    def image(self, sha256: str) -> bytes:
        """The bytes of a picture.

        Raises:
            NotFound: no picture has that hash.
        """
        with self._database.read() as connection:
            return pictures.load(connection, sha256)

    def appealed_image(self, sha256: str) -> bytes | None:
        """The bytes of a picture that came with a question whose refusal was appealed; ``None`` where none did."""
        with self._database.read() as connection:
            return pictures.load(connection, sha256) if appeals.has_picture(connection, sha256) else None

    def add_feedback(self, event: Feedback) -> None:
        """Store a rating. It takes the place of the turn's earlier one, which stays in the history.

        Raises:
            NotFound: no turn has that id.
            StoreError: a rating with that id is stored already.
        """
        with self._database.write() as connection:
            ratings.add(connection, event)

    def feedback(self, turn_id: str) -> Feedback | None:
        """The rating of a turn that counts; ``None`` where it was never rated, or the rating was taken back."""
        with self._database.read() as connection:
            return ratings.current(connection, turn_id)

    def feedback_history(self, turn_id: str) -> list[Feedback]:
        """Every rating of a turn, oldest first, those that take one back included."""
        with self._database.read() as connection:
            return ratings.history(connection, turn_id)

    def all_feedback(self) -> Iterator[tuple[Feedback, bool]]:
        """Every rating in the order in which they came in, each with whether it counts.

        A rating that a later one replaced does not count, nor does one with the rating ``none``. Those that come in
        while this runs are left out.
        """
        with self._database.read() as connection:
            until = ratings.newest(connection)
        after = -1
        while after < until:
            with self._database.read() as connection:
                events, after = ratings.page(connection, after, until)
            yield from events

    def add_appeal(self, appeal: Appeal) -> None:
        """Store an appeal against a refusal.

        Raises:
            NotFound: no turn has that id.
            StoreError: an appeal with that id is stored already.
        """
        with self._database.write() as connection:
            appeals.add(connection, appeal)

    def decide_appeal(
        self, appeal_id: str, status: Literal["upheld", "overturned"], *, reviewer: str, reason: str
    ) -> Appeal:
        """Decide an appeal: the refusal is ``upheld`` or ``overturned``.

        Raises:
            NotFound: no appeal has that id.
            StoreError: it is decided already.
        """
        with self._database.write() as connection:
            return appeals.decide(connection, appeal_id, status, reviewer, reason)

    def appeal(self, appeal_id: str) -> Appeal:
        """One appeal.

        Raises:
            NotFound: no appeal has that id.
        """
        with self._database.read() as connection:
            return appeals.load(connection, appeal_id)

    def rule_tallies(self) -> list[RuleTally]:
        """How often each rule, by pack and version, ended a turn, and what became of the appeals; by pack and rule."""
        with self._database.read() as connection:
            return appeals.tallies(connection)

    def appeals(self, status: str | None = None) -> list[Appeal]:
        """The appeals with that status, or all of them, oldest first."""
        with self._database.read() as connection:
            return appeals.listed(connection, status=status)

    def appeals_of(self, turn_id: str) -> list[Appeal]:
        """The appeals against the refusal of one turn, oldest first."""
        with self._database.read() as connection:
            return appeals.listed(connection, turn_id=turn_id)

    def record_pack_change(self, change: Callable[[], Mapping[str, Any]]) -> AuditLeaf:
        """Change which constitution packs are there or in force, and write that into the audit log.

        Args:
            change: does it, and returns what the leaf says. Nobody else, in this program or another, changes packs
                meanwhile; where it raises, no leaf is written.

        Returns:
            The leaf.
        """
        with self._database.write() as connection:
            return audit.append(connection, "pack", change())

    def last_pack_change(self) -> AuditLeaf | None:
        """The newest leaf about constitution packs; ``None`` where nobody ever changed them."""
        with self._database.read() as connection:
            return audit.newest(connection, "pack")

    def pack_changes(self) -> list[AuditLeaf]:
        """The leaves about constitution packs, oldest first."""
        with self._database.read() as connection:
            return audit.of_kind(connection, "pack")

    def record_plugin_change(self, plugin: str, what: PluginChange, who: str, **more: str) -> AuditLeaf:
        """Write into the audit log what somebody did with a plugin.

        Args:
            plugin: its name, or that of the package.
            what: was done.
            who: the account, or the user at this computer.
            more: facts that are no secret, as its version.

        Returns:
            The leaf.
        """
        with self._database.write() as connection:
            said = {"at": now().isoformat(), "plugin": plugin, "what": what, "who": who, **more}
            return audit.append(connection, "plugin", said)

    def audit_leaves(self, start: int = 0, limit: int = 1000) -> list[AuditLeaf]:
        """The leaves of the audit log from index ``start`` on, at most ``limit``."""
        with self._database.read() as connection:
            return audit.leaves(connection, start, limit)

    def verify_audit(self) -> AuditReport:
        """Check every leaf against the one before it, and every stored turn, rating and appeal against its leaf."""
        with self._database.read() as connection:
            return verify.verify(connection)

    def size(self) -> int:
        """Bytes that the database takes."""
        return self._database.size()

    def close(self) -> None:
        """Let go of the database. Later calls raise `StoreUnavailable`."""
        self._database.close()
