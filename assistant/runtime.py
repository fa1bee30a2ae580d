"""`Runtime`: one running assistant. ``run_turn`` is the only way an answer comes about, at every door."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from time import perf_counter
from typing import Any, Literal

from assistant.backends import Backend, ModelTrace
from assistant.downloads import Downloads
from assistant.errors import NotFound, PluginLoadError, UnknownModel, describe
from assistant.evaluators import Evaluator, accept_evaluators
from assistant.events import Event, Finished
from assistant.explanations import Explanation
from assistant.extensions import Extensions, Host, PluginStatus
from assistant.generation import Generator, ModelState
from assistant.intake import ImageSource, read_message
from assistant.judgement import Stage, accept_nothing
from assistant.judging import judge_answer, judge_question, judge_segment, with_required
from assistant.messages import (
    Appeal,
    CheckResult,
    Door,
    Feedback,
    HookCall,
    Message,
    Receipt,
    Turn,
    TurnRecord,
    TurnSettings,
    new_id,
)
from assistant.packs import PackKeeper
from assistant.panels import Panel, accept_panels
from assistant.picture_text import PictureText
from assistant.plain_question import ask_plainly
from assistant.pointing import as_seen, put_back
from assistant.settings import Settings
from assistant.store import Store
from assistant.turn_run import House, Question, TurnRun

__all__ = ["Question", "Runtime", "finish"]

log = logging.getLogger("glassbox.runtime")


class Runtime:
    """One running assistant: its plugins, its models and its store. Safe to use from many threads.

    Args:
        settings: how it works.
        plugins: plugins to register besides the installed ones, as (name, object) pairs.
        discover: look for installed plugins.
        store: where turns are kept; opened from the settings where left out.

    Raises:
        SettingsError: a setting cannot work.
        StoreError: the database cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        plugins: Sequence[tuple[str, object]] = (),
        discover: bool = True,
        store: Store | None = None,
    ) -> None:
        self.settings = settings
        self.store = store or Store(settings.database)
        self.extensions = Extensions(settings, plugins, discover=discover)
        self._picture_text = PictureText(self.extensions)
        self.downloads = Downloads()
        self.notes: list[str] = []
        evaluators: dict[str, Evaluator] = {}
        self._gather(
            "register_evaluators", lambda each: evaluators.setdefault(each.name, each), accept=accept_evaluators
        )
        self._generators: dict[str, Generator] = {}
        self.host = Host(settings, self.store, evaluators, ask_model=self._ask_model)
        for answer in self.extensions.call("startup", {"host": self.host}, accept_nothing):
            if answer.error:
                self.extensions.stop_working(answer.implementation.plugin, str(answer.error))
        self._gather(
            "register_backends",
            lambda each: self._generators.setdefault(each.name, Generator(each, settings)),
        )
        self.observers: list[Callable[[TurnRecord], None]] = []
        """Told of every finished turn at every door, after it was stored. Must be quick; an error is logged."""
        self._panels: dict[str, Panel] = {}
        self._gather("register_panels", lambda each: self._panels.setdefault(each.name, each), accept=accept_panels)
        self._trace = lru_cache(maxsize=32)(self._trace_now)

    def _gather(
        self,
        hook: str,
        keep: Callable[[Any], object],
        accept: Callable[[Any], Sequence[Any]] = lambda value: list(value or ()),
    ) -> None:
        for answer in self.extensions.call(hook, {}, accept):
            if answer.error:
                self.notes.append(str(answer.error))
            for each in answer.value or ():
                keep(each)

    def _ask_model(self, model: str, prompt: str, *, seconds: float, max_tokens: int) -> str:
        return ask_plainly(self.generator(model), prompt, seconds=seconds, max_tokens=max_tokens)

    def close(self) -> None:
        """Close the store and the plugins. Nothing may be asked afterwards."""
        self.downloads.stop_all()
        self.extensions.close()
        self.store.close()

    def for_person(self, owner: str) -> Runtime:
        """The same assistant as one person uses it: with their chats, and no others.

        Args:
            owner: the id of an account, or ``local`` for the person at this computer.

        Returns:
            A view that shares everything but the store. Observers that are added to it are told of its own turns alone.
        """
        theirs = copy(self)
        theirs.store = self.store.for_person(owner)
        theirs.extensions = self.extensions.for_person(owner)
        theirs.observers = [*self.observers]
        return theirs

    # What is there

    @property
    def backends(self) -> list[Backend]:
        """The models that can answer."""
        return [each.backend for each in self._generators.values()]

    @property
    def panels(self) -> list[Panel]:
        """The panels that the plugins bring."""
        return list(self._panels.values())

    def plugins(self) -> list[PluginStatus]:
        """Every plugin, as it stands."""
        return list(self.extensions.status.values())

    def generator(self, name: str | None = None) -> Generator:
        """The backend of that name with its queue; the default one without a name.

        Raises:
            UnknownModel: there is none; the message lists those that there are.
        """
        wanted = name or self.settings.model
        if wanted not in self._generators:
            known = ", ".join(sorted(self._generators)) or "none"
            raise UnknownModel(
                f"There is no model {wanted!r}; there are: {known}.",
                hint="Choose one of these with --model, or install the plugin that brings it.",
            )
        return self._generators[wanted]

    def warm_up(self) -> None:
        """Load the default model. Errors are logged and come again with the first question, as a message there."""
        try:
            self.generator().warm_up()
        except Exception as error:
            log.warning("The model is not ready: %s", describe(error))

    def model_state(self) -> ModelState | Literal["missing"]:
        """How far the default model is: for health checks."""
        try:
            return self.generator().state
        except UnknownModel:
            return "missing"

    @property
    def packs(self) -> PackKeeper:
        """The plugin that keeps the constitution packs.

        Raises:
            PluginLoadError: there is none.
        """
        if not self.host.pack_keepers:
            raise PluginLoadError(
                "No plugin that keeps constitution packs is working.",
                plugin="constitutions",
                hint="Type: assistant plugins list",
            )
        return self.host.pack_keepers[0]

    # Questions

    def follow(self, conversation_id: str | None, question: Question) -> Question:
        """The same question, placed at the end of a conversation.

        Raises:
            StoreError: the conversation cannot be read.
        """
        records = self.store.branch(conversation_id) if conversation_id else []
        return replace(
            question,
            conversation_id=conversation_id or new_id(),
            parent_id=records[-1].id if records else None,
        )

    def retry(self, turn_id: str, settings: TurnSettings | None = None, door: Door = "api") -> Question:
        """The question of an earlier turn once more, with its pictures, as that turn's sibling.

        Raises:
            NotFound: there is no such turn.
        """
        turn = self.store.turn(turn_id).turn
        return Question(
            text=turn.question.text,
            images=turn.question.images,
            regions=turn.question.regions,
            conversation_id=turn.conversation_id,
            parent_id=turn.parent_id,
            settings=settings or turn.settings,
            door=door,
        )

    def harmless_part(self, turn_id: str, door: Door = "api") -> Question:
        """The part of a refused question that can be asked by itself, with its pictures, as that turn's sibling.

        Raises:
            NotFound: there is no such turn, or no such part of it.
        """
        refusal = self.store.turn(turn_id).refusal
        if refusal is None or not refusal.harmless_part:
            raise NotFound(
                f"No part of the question of turn {turn_id} can be asked by itself.", hint="Ask in other words."
            )
        return replace(self.retry(turn_id, door=door), text=refusal.harmless_part)

    def run_turn(self, question: Question, stop: threading.Event | None = None) -> Iterator[Event]:
        """Answer one question.

        Args:
            question: what was asked, placed by `follow` or `retry`.
            stop: set it from another thread to end the turn early; what was released stays.

        Yields:
            Steps and segments, and at the end always one `Finished`, also where something broke or was refused. Closing
            the iterator early counts as stopping.
        """
        house = House(
            self.settings,
            self.store,
            self.extensions,
            self._picture_text,
            self.generator,
            self.host.packs,
            self._tell_observers,
        )
        return TurnRun(house, question, stop or threading.Event()).events()

    def _tell_observers(self, record: TurnRecord) -> None:
        for observer in self.observers:
            try:
                observer(record)
            except Exception:
                log.exception("An observer of finished turns failed")

    def check(
        self,
        text: str,
        *,
        role: Stage = "question",
        images: Sequence[ImageSource] = (),
        settings: TurnSettings | None = None,
    ) -> CheckResult:
        """What the rules say about a text, through the same hooks as in a turn; no model is asked, nothing is stored.

        Args:
            text: a question, or with ``role="answer"`` an answer.
            role: which of the two.
            images: pictures that come with a question.
            settings: packs to apply besides the enabled ones.

        Raises:
            InputError: text or pictures cannot be read.
        """
        begin = perf_counter()
        message = read_message(text, images, self.settings)
        turn = Turn(question=message, settings=settings or TurnSettings())
        reading: tuple[HookCall, ...] = ()
        if role == "question":
            read = self._picture_text.read(turn)
            turn, reading = read.turn, read.calls
            judgements = [judge_question(self.extensions, turn)]
        else:
            turn = turn.model_copy(update={"question": Message(text="")})
            judgements = [with_required(self.extensions, judge_segment(self.extensions, turn, "", message.text))]
            if judgements[0].refusal is None:
                judgements.append(judge_answer(self.extensions, turn, message.text))
        return CheckResult(
            refusal=next((each.refusal for each in judgements if each.refusal), None),
            verdicts=tuple(record for each in judgements for record in each.verdicts),
            hooks=(*reading, *(call for each in judgements for call in each.calls)),
            milliseconds=round((perf_counter() - begin) * 1000, 3),
        )

    # After a turn

    def give_feedback(self, feedback: Feedback) -> Receipt:
        """Hand a rating to the plugins that keep ratings.

        Raises:
            NotFound: there is no such turn.
        """
        record = self.store.turn(feedback.turn_id)
        problems: list[str] = []
        for answer in self.extensions.call(
            "record_feedback", {"feedback": feedback, "record": record}, _accept_receipt
        ):
            if answer.error:
                problems.append(str(answer.error))
            elif answer.value is not None:
                return answer.value
        if problems:
            return Receipt(stored=False, message="Not stored. " + " ".join(problems))
        return Receipt(stored=False, message="Not stored: no plugin that keeps ratings is working.")

    def feedback_reasons(self) -> list[str]:
        """The reasons that the plugins offer to a person who rates an answer, each once."""
        answers = self.extensions.call("feedback_reasons", {}, _accept_reasons)
        return list(dict.fromkeys(reason for answer in answers for reason in answer.value or ()))

    def appeal(self, turn_id: str, text: str = "") -> Receipt:
        """Store that somebody says the refusal of this turn is wrong.

        Raises:
            NotFound: there is no such turn, or it was not refused.
            StoreError: the appeal could not be stored.
        """
        refusal = self.store.turn(turn_id).refusal
        if refusal is None:
            raise NotFound(f"The turn {turn_id} was not refused.", hint="Only a refusal can be appealed.")
        rule = refusal.rule
        self.store.add_appeal(
            Appeal(turn_id=turn_id, rule=rule.id, pack=rule.pack, pack_version=rule.pack_version, text=text)
        )
        return Receipt(
            stored=True,
            message=f"Your appeal against rule {rule.id} of {rule.pack} {rule.pack_version} is stored for a reviewer.",
        )

    def trace(self, turn_id: str) -> ModelTrace:
        """The model's own account of an answer. The latest ones are kept.

        Raises:
            NotFound: there is no such turn.
            BackendError: the model cannot say.
        """
        if not self.store.has_turn(turn_id):  # what was traced before is shared by everybody
            raise NotFound(f"No turn has the id {turn_id!r}.", hint="Its conversation may have been deleted.")
        return self._trace(turn_id)

    def _trace_now(self, turn_id: str) -> ModelTrace:
        record = self.store.turn(turn_id)
        name = record.trace.model.name if record.trace.model else None
        seen = record.model_copy(update={"turn": as_seen(record.turn)})
        return put_back(self.generator(name).backend.trace(seen), record)

    def explain(self, turn_id: str, word: int) -> list[Explanation]:
        """What the plugins say about where one word of an answer came from.

        Raises:
            NotFound: there is no such turn, or the answer has no such word.
            BackendError: the model cannot say.
        """
        record, trace = self.store.turn(turn_id), self.trace(turn_id)
        if not 0 <= word < len(trace.words):
            raise NotFound(f"The answer has {len(trace.words)} words; there is no word number {word} (from 0).")
        arguments = {"record": record, "trace": trace, "word": word}
        answers = self.extensions.call("explain_word", arguments, _accept_explanation)
        return [answer.value for answer in answers if answer.value is not None]


def finish(events: Iterator[Event]) -> TurnRecord:
    """Run a turn to its end and return the record, for doors that do not stream."""
    record = None
    for event in events:
        if isinstance(event, Finished):
            record = event.record
    if record is None:
        raise RuntimeError("run_turn ended without a Finished event")
    return record


def _accept_receipt(value: Any) -> Receipt | None:
    if value is None or isinstance(value, Receipt):
        return value
    raise TypeError(f"expected None or a Receipt, got {type(value).__name__}")


def _accept_reasons(value: Any) -> list[str]:
    if isinstance(value, str):
        raise TypeError("expected None or several texts, got one text")
    reasons: list[Any] = list(value or ())
    if not all(isinstance(reason, str) for reason in reasons):
        raise TypeError("expected None or several texts")
    return reasons


def _accept_explanation(value: Any) -> Explanation | None:
    if value is None or isinstance(value, Explanation):
        return value
    raise TypeError(f"expected None or an Explanation, got {type(value).__name__}")
