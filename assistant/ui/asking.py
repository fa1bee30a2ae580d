"""Running a turn on a page: ask, change a question, try again, go on, stop. Plain generators of `Update`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from assistant.errors import GlassboxError, StoreError
from assistant.events import Finished, StepStarted
from assistant.messages import TurnRecord, TurnSettings
from assistant.runtime import Question, Runtime
from assistant.ui.drafts import Draft, Drafts
from assistant.ui.examples import read_examples
from assistant.ui.fields import field_number, field_text
from assistant.ui.languages import later, tr
from assistant.ui.reading import Reader
from assistant.ui.session import Place, Run, RunningTurns, Update
from assistant.ui.views.markup import Html
from assistant.ui.views.phase import phase
from assistant.ui.views.picture import Picture, picture_of
from assistant.ui.views.small import small
from assistant.ui.views.transcript import running_turn
from assistant.ui.views.tray import THUMB, tray
from assistant.versions import edit_question, go_on

FLUSH_SECONDS = 0.04
"""The page gets the answer in pieces of at least this much time; the first word goes at once."""

RETRY_TEMPERATURE = 0.7
"""How much chance comes into an answer that is tried again; without any it would be the same answer."""


ONE_AT_A_TIME = later("One answer at a time: stop the running one first.")


class Asking:
    """The handlers that run a turn."""

    def __init__(self, runtime: Runtime, reader: Reader, running: RunningTurns, drafts: Drafts | None = None) -> None:
        self._runtime = runtime
        self._reader = reader
        self._running = running
        self._drafts = drafts or Drafts()

    def act(self, place: Place, session: str, data: Mapping[str, Any]) -> Iterator[Update]:
        """Run the turn that a button asks for: another try, the rest of an answer, a part of a question, an example."""
        if field_text(data, "act") == "retry":
            yield from self.retry(place, session, field_text(data, "turn"))
        elif field_text(data, "act") == "go-on":
            yield from self.go_on(place, session, field_text(data, "turn"))
        elif field_text(data, "act") == "part":
            yield from self.ask_part(place, session, field_text(data, "turn"))
        else:
            example, question = field_number(data, "example"), field_number(data, "question")
            yield from self.ask_example(place, session, -1 if example is None else example, question or 0)

    def ask(self, place: Place, session: str, text: str, model: str | None = None) -> Iterator[Update]:
        """Ask what stands in the box, with the pictures that wait; where an earlier question is being changed, in its
        place. ``model`` answers; the default one where left out."""
        if self._running.running(session):
            yield Update(phase=phase(ONE_AT_A_TIME, problem=True), box=text)
            return
        draft = self._drafts.take(session)
        pictures = [each.part for each in draft.pictures]
        shown = [Picture(small(part, THUMB * 2), picture_of(part, number).alt) for number, part in enumerate(pictures)]
        question = Question(
            text,
            pictures,
            conversation_id=place.conversation_id,
            parent_id=place.leaf,
            settings=TurnSettings(model=model),
            door="browser",
            regions=draft.regions,
        )
        before: Place | None = None
        if draft.editing:
            try:
                question = edit_question(self._runtime, draft.editing, question)
                settings = question.settings.model_copy(update={"model": model})
                question = replace(question, settings=settings)
            except GlassboxError as error:
                self._drafts.put(session, draft)
                yield Update(phase=phase(str(error), problem=True), box=text, tray=tray(draft))
                return
            before = _above(question)
        yield from self._turn(place, session, question, shown, above=before, draft=replace(draft, text=text))

    def ask_example(self, place: Place, session: str, example: int, question: int) -> Iterator[Update]:
        """Ask one of the questions that ship with an example picture."""
        examples = read_examples()
        if not (0 <= example < len(examples) and 0 <= question < len(examples[example].questions)):
            yield Update(phase=phase(tr("There is no such example."), problem=True))
            return
        chosen = examples[example]
        asked = Question(
            chosen.questions[question],
            [chosen.path],
            conversation_id=place.conversation_id,
            parent_id=place.leaf,
            door="browser",
        )
        yield from self._turn(place, session, asked, [Picture(f"examples/{chosen.file}", chosen.alt)])

    def retry(self, place: Place, session: str, turn_id: str) -> Iterator[Update]:
        """Ask the question of an earlier turn once more, as another version of that turn."""

        def again() -> Question:
            question = self._runtime.retry(turn_id, door="browser")
            versions = len(self._runtime.store.siblings(turn_id))
            temperature = max(question.settings.temperature, RETRY_TEMPERATURE)
            settings = question.settings.model_copy(update={"temperature": temperature, "seed": versions})
            return replace(question, settings=settings)

        yield from self._version(place, session, turn_id, again)

    def go_on(self, place: Place, session: str, turn_id: str) -> Iterator[Update]:
        """Have an answer that was stopped or cut off written to its end, as another version of that turn."""
        yield from self._version(place, session, turn_id, lambda: go_on(self._runtime, turn_id, "browser"))

    def ask_part(self, place: Place, session: str, turn_id: str) -> Iterator[Update]:
        """Ask the part of a refused question that can be asked by itself, as another version of that turn."""
        yield from self._version(place, session, turn_id, lambda: self._runtime.harmless_part(turn_id, door="browser"))

    def _version(self, place: Place, session: str, turn_id: str, make: Callable[[], Question]) -> Iterator[Update]:
        """Ask another version of a turn."""
        try:
            question = make()
            seen = self._runtime.store.turn(turn_id).turn.question.images
        except GlassboxError as error:
            yield Update(phase=phase(str(error), problem=True))
            return
        pictures = [picture_of(part, number) for number, part in enumerate(seen)]
        yield from self._turn(place, session, question, pictures, above=_above(question))

    def stop(self, session: str) -> Update:
        """Stop the running turn; its own generator shows what was written."""
        self._running.stop(session)
        return Update(phase=phase(tr("Stopping"), going_on=True))

    def _turn(
        self,
        place: Place,
        session: str,
        question: Question,
        pictures: Sequence[Picture],
        *,
        above: Place | None = None,
        draft: Draft | None = None,
    ) -> Iterator[Update]:
        """Run one turn and show it.

        ``above`` is what stands above the running turn, where that is not the whole conversation: a retry takes the
        place of its turn. ``draft`` is what was prepared in the box, to be put back where the turn fails.
        """
        run = self._running.start(session)
        if run is None:
            yield Update(phase=phase(ONE_AT_A_TIME, problem=True))
            return
        shown = above or place
        try:
            yield Update(
                transcript=Html("") if shown.empty else self._reader.transcript(shown) if above else None,
                running=running_turn(question.text, pictures, ""),
                phase=phase(tr("Taking in the question"), going_on=True),
                box=None if draft is None else "",
                tray=None if draft is None else tray(Draft()),
                busy=True,
            )
            record = None
            for update in self._follow(question, pictures, run):
                if isinstance(update, TurnRecord):
                    record = update
                elif not run.left:
                    yield update
            if run.left or record is None:
                yield Update(chats=self._reader.chats(place))
                return
            yield self._finished(place, session, record, draft)
        finally:
            run.stop.set()
            self._running.end(session, run)

    def _follow(self, question: Question, pictures: Sequence[Picture], run: Run) -> Iterator[Update | TurnRecord]:
        """The turn's events as updates, and its record at the end."""
        answer, flushed = "", float("-inf")
        events = self._runtime.run_turn(question, run.stop)
        for event in events:
            if isinstance(event, Finished):
                yield event.record
            elif isinstance(event, StepStarted):
                yield Update(phase=phase(event.text, going_on=True))
            else:
                answer += event.text
                if monotonic() - flushed >= FLUSH_SECONDS:
                    yield Update(running=running_turn(question.text, pictures, answer))
                    flushed = monotonic()

    def _finished(self, place: Place, session: str, record: TurnRecord, draft: Draft | None) -> Update:
        """The page after a turn. A failed one puts text and pictures back into the box."""
        put_back = draft if record.status == "failed" else None
        if put_back:
            self._drafts.put(session, put_back)
        if self._stored(record):
            fresh = replace(place, conversation_id=record.turn.conversation_id, leaf=record.id)
        else:
            fresh = replace(place, unsaved=(*place.unsaved, record))
        return Update(
            place=fresh,
            warnings=self._reader.warnings(),
            transcript=self._reader.transcript(fresh),
            running=Html(""),
            phase=phase(tr("Answer: {shown}", shown=record.shown), hidden=True),
            box=None if put_back is None else put_back.text,
            tray=None if put_back is None else tray(put_back),
            busy=False,
            chats=self._reader.chats(fresh),
            plugins=self._reader.plugins(),
        )

    def _stored(self, record: TurnRecord) -> bool:
        try:
            return self._runtime.store.has_turn(record.id)
        except StoreError:
            return False


def _above(question: Question) -> Place:
    """What stands above another version of a turn."""
    return Place() if question.parent_id is None else Place(question.conversation_id, question.parent_id)
