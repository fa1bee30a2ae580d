"""Everything that a page can do besides running a turn. Plain functions from a page and what came to an `Update`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from assistant.chat_files import import_chats
from assistant.errors import GlassboxError, InputError
from assistant.messages import Feedback, Receipt
from assistant.runtime import Runtime
from assistant.ui.composing import uploaded_file
from assistant.ui.fields import field_number, field_text, field_texts
from assistant.ui.languages import tr
from assistant.ui.reading import Reader
from assistant.ui.session import Place, RunningTurns, Update, View
from assistant.ui.views.markup import Html
from assistant.ui.views.phase import phase
from assistant.versions import edit_answer, fork

Rating = Literal["up", "down", "none"]


class Handlers:
    """The handlers of the panels.

    What a browser sends is checked here: an id that does not exist or a field of the wrong type ends in a sentence on
    the page, never in an exception.
    """

    def __init__(self, runtime: Runtime, reader: Reader, running: RunningTurns, uploads: Path) -> None:
        self._runtime = runtime
        self._reader = reader
        self._running = running
        self._uploads = uploads

    def act(self, place: Place, view: View, session: str, data: Mapping[str, Any]) -> Update:
        """What a button or a form of the page asks for; ``data["act"]`` names it."""
        turn, chat = field_text(data, "turn"), field_text(data, "chat")
        try:
            match field_text(data, "act"):
                case "open":
                    return self.open_chat(session, chat, turn)
                case "search":
                    return self.search(field_text(data, "words"))
                case "older":
                    return Update(found=self._reader.older(field_number(data, "offset") or 0))
                case "tag":
                    return self.tag(place, chat, field_text(data, "tags"))
                case "rename":
                    return self.rename(place, chat, field_text(data, "title"))
                case "delete":
                    return self.delete(place, session, chat)
                case "version":
                    return self.show_version(session, turn)
                case "import":
                    return self.import_file(place, uploaded_file(field_text(data, "file"), self._uploads))
                case "correct":
                    return self.correct(place, turn, field_text(data, "text"))
                case "fork":
                    return self.fork(session, turn)
                case "thumb":
                    return self.thumb(place, view, turn, _rating(data))
                case "take-back":
                    return self.rate(place, view, turn, "none")
                case "rate":
                    reasons = self._reader.offered(turn, field_texts(data, "reasons"))
                    text, correction = field_text(data, "text"), field_text(data, "correction")
                    return self.rate(place, view, turn, _rating(data), reasons, text, correction)
                case "appeal":
                    return self.appeal(place, view, turn, field_text(data, "text"))
                case "again":
                    return self.again(place, field_number(data, "open") or 0)
                case "look":
                    return self._select(View(turn))
                case "word":
                    return self.word(turn, index=field_number(data, "word"), place=field_number(data, "at"))
                case unknown:
                    return _problem(
                        tr(
                            "The page asked for “{unknown}”, which does not exist. Load the page again.",
                            unknown=unknown,
                        )
                    )
        except GlassboxError as error:
            return _problem(str(error))

    # Chats

    def loaded(self, conversation_id: str | None) -> Update:
        """Everything, for a page that has just been opened."""
        return self._everything(self._reader.load(conversation_id))

    def new_chat(self, session: str) -> Update:
        """An empty page; a running turn is stopped and kept in its chat."""
        self._running.leave(session)
        return self._everything(Place())

    def open_chat(self, session: str, conversation_id: str, turn_id: str = "") -> Update:
        """Show a past chat as it was last open, or at the turn that a search found."""
        self._running.leave(session)
        if turn_id and self._runtime.store.has_turn(turn_id):
            place = self._reader.at_turn(turn_id)
            return replace(self._everything(place), transcript=self._reader.transcript(place, goto=turn_id))
        place = self._reader.load(conversation_id)
        if place.conversation_id is None:
            return replace(
                self._everything(place), phase=phase(tr("This chat is no longer there: it was deleted."), problem=True)
            )
        return self._everything(place)

    def search(self, words: str) -> Update:
        """List the chats in which the words stand; all chats again where there are none."""
        return Update(found=self._reader.found(words), phase=phase(""))

    def tag(self, place: Place, conversation_id: str, tags: str) -> Update:
        """Give a chat other tags."""
        self._runtime.store.tag_conversation(conversation_id, tags.replace(",", " ").split())
        return Update(chats=self._reader.chats(place), phase=phase(tr("Tags set."), hidden=True))

    def import_file(self, place: Place, file: Path) -> Update:
        """Take in the chats of a file.

        Raises:
            InputError: it is no such file.
        """
        done = import_chats(self._runtime, file.read_bytes())
        return Update(chats=self._reader.chats(place), phase=phase(done.message))

    def rename(self, place: Place, conversation_id: str, title: str) -> Update:
        """Give a chat another title."""
        self._runtime.store.rename_conversation(conversation_id, title)
        return Update(chats=self._reader.chats(place), phase=phase(tr("Renamed."), hidden=True))

    def delete(self, place: Place, session: str, conversation_id: str) -> Update:
        """Delete a chat; where it is the open one, an empty page comes."""
        if conversation_id == place.conversation_id:
            self._running.leave(session)
        self._runtime.store.delete_conversation(conversation_id)
        gone = phase(tr("The chat is deleted."))
        if conversation_id == place.conversation_id:
            return replace(self._everything(Place()), phase=gone)
        return Update(chats=self._reader.chats(place), phase=gone)

    def show_version(self, session: str, turn_id: str) -> Update:
        """Show another version of a turn, with what followed it."""
        self._running.leave(session)
        fresh = self._reader.at_turn(turn_id)
        if fresh.conversation_id and fresh.leaf:
            self._runtime.store.stay_at(fresh.conversation_id, fresh.leaf)
        return Update(place=fresh, transcript=self._reader.transcript(fresh), running=Html(""), busy=False)

    def correct(self, place: Place, turn_id: str, text: str) -> Update:
        """Store an answer that the person changed, as another version of its turn, and show it."""
        record = edit_answer(self._runtime, turn_id, text)
        fresh = replace(place, conversation_id=record.turn.conversation_id, leaf=record.id)
        return Update(
            place=fresh,
            transcript=self._reader.transcript(fresh, goto=record.id),
            chats=self._reader.chats(fresh),
            phase=phase(tr("Your answer is kept as another version; the one before is still there.")),
        )

    def fork(self, session: str, turn_id: str) -> Update:
        """Start a new chat with everything up to a turn, and open it."""
        self._running.leave(session)
        conversation = fork(self._runtime, turn_id)
        said = phase(tr("This is a new chat with everything up to here. The old one is unchanged."))
        return replace(self._everything(self._reader.load(conversation)), phase=said)

    # Looking inside

    def word(self, turn_id: str, *, index: int | None, place: int | None) -> Update:
        """Show where one word came from: by its index among the answer's words, or by a character of the answer."""
        if index is None and place is not None:
            index = self._reader.word_at(turn_id, place)
            if index is None:
                fresh = self._select(View(turn_id))
                return replace(fresh, phase=phase(tr("The model did not write this word itself; choose another.")))
        return self._select(View(turn_id, index))

    def _select(self, view: View) -> Update:
        return Update(view=view, inspector=self._reader.inspector(view))

    # Ratings and appeals

    def thumb(self, place: Place, view: View, turn_id: str, rating: Rating) -> Update:
        """A thumb under an answer: the same one again takes it back."""
        current = self._runtime.store.feedback(turn_id)
        return self.rate(place, view, turn_id, "none" if current and current.rating == rating else rating)

    def rate(
        self,
        place: Place,
        view: View,
        turn_id: str,
        rating: Rating,
        reasons: tuple[str, ...] = (),
        text: str = "",
        correction: str = "",
    ) -> Update:
        """Hand in a rating and show its receipt."""
        try:
            feedback = Feedback(
                turn_id=turn_id, rating=rating, reasons=reasons, text=text.strip(), correction=correction.strip()
            )
        except ValidationError as error:
            field = ".".join(str(step) for step in error.errors()[0]["loc"])
            return _problem(tr("Not stored: {field} is too long; at most 10,000 characters can be kept.", field=field))
        receipt = self._runtime.give_feedback(feedback)
        return self._with_receipt(place, view, turn_id, receipt)

    def appeal(self, place: Place, view: View, turn_id: str, text: str) -> Update:
        """Store that a refusal is wrong, and show the receipt."""
        try:
            receipt = self._runtime.appeal(turn_id, text.strip())
        except ValidationError:
            return _problem(tr("Not stored: the text is too long; at most 10,000 characters can be kept."))
        return self._with_receipt(place, view, turn_id, receipt)

    def again(self, place: Place, shown: int) -> Update:
        """The chat as it stands now, where one of the ``shown`` appeals that its cards call open has been decided."""
        decided = self._reader.open_appeals(place) != shown
        return Update(transcript=self._reader.transcript(place)) if decided else Update()

    def _with_receipt(self, place: Place, view: View, turn_id: str, receipt: Receipt) -> Update:
        shown = (turn_id, receipt.message)
        return Update(
            transcript=self._reader.transcript(place, shown),
            inspector=self._reader.inspector(view, shown) if view.selected == turn_id else None,
        )

    def _everything(self, place: Place) -> Update:
        return Update(
            place=place,
            view=View(),
            warnings=self._reader.warnings(),
            transcript=self._reader.transcript(place),
            running=Html(""),
            phase=phase(""),
            busy=False,
            chats=self._reader.chats(place),
            inspector=self._reader.inspector(View()),
            plugins=self._reader.plugins(),
        )


def _rating(data: Mapping[str, Any]) -> Rating:
    match field_text(data, "rating"):
        case "up":
            return "up"
        case "down":
            return "down"
        case other:
            raise InputError(
                f"Not stored: expected a good or a bad answer; came “{other}”.", hint="Choose one of the two."
            )


def _problem(message: str) -> Update:
    return Update(phase=phase(message, problem=True))
