"""Running a turn on a page: ask, ask about an example, try again, stop. Plain generators of `Update`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from assistant.errors import GlassboxError, StoreError
from assistant.events import Finished, StepStarted
from assistant.messages import TurnRecord
from assistant.runtime import Question, Runtime
from assistant.ui.examples import read_examples
from assistant.ui.fields import field_number, field_text
from assistant.ui.reading import Reader
from assistant.ui.session import Box, Place, Run, RunningTurns, Update
from assistant.ui.views.markup import Html
from assistant.ui.views.phase import phase
from assistant.ui.views.picture import Picture, picture_of
from assistant.ui.views.transcript import running_turn

FLUSH_SECONDS = 0.04
"""The page gets the answer in pieces of at least this much time; the first word goes at once."""

RETRY_TEMPERATURE = 0.7
"""How much chance comes into an answer that is tried again; without any it would be the same answer."""


class Asking:
    """The handlers that run a turn."""

    def __init__(self, runtime: Runtime, reader: Reader, running: RunningTurns) -> None:
        self._runtime = runtime
        self._reader = reader
        self._running = running

    def act(self, place: Place, session: str, data: Mapping[str, Any]) -> Iterator[Update]:
        """Run the turn that a button asks for: another try, a part of a question, or a question about an example."""
        if field_text(data, "act") == "retry":
            yield from self.retry(place, session, field_text(data, "turn"))
        elif field_text(data, "act") == "part":
            yield from self.ask_part(place, session, field_text(data, "turn"))
        else:
            example, question = field_number(data, "example"), field_number(data, "question")
            yield from self.ask_example(place, session, -1 if example is None else example, question or 0)

    def ask(self, place: Place, session: str, text: str, files: Sequence[str]) -> Iterator[Update]:
        """Ask what stands in the box."""
        box = Box(text, tuple(files))
        question = Question(
            text,
            [Path(each) for each in files],
            conversation_id=place.conversation_id,
            parent_id=place.leaf,
            door="browser",
        )
        pictures = [Picture(f"gradio_api/file={quote(each)}", Path(each).name) for each in files]
        yield from self._turn(place, session, question, pictures, box)

    def ask_example(self, place: Place, session: str, example: int, question: int) -> Iterator[Update]:
        """Ask one of the questions that ship with an example picture."""
        examples = read_examples()
        if not (0 <= example < len(examples) and 0 <= question < len(examples[example].questions)):
            yield Update(phase=phase("There is no such example.", problem=True))
            return
        chosen = examples[example]
        asked = Question(
            chosen.questions[question],
            [chosen.path],
            conversation_id=place.conversation_id,
            parent_id=place.leaf,
            door="browser",
        )
        yield from self._turn(place, session, asked, [Picture(f"examples/{chosen.file}", chosen.alt)], None)

    def retry(self, place: Place, session: str, turn_id: str) -> Iterator[Update]:
        """Ask the question of an earlier turn once more, as another version of that turn."""
        try:
            versions = len(self._runtime.store.siblings(turn_id))
            question = self._runtime.retry(turn_id, door="browser")
            seen = self._runtime.store.turn(turn_id).turn.question.images
        except GlassboxError as error:
            yield Update(phase=phase(str(error), problem=True))
            return
        settings = question.settings.model_copy(
            update={"temperature": max(question.settings.temperature, RETRY_TEMPERATURE), "seed": versions}
        )
        pictures = [picture_of(part, number) for number, part in enumerate(seen)]
        first = question.parent_id is None
        before = Place() if first else Place(question.conversation_id, question.parent_id)
        yield from self._turn(place, session, replace(question, settings=settings), pictures, None, above=before)

    def ask_part(self, place: Place, session: str, turn_id: str) -> Iterator[Update]:
        """Ask the part of a refused question that can be asked by itself, as another version of that turn."""
        try:
            question = self._runtime.harmless_part(turn_id, door="browser")
            seen = self._runtime.store.turn(turn_id).turn.question.images
        except GlassboxError as error:
            yield Update(phase=phase(str(error), problem=True))
            return
        pictures = [picture_of(part, number) for number, part in enumerate(seen)]
        before = Place() if question.parent_id is None else Place(question.conversation_id, question.parent_id)
        yield from self._turn(place, session, question, pictures, None, above=before)

    def stop(self, session: str) -> Update:
        """Stop the running turn; its own generator shows what was written."""
        self._running.stop(session)
        return Update(phase=phase("Stopping", going_on=True))

    def _turn(
        self,
        place: Place,
        session: str,
        question: Question,
        pictures: Sequence[Picture],
        box: Box | None,
        above: Place | None = None,
    ) -> Iterator[Update]:
        """Run one turn and show it.

        ``above`` is what stands above the running turn, where that is not the whole conversation: a retry takes the
        place of its turn.
        """
        run = self._running.start(session)
        if run is None:
            yield Update(phase=phase("One answer at a time: stop the running one first.", problem=True), box=box)
            return
        shown = above or place
        try:
            yield Update(
                transcript=Html("") if shown.empty else self._reader.transcript(shown) if above else None,
                running=running_turn(question.text, pictures, ""),
                phase=phase("Taking in the question", going_on=True),
                box=Box() if box else None,
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
            yield self._finished(place, record, box)
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

    def _finished(self, place: Place, record: TurnRecord, box: Box | None) -> Update:
        """The page after a turn. A failed one puts text and pictures back into the box."""
        if self._stored(record):
            fresh = replace(place, conversation_id=record.turn.conversation_id, leaf=record.id)
        else:
            fresh = replace(place, unsaved=(*place.unsaved, record))
        return Update(
            place=fresh,
            warnings=self._reader.warnings(),
            transcript=self._reader.transcript(fresh),
            running=Html(""),
            phase=phase(f"Answer: {record.shown}", hidden=True),
            box=box if record.status == "failed" else None,
            busy=False,
            chats=self._reader.chats(fresh),
            plugins=self._reader.plugins(),
        )

    def _stored(self, record: TurnRecord) -> bool:
        try:
            return self._runtime.store.has_turn(record.id)
        except StoreError:
            return False
