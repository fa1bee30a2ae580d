"""The types of a conversation: what was asked, what came back, and how it came about.

Every value is frozen: a plugin that gets one cannot change what the next one sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from assistant.verdicts import Frozen, Refusal, Region, Verdict

Door = Literal["browser", "cli", "api", "test"]
"""Where a question came in. Every door leads to the same ``run_turn``."""

Status = Literal["answered", "unsure", "refused", "asked", "stopped", "failed"]
"""How a turn ended. ``unsure``: the model said that it cannot tell. ``stopped``: the person stopped it; what had been
released stays. ``failed``: something broke; ``error`` says what and what to do."""


def new_id() -> str:
    """A fresh id of 32 hexadecimal digits."""
    return uuid4().hex


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class ReadText(Frozen):
    """One line of text in a picture. ``region`` is where it stands; ``confidence`` in [0, 1] is the reader's own."""

    text: str
    region: Region
    confidence: float = Field(ge=0, le=1)


class Reading(Frozen):
    """What is written in one picture, in reading order; no ``texts``: it was looked at and nothing was found.

    ``reader`` is who read it, with the version. ``complete`` is false where there is writing that was not read: too
    much of it, or in a script that the reader does not know; ``note`` then tells the person so.
    """

    reader: str
    texts: tuple[ReadText, ...] = ()
    complete: bool = True
    note: str = ""

    @property
    def text(self) -> str:
        """All of it, a line for each text."""
        return "\n".join(each.text for each in self.texts)


class ImagePart(Frozen):
    """One picture after intake: upright, in RGB, without metadata.

    ``sha256`` is over ``data``, which is a PNG or JPEG file. ``data`` stays out of every dump; the store keeps it once
    under its hash. ``notes`` tell the person what intake changed ("the first frame of 12"). ``reading`` is the text in
    it, kept with the turn so that a replay judges the same words; ``None``: nobody has read it.
    """

    sha256: str
    media_type: Literal["image/png", "image/jpeg"]
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    name: str = ""
    alt: str = ""
    notes: tuple[str, ...] = ()
    reading: Reading | None = None
    place: int | None = None
    """For a model alone: the number of the place that somebody points at, where this is cut out of a picture."""
    data: bytes = Field(default=b"", exclude=True, repr=False)


class Message(Frozen):
    """What one side said: text, and pictures where it is the person's.

    ``regions`` are the places in them that the question is about, numbered from 1 in the order of the pictures.
    """

    text: str
    images: tuple[ImagePart, ...] = ()
    regions: tuple[Region, ...] = ()


class Exchange(Frozen):
    """One earlier question with its shown answer. Refused and failed turns leave none."""

    question: Message
    answer: str


class EarlierQuestion(Frozen):
    """The text of an earlier question, and whether it was refused."""

    text: str
    refused: bool = False


class TurnSettings(Frozen):
    """What may differ from one question to the next.

    ``model``: a backend's name, or the default. ``packs``: ids of packs to apply on top of the enabled ones.
    ``temperature`` 0 is greedy. ``max_tokens`` is in the model's own tokens; ``None``: what suits the model.
    The answer ends before the first of the texts in ``stop``.
    """

    model: str | None = None
    packs: tuple[str, ...] = ()
    temperature: float = Field(default=0.0, ge=0, le=5)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=4096)
    seed: int = Field(default=0, ge=0, lt=2**32)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class Turn(Frozen):
    """A question on its way through the runtime: what every hook gets."""

    id: str = Field(default_factory=new_id)
    conversation_id: str = Field(default_factory=new_id)
    parent_id: str | None = None
    """The turn that this one follows; ``None`` for the first. A retry has the parent of the turn that it repeats."""
    door: Door = "api"
    question: Message
    history: tuple[Exchange, ...] = ()
    earlier: tuple[EarlierQuestion, ...] = Field(default=(), exclude=True, repr=False)
    """The questions that led here, oldest first, refused ones too: for the rules on the question alone. No model gets
    them, and they are not stored with the turn."""
    begun: str = Field(default="", exclude=True, repr=False)
    """The beginning of the answer, where it was written before: a model writes only what comes after it. It is not
    stored with the turn, as it is a part of the answer."""
    settings: TurnSettings = TurnSettings()
    created_at: datetime = Field(default_factory=now)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The pictures that the question is about: its own, or else the latest ones of the conversation."""
        if self.question.images:
            return self.question.images
        for exchange in reversed(self.history):
            if exchange.question.images:
                return exchange.question.images
        return ()


class HookCall(Frozen):
    """One implementation of one hook, as it ran: for the trace."""

    hook: str
    plugin: str
    phase: str
    milliseconds: float
    outcome: Literal["ok", "crash", "timeout", "wrong_type", "switched_off"]
    detail: str = ""


class VerdictRecord(Frozen):
    """A verdict with the place where it fell."""

    stage: Literal["question", "answer"]
    plugin: str
    verdict: Verdict


class CheckResult(Frozen):
    """What the rules say about one text, without a model being asked. ``refusal`` is ``None`` where it may pass."""

    refusal: Refusal | None
    verdicts: tuple[VerdictRecord, ...] = ()
    hooks: tuple[HookCall, ...] = ()
    milliseconds: float = Field(ge=0)


class ModelInfo(Frozen):
    """Which model answered: enough to answer the same way again.

    ``reader``: the answer only quotes what this reader read in a picture; the model wrote nothing of it.
    """

    name: str
    version: str = ""
    fingerprint: str = ""
    adapter: str = ""
    reader: str = ""


class TokenCount(Frozen):
    """How many of its own tokens a model read and wrote; pictures count for none.

    ``cut_off``: the answer ended because no more could be written.
    """

    read: int = Field(ge=0)
    written: int = Field(ge=0)
    cut_off: bool = False


class PackStamp(Frozen):
    """A constitution pack as it was in force: ``sha256`` is over its file; ``granted`` are the rules of other packs to
    which an operator let it add its exceptions."""

    id: str
    version: str
    sha256: str
    granted: tuple[str, ...] = ()


class Trace(Frozen):
    """How a turn came about. The page, the API and the export all read this one object.

    ``timings`` are milliseconds by step. ``draft_changes`` are (before, after) pairs of a revised answer; in the
    first text, the characters that a rule marked are blacked out. ``packs`` maps the id of each pack in force to its
    version; ``pack_stamps`` has their hashes too.
    """

    hooks: tuple[HookCall, ...] = ()
    verdicts: tuple[VerdictRecord, ...] = ()
    model: ModelInfo | None = None
    tokens: TokenCount | None = None
    """What the model read and wrote; ``None`` where it did not say."""
    first_text_ms: float | None = Field(default=None, ge=0)
    """Milliseconds until the first text of the answer could be shown; ``None`` where none was."""
    packs: dict[str, str] = Field(default_factory=dict)
    pack_stamps: tuple[PackStamp, ...] = ()
    settings: TurnSettings = TurnSettings()
    timings: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    draft_changes: tuple[tuple[str, str], ...] = ()
    backend_state: dict[str, Any] = Field(default_factory=dict)
    """What the backend needs to trace this answer again (token ids, per-token log probabilities)."""


class TurnRecord(Frozen):
    """A finished turn: what is shown, stored, exported and replayed."""

    turn: Turn
    status: Status
    answer: str = ""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """The calibrated probability that the answer is right, where the backend gives one."""
    refusal: Refusal | None = None
    error: str = ""
    edited_from: str | None = None
    """The turn whose answer a person changed into this one; ``None`` for what a model wrote."""
    trace: Trace = Trace()
    finished_at: datetime = Field(default_factory=now)

    @property
    def id(self) -> str:
        """The id of the turn."""
        return self.turn.id

    @property
    def shown(self) -> str:
        """The text that the person sees as the answer, whatever way the turn ended."""
        if self.refusal is not None:
            return self.refusal.as_text()
        if self.status == "failed":
            return self.error
        if self.status == "stopped" and not self.answer:
            return "Stopped before a word was written."
        return self.answer


class Feedback(Frozen):
    """One rating as it was given. Events are never changed: a new one replaces the old, ``none`` takes it back."""

    id: str = Field(default_factory=new_id)
    turn_id: str
    rating: Literal["up", "down", "none"]
    reasons: tuple[str, ...] = ()
    text: str = Field(default="", max_length=10_000)
    correction: str = Field(default="", max_length=10_000)
    created_at: datetime = Field(default_factory=now)


class Appeal(Frozen):
    """Somebody says that a refusal is wrong, and a reviewer decides.

    ``reviewer``, ``reason`` and ``decided_at`` are those of the decision; empty while it is open.
    """

    id: str = Field(default_factory=new_id)
    turn_id: str
    rule: str
    pack: str
    pack_version: str
    text: str = Field(default="", max_length=10_000)
    status: Literal["open", "upheld", "overturned"] = "open"
    created_at: datetime = Field(default_factory=now)
    reviewer: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=2_000)
    decided_at: datetime | None = None


class Receipt(Frozen):
    """What became of a rating or an appeal, in a sentence for the person who gave it."""

    stored: bool
    message: str


def earlier_questions(path: Sequence[TurnRecord]) -> tuple[EarlierQuestion, ...]:
    """The questions of the turns that lead to one, oldest first, for `Turn.earlier`.

    One that was answered with a question back, or whose answer was refused, was not refused itself.
    """
    return tuple(
        EarlierQuestion(
            text=each.turn.question.text,
            refused=each.refusal is not None and (each.refusal.stage, each.refusal.action) == ("question", "refuse"),
        )
        for each in path
    )
