"""One turn from intake to store: the order in which things happen, and what becomes of every failure on the way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as Steps
from dataclasses import dataclass

from assistant.backends import AnswerEnd, Delta, check_goes_on
from assistant.brought_history import Brought, judge_history
from assistant.errors import GlassboxError, StoreError, describe
from assistant.events import Event, Finished, Step, StepStarted
from assistant.extensions import Extensions
from assistant.generation import Generator
from assistant.harmless_part import harmless_part
from assistant.intake import ImageSource, read_message, with_regions
from assistant.judgement import (
    Revision,
    accept_nothing,
    changed_note,
    marked_words,
    not_mended,
)
from assistant.judging import judge_answer, judge_question, judge_segment, packs_in_force
from assistant.messages import (
    Door,
    Exchange,
    Message,
    ModelInfo,
    Status,
    Turn,
    TurnRecord,
    TurnSettings,
    earlier_questions,
    new_id,
)
from assistant.picture_text import PictureText
from assistant.pointing import as_seen
from assistant.release import ReleaseGate
from assistant.settings import Settings
from assistant.stop_texts import StopTexts
from assistant.store import Store
from assistant.turn_progress import Progress
from assistant.verdicts import Refusal, Region

log = logging.getLogger("glassbox.turn")

WENT_ON = "The beginning of this answer was there before; the model went on from it."

REVISIONS = 3
"""How often an answer may be revised and checked again; one that a rule would change even then is refused."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a door hands in.

    ``conversation_id`` ``None`` starts a new conversation. ``parent_id`` is the turn that this question follows;
    ``None`` with a conversation means its first turn. `Runtime.follow` and `Runtime.retry` fill both in. ``turn_id`` is
    the id of the turn, for a door that has to tell it before the end. ``brought`` is what was said before, from a
    client that keeps its chats itself; the rules look at it as at everything that comes from outside.
    """

    text: str
    images: Sequence[ImageSource] = ()
    conversation_id: str | None = None
    parent_id: str | None = None
    settings: TurnSettings = TurnSettings()
    door: Door = "api"
    turn_id: str | None = None
    brought: Sequence[Brought] = ()
    regions: Sequence[Region] = ()
    """The places in the pictures that it is about."""
    begun: str = ""
    """The beginning of the answer, which the model is to carry on. The rules look at it as at the rest."""


@dataclass(frozen=True)
class House:
    """What a turn needs of the runtime around it. ``generator`` finds a model by name, the default for ``None``."""

    settings: Settings
    store: Store
    extensions: Extensions
    picture_text: PictureText
    generator: Callable[[str | None], Generator]
    packs: Mapping[str, str]
    finished: Callable[[TurnRecord], None] = lambda _: None
    """Told of every turn at its end."""


class TurnRun:
    """One question on its way to an answer. Used once: make it, iterate `events`."""

    def __init__(self, house: House, question: Question, stop: threading.Event) -> None:
        self._house = house
        self._question = question
        self._stop = stop
        self._progress = Progress(question.settings, house.packs)
        self._turn = Turn(
            id=question.turn_id or new_id(),
            conversation_id=question.conversation_id or new_id(),
            parent_id=question.parent_id,
            door=question.door,
            question=Message(text=question.text[: house.settings.max_text]),
            settings=question.settings,
        )
        self._first = ""
        """What stands before the answer, and is told whatever becomes of it: duties that cannot wait."""
        self._written = False
        self._stop_texts = StopTexts(question.settings.stop)
        self._revisions = 0
        self._revision: Revision | None = None
        """What the latest check wants to put in place of the rest."""
        self._gate = ReleaseGate(self._check_segment, hold_everything=house.extensions.holds_answers_back())

    def events(self) -> Iterator[Event]:
        """See `Runtime.run_turn`."""
        yield self._step("intake")
        error = self._take_in()
        if error:
            unread = TurnRecord(turn=self._turn, status="failed", error=error, trace=self._progress.trace())
            self._house.finished(unread)
            yield Finished(unread)
            return
        record: TurnRecord | None = None
        try:
            answer, error = "", ""
            try:
                answer = yield from self._answer()
            except GlassboxError as failure:
                error = str(failure)
            except Exception as failure:
                error = unexpected(failure)
            self._progress.step("")
            yield StepStarted("storing")
            record = self._finish(answer, error, stopped=self._stop.is_set())
            yield Finished(record)
        finally:
            if record is None:  # the caller closed the iterator: a page that went away
                self._finish("", "", stopped=True)

    def _step(self, step: Step) -> StepStarted:
        self._progress.step(step)
        return StepStarted(step)

    def _take_in(self) -> str:
        """Read the question and the history; returns what went wrong, in words."""
        try:
            message = read_message(self._question.text, self._question.images, self._house.settings)
            message = with_regions(message, self._question.regions)
            path = self._path()
            history = tuple(
                Exchange(question=each.turn.question, answer=each.answer)
                for each in path
                if each.answer and each.refusal is None
            )
            update = {"question": message, "history": history, "earlier": earlier_questions(path)}
            self._turn = self._turn.model_copy(update=update | {"begun": self._question.begun})
        except GlassboxError as failure:
            return str(failure)
        except Exception as failure:
            return unexpected(failure)
        self._progress.notes += [note for image in message.images for note in image.notes]
        return ""

    def _read_pictures(self) -> None:
        """Put the text of the pictures into the turn, so that rules and model see the same words."""
        read = self._house.picture_text.read(self._turn)
        self._turn = read.turn
        self._progress.hooks += read.calls
        self._progress.notes += [note for note in read.notes if note not in self._progress.notes]

    def _take_in_brought(self) -> None:
        """Put what the client brought of its chat before the question, as far as the rules let it pass."""
        house = self._house
        past = judge_history(house.extensions, house.picture_text, self._turn, self._question.brought)
        self._turn = past.turn
        self._progress.hooks += past.calls
        self._progress.notes += past.notes

    def _path(self) -> list[TurnRecord]:
        """The turns that lead to this one, oldest first."""
        if self._turn.parent_id is None:
            return []
        return self._house.store.branch(self._turn.conversation_id, self._turn.parent_id)

    def _answer(self) -> Steps[Event, None, str]:
        """Everything between intake and store. Returns the answer; a refusal stands in the progress."""
        if self._question.brought:
            yield self._step("rules")
            self._take_in_brought()
        if self._house.picture_text.unread(self._turn):
            yield self._step("text")
        self._read_pictures()
        yield self._step("rules")
        before = judge_question(self._house.extensions, self._turn)
        self._progress.add(before)
        self._progress.refusal = self._with_harmless_part(before.refusal)
        self._turn = self._turn.model_copy(update={"earlier": ()})  # a refused question goes no further than this
        self._first = "".join(f"{duty}\n\n" for duty in before.urgent)
        if before.refusal:
            return ""
        if self._first:
            yield self._progress.segment(self._first)
        yield from self._write()
        if self._gate.closed:
            return ""
        yield self._step("checking")
        answer, disclaimers = yield from self._judge_answer()
        if self._progress.refusal or not answer:
            return ""
        return self._first + "\n\n".join([answer, *dict.fromkeys((*before.disclaimers, *disclaimers))])

    def _with_harmless_part(self, refusal: Refusal | None) -> Refusal | None:
        """The refusal, with the part of the question that could be asked by itself."""
        if refusal is None or refusal.cause != "rule" or refusal.action != "refuse":
            return refusal

        def passes(text: str) -> bool:
            question = self._turn.question.model_copy(update={"text": text})
            judged = judge_question(self._house.extensions, self._turn.model_copy(update={"question": question}))
            return judged.refusal is None

        part = harmless_part(self._turn.question.text, refusal.spans, passes)
        return refusal.model_copy(update={"harmless_part": part})

    def _write(self) -> Steps[Event, None, None]:
        """Let the model write, and let out what has passed."""
        generator = self._house.generator(self._turn.settings.model)
        self._progress.step("waiting")
        if self._turn.begun:
            check_goes_on(generator.backend)
            self._progress.notes.append(WENT_ON)
            if piece := self._gate.feed(self._stop_texts.feed(self._turn.begun)):
                yield self._progress.segment(piece)
            if self._gate.closed:
                return
        for item in generator.run(as_seen(self._turn).model_copy(deep=True), self._stop):
            if isinstance(item, StepStarted):
                yield self._step(item.step)
            elif isinstance(item, ModelInfo):
                self._progress.model = item
            elif isinstance(item, AnswerEnd):
                self._progress.end = item
                if item.reader and self._progress.model:
                    self._progress.model = self._progress.model.model_copy(update={"reader": item.reader})
                self._progress.notes += [note for note in item.notes if note not in self._progress.notes]
            elif isinstance(item, Delta):
                piece = self._gate.feed(self._stop_texts.feed(item.text))
                if piece:
                    yield self._progress.segment(piece)
            if self._gate.closed or self._stop.is_set() or self._stop_texts.found:
                return
        self._gate.feed_last(self._stop_texts.rest())

    def _check_segment(self, released: str, pending: str) -> bool:
        judgement = judge_segment(self._house.extensions, self._turn, released, pending, whole=self._written)
        self._progress.add(judgement)
        self._revision = judgement.revision
        if judgement.revision:
            self._gate.hold()
        return self._progress.refusal is None

    def _judge_answer(self) -> Steps[Event, None, tuple[str, list[str]]]:
        """Let the plugins judge the whole answer, and what they make of it. Returns (answer, disclaimers).

        Where some plugin may refuse or revise, nothing has been shown yet. Where all of them only observe, the answer
        is let out first.
        """
        held = self._house.extensions.holds_answers_back()
        disclaimers: list[str] = []
        self._written = True
        if not self._passes():
            return "", []
        if not held and (piece := self._gate.finish()):
            yield self._progress.segment(piece)
        while self._gate.text:
            judgement = judge_answer(self._house.extensions, self._turn, self._gate.text)
            self._progress.add(judgement)
            disclaimers += judgement.disclaimers
            if self._progress.refusal:
                return "", []
            if judgement.revision is None or judgement.revision.text == self._gate.text:
                break
            if not self._put(judgement.revision) or not self._passes():
                return "", []
        if held and (piece := self._gate.finish()):
            yield self._progress.segment(piece)
        return self._gate.text, disclaimers

    def _passes(self) -> bool:
        """Check all that is inside, mend it where a rule says how, and check again."""
        while self._gate.check_whole():
            if self._revision is None:
                return True
            if not self._put(self._revision):
                break
        return False

    def _put(self, revision: Revision) -> bool:
        """Put a new text in place of what is inside; False, and a refusal, where that was done too often."""
        progress, gate = self._progress, self._gate
        if self._revisions == REVISIONS:
            progress.refusal = not_mended(revision)
            return False
        self._revisions += 1
        self._revision = None
        before = gate.text
        progress.blacked_out |= marked_words(before, revision)
        gate.replace(revision.text)
        progress.draft_changes.append((before, gate.text))
        note = changed_note(revision)
        progress.notes += [note] if note not in progress.notes else []
        return True

    def _finish(self, answer: str, error: str, *, stopped: bool) -> TurnRecord:
        """Make the record of the turn, store it, and tell the plugins."""
        progress, gate = self._progress, self._gate
        status: Status
        confidence: float | None = None
        if progress.refusal:
            status, answer, error = ("asked" if progress.refusal.action == "ask" else "refused"), "", ""
            progress.draft_changes.clear()
            progress.notes += [self._first.strip()] if self._first else []
        elif error:
            status, answer = "failed", (self._first + gate.released).rstrip()
        elif stopped:
            status, answer = "stopped", answer or (self._first + gate.released).rstrip()
        elif not answer and not self._stop_texts.found:
            status, answer = "failed", self._first.rstrip()
            error = "The model wrote nothing. Ask again, or in other words."
        else:
            status, confidence = ("unsure" if progress.end.unsure else "answered"), progress.end.confidence
        progress.stamps = packs_in_force(self._house.extensions, self._turn)
        record = TurnRecord(
            turn=self._turn,
            status=status,
            answer=answer,
            confidence=confidence,
            refusal=progress.refusal,
            error=error,
            trace=progress.trace(),
        )
        record = self._store(record)
        for told in self._house.extensions.call("turn_finished", {"record": record}, accept_nothing):
            if told.error:
                record = _with_note(record, f"{told.error} The turn went on without it.")
        self._house.finished(record)
        return record

    def _store(self, record: TurnRecord) -> TurnRecord:
        """Store the record; where that cannot be, a note in it says so."""
        store, parent = self._house.store, self._turn.parent_id
        try:
            if parent is not None and not store.has_turn(parent):
                return _with_note(record, "This turn was not stored: its chat was deleted while it was running.")
            store.save_turn(record)
        except StoreError as failure:
            log.error("A turn could not be stored: %s", failure)
            return _with_note(record, f"This turn could not be stored and will not be there later. {failure}")
        return record


def unexpected(error: Exception) -> str:
    """A message for an error that nobody planned for; the details go to the log."""
    log.exception("A turn failed in a way that nobody planned for")
    return f"Something went wrong inside Glassbox ({describe(error)}). Ask again; if it goes on, please report it."


def _with_note(record: TurnRecord, note: str) -> TurnRecord:
    trace = record.trace.model_copy(update={"notes": (*record.trace.notes, note)})
    return record.model_copy(update={"trace": trace})
