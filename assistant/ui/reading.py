"""From the store to the page: loads what a page shows, and says in words what could not be loaded."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.backends import Word
from assistant.errors import GlassboxError, NotFound, StoreError, describe
from assistant.explanations import Explanation
from assistant.messages import TurnRecord
from assistant.runtime import Runtime
from assistant.ui.examples import read_examples
from assistant.ui.languages import told, tr
from assistant.ui.session import NO_RECEIPT, Place, View
from assistant.ui.views.chats import PAGE, chat_list, found_list, older_list
from assistant.ui.views.details import details_section
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.origin import TITLE, confidence_line, origin_section, quoted, words_missing
from assistant.ui.views.plugins import plugin_list, warnings
from assistant.ui.views.rating import DEFAULT_REASONS, rating_section
from assistant.ui.views.transcript import ShownTurn, transcript
from assistant.ui.views.welcome import welcome


class Reader:
    """Draws the panels of one page from the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def transcript(self, place: Place, receipt: tuple[str, str] = NO_RECEIPT, *, goto: str = "") -> Html:
        """The open conversation, scrolled to the turn ``goto``; or the welcome where none is open."""
        if place.empty:
            return welcome(read_examples())
        try:
            records = self._records(place)
        except StoreError as error:
            return tag("p", told(str(error)), class_="problem", role="alert")
        turns = [self._shown(record) for record in records]
        return transcript(turns, conversation_id=place.conversation_id, receipt=receipt, goto=goto)

    def open_appeals(self, place: Place) -> int:
        """How many refusals of the open conversation wait for a reviewer."""
        appeals = [self._runtime.store.appeals_of(record.id) for record in self._records(place) if record.refusal]
        return sum(each[-1].status == "open" for each in appeals if each)

    def _records(self, place: Place) -> list[TurnRecord]:
        saved: list[TurnRecord] = []
        if place.conversation_id is not None:
            try:
                saved = self._runtime.store.branch(place.conversation_id, place.leaf)
            except StoreError:
                if not place.unsaved:
                    raise
        return sorted([*saved, *place.unsaved], key=lambda record: record.turn.created_at)

    def _shown(self, record: TurnRecord) -> ShownTurn:
        store = self._runtime.store
        try:
            return ShownTurn(
                record,
                store.feedback(record.id),
                store.appeals_of(record.id) if record.refusal else (),
                store.siblings(record.id),
                self._traceable(record),
            )
        except StoreError:  # a turn that could not be stored has nothing hanging on it
            return ShownTurn(record, traceable=False)

    def _traceable(self, record: TurnRecord) -> bool:
        name = record.trace.model.name if record.trace.model else None
        return any(each.name == name and each.can_trace for each in self._runtime.backends)

    def chats(self, place: Place) -> Html:
        """The past chats."""
        store = self._runtime.store
        try:
            chats, tags = store.conversations(PAGE + 1), store.tags()
        except StoreError as error:
            return chat_list([], None, str(error))
        return chat_list(chats[:PAGE], place.conversation_id, tags=tags, older=len(chats) > PAGE)

    def found(self, words: str) -> Html:
        """The chats that a search finds; a word with # before it is a tag. Nothing where nothing is searched for.

        Raises:
            StoreError: they cannot be read.
        """
        parts = words.split()
        if not parts:
            return Html("")
        tags = [part[1:] for part in parts if part.startswith("#")]
        rest = " ".join(part for part in parts if not part.startswith("#"))
        return found_list(self._runtime.store.search(rest, tags=tags), " ".join(parts))

    def older(self, offset: int) -> Html:
        """A further page of chats.

        Raises:
            StoreError: they cannot be read.
        """
        chats = self._runtime.store.conversations(PAGE + 1, offset)
        return older_list(chats[:PAGE], offset, len(chats) > PAGE)

    def warnings(self) -> Html:
        """What is not working."""
        notes = list(self._runtime.notes)
        if self._runtime.model_state() == "failed":
            notes.append(
                tr("The model “{model}” cannot be loaded. Type: assistant doctor", model=self._runtime.settings.model)
            )
        return warnings(self._runtime.plugins(), notes)

    def plugins(self) -> Html:
        """What is at work."""
        return plugin_list(self._runtime.plugins(), self._runtime.backends, self._runtime.settings.model)

    def reasons(self) -> tuple[str, ...]:
        """The reasons that a rating may name."""
        return tuple(self._runtime.feedback_reasons()) or DEFAULT_REASONS

    def offered(self, turn_id: str, chosen: Sequence[str]) -> tuple[str, ...]:
        """Of the reasons that came in, those that the form for this turn offers.

        Raises:
            StoreError: the rating cannot be read.
        """
        current = self._runtime.store.feedback(turn_id)
        known = {*self.reasons(), *(current.reasons if current else ())}
        return tuple(reason for reason in chosen if reason in known)

    def inspector(self, view: View, receipt: tuple[str, str] = NO_RECEIPT) -> Html:
        """The side panel: the inside of one answer."""
        if view.selected is None:
            hint = tr(
                "Click a word of any answer, or “Look inside” under it. You will see which part of the picture the "
                "model looked at while it wrote the word."
            )
            return _panel(tag("h3", tr(TITLE)), tag("p", hint, class_="quiet"))
        try:
            record = self._runtime.store.turn(view.selected)
            current = self._runtime.store.feedback(record.id)
        except StoreError as error:
            return _panel(tag("p", told(str(error)), class_="problem", role="alert"))
        can_rate = (
            record.refusal is None and not record.edited_from and record.status != "failed" and bool(record.answer)
        )
        return _panel(
            quoted(record),
            self._origin(record, view.word),
            rating_section(record, current, self.reasons(), receipt[1] if receipt[0] == record.id else "")
            if can_rate
            else None,
            details_section(record),
            turn=record.id,
            word=view.word,
        )

    def _origin(self, record: TurnRecord, word: int | None) -> Html:
        missing = words_missing(record)
        if missing:
            return tag("section", tag("h3", tr(TITLE)), tag("p", missing, class_="quiet"), class_="origin")
        words: tuple[Word, ...] = ()
        explanations: list[Explanation] = []
        problem = ""
        try:
            words = self._runtime.trace(record.id).words
            if word is not None:
                explanations = self._runtime.explain(record.id, word)
        except GlassboxError as error:
            problem = str(error)
        except Exception as error:  # a backend that breaks its contract must not take the page along
            problem = tr("The model could not look at this answer again ({describe}).", describe=describe(error))
        return join([origin_section(record, words, word, explanations, problem), confidence_line(record)])

    def word_at(self, turn_id: str, place: int) -> int | None:
        """The index of the word at a character of an answer; ``None`` where the model did not write that character.

        Raises:
            GlassboxError: the answer cannot be traced.
        """
        for number, word in enumerate(self._runtime.trace(turn_id).words):
            if word.start <= place < word.end:
                return number
        return None

    def load(self, conversation_id: str | None) -> Place:
        """The place that shows a conversation as it was last open; an empty one where there is no such chat."""
        if not conversation_id:
            return Place()
        store = self._runtime.store
        try:
            leaf = store.last_leaf(conversation_id)
            records = store.branch(conversation_id, leaf if leaf and store.has_turn(leaf) else None)
        except StoreError as error:
            return Place() if isinstance(error, NotFound) else Place(conversation_id=conversation_id)
        return Place(conversation_id=conversation_id, leaf=records[-1].id if records else None)

    def at_turn(self, turn_id: str) -> Place:
        """The conversation of a turn along that turn's branch, with what followed it.

        Raises:
            StoreError: the turn cannot be read.
        """
        turn = self._runtime.store.turn(turn_id).turn
        leaf = self._runtime.store.newest_below(turn_id)
        return Place(conversation_id=turn.conversation_id, leaf=leaf)


def _panel(*content: Html | None, turn: str = "", word: int | None = None) -> Html:
    return tag(
        "section",
        tag("h2", tr("Inside the answer")),
        tag("button", tr("Back to the answer"), type="button", class_="back") if turn else None,
        *content,
        class_="inspector",
        aria_label=tr("Inside the answer"),
        data_turn=turn,
        data_word=word,
    )
