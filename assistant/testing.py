"""For the tests of Glassbox and of anybody's plugin: a model that says what it is told, a runtime, a kit of faults.

Example:
    >>> runtime = make_runtime(tmp_path, model=FakeModel("a red circle"), plugins=[("mine", my_plugin)])
    >>> record = ask(runtime, "what is this?")
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from assistant.backends import AnswerEnd, Backend, Delta, ModelTrace, Word
from assistant.intake import ImageSource
from assistant.marks import hookimpl
from assistant.messages import ImagePart, ModelInfo, Turn, TurnRecord
from assistant.runtime import Question, Runtime, finish
from assistant.settings import Settings
from assistant.verdicts import Rule, Span, Verdict

Fault = Literal["raise", "hang", "none", "wrong_type", "mutate", "exit"]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class FakeModel:
    """A model without weights. It answers every question with the same text, one word at a time.

    Args:
        answer: what it says; a function gets the turn.
        confidence: what it claims about its answer.
        unsure: whether it says that it cannot tell.
        seconds_per_word: how slow it is.
        fault: what goes wrong in ``stream``, if anything.
    """

    title = "A model for tests"
    licence = "Apache-2.0"
    can_trace = True
    can_go_on = True
    size = "no weights"
    notice = ""

    def __init__(
        self,
        answer: str | Callable[[Turn], str] = "a red circle",
        *,
        name: str = "fake",
        confidence: float | None = 0.9,
        unsure: bool = False,
        seconds_per_word: float = 0.0,
        fault: Fault | None = None,
    ) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self._answer = answer
        self._confidence = confidence
        self._unsure = unsure
        self._seconds = seconds_per_word
        self._fault: Fault | None = fault

    def load(self) -> None:
        """Nothing to load."""

    def info(self) -> ModelInfo:
        """A fixed fingerprint."""
        return ModelInfo(name=self.name, version="0", fingerprint=sha256(self.name.encode()).hexdigest())

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """Nothing to prepare."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """The answer, word by word."""
        self.turns.append(turn)
        if self._fault:
            yield commit(self._fault, turn)
        answer = self._answer if isinstance(self._answer, str) else self._answer(turn)
        answer = answer.removeprefix(turn.begun)
        for number, word in enumerate(answer.split(" ")):
            if should_stop():
                return
            time.sleep(self._seconds)
            yield Delta(word if number == 0 else " " + word)
        yield AnswerEnd(confidence=self._confidence, unsure=self._unsure)

    def trace(self, record: TurnRecord) -> ModelTrace:
        """One token for each word, looking at one cell each."""
        import numpy as np

        words: list[Word] = []
        position = 0
        for number, text in enumerate(record.answer.split(" ")):
            words.append(Word(text, position, position + len(text), number, number))
            position += len(text) + 1
        if not record.turn.images:
            return ModelTrace(words=tuple(words))
        attention = np.zeros((len(words), 2, 2, 4, 4), dtype=np.float32)
        for number in range(len(words)):
            attention[number, :, :, (number // 4) % 4, number % 4] = 1.0
        return ModelTrace(words=tuple(words), cross_attention=(attention,) * len(record.turn.images))


def commit(fault: Fault, value: Any = None) -> Any:
    """Do what the fault says, with ``value`` as the thing to change; returns what is left to return."""
    match fault:
        case "raise":
            raise ValueError("a planted fault")
        case "hang":
            time.sleep(3600)
        case "none":
            return None
        case "wrong_type":
            return 42
        case "mutate":
            vars(value)["question"] = value.question.model_copy(update={"text": "changed by a plugin"})
            return None
        case "exit":
            sys.exit(3)
    return None


class FaultyPlugin:
    """A plugin whose checking hook does the fault.

    Args:
        fault: what it does.
        hook: where.
        on_failure: what it declares.
    """

    def __init__(
        self,
        fault: Fault,
        hook: Literal["before_turn", "check_segment", "after_turn", "turn_finished"] = "before_turn",
        on_failure: Literal["closed", "open"] | None = None,
        time_limit: float = 0.3,
    ) -> None:
        def before_turn(turn: Turn) -> Any:
            return commit(fault, turn)

        def check_segment(turn: Turn, released: str, segment: str) -> Any:
            return commit(fault, turn)

        def after_turn(turn: Turn, answer: str) -> Any:
            return commit(fault, turn)

        def turn_finished(record: TurnRecord) -> Any:
            return commit(fault, record.turn)

        functions = {
            "before_turn": before_turn,
            "check_segment": check_segment,
            "after_turn": after_turn,
            "turn_finished": turn_finished,
        }
        setattr(self, hook, hookimpl(on_failure=on_failure, time_limit=time_limit)(functions[hook]))


FORBIDDEN_RULE = Rule(
    id="test.forbidden",
    title="No forbidden things",
    text="Nothing forbidden is talked about.",
    pack="test-pack",
    pack_version="1.2",
    instead="Ask about something allowed.",
    references=("GDPR Art. 17",),
)


class ForbiddenWord:
    """A plugin that refuses one word under `FORBIDDEN_RULE`, and marks it.

    Args:
        word: what it looks for.
        hooks: where it looks.
    """

    def __init__(
        self,
        word: str = "forbidden",
        hooks: Collection[Literal["before_turn", "check_segment", "after_turn"]] = ("before_turn", "check_segment"),
    ) -> None:
        def look(text: str, part: Literal["question", "answer"]) -> Verdict | None:
            at = text.find(word)
            if at < 0:
                return None
            span = Span(part=part, start=at, end=at + len(word))
            return Verdict(
                action="refuse", rule=FORBIDDEN_RULE, evaluator="lexical", spans=(span,), score=0.97, threshold=0.5
            )

        def before_turn(turn: Turn) -> Verdict | None:
            return look(turn.question.text, "question")

        def check_segment(released: str, segment: str) -> Verdict | None:
            return look(released + segment, "answer")

        def after_turn(answer: str) -> Verdict | None:
            return look(answer, "answer")

        functions: dict[str, Callable[..., Verdict | None]] = {
            "before_turn": before_turn,
            "check_segment": check_segment,
            "after_turn": after_turn,
        }
        for hook in hooks:
            setattr(self, hook, hookimpl(functions[hook]))


class _Backends:
    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        return self._backends


def make_runtime(
    folder: Path,
    *,
    model: Backend | None = None,
    plugins: Sequence[tuple[str, object]] = (),
    discover: bool = False,
    **settings: Any,
) -> Runtime:
    """A runtime that keeps everything in ``folder`` and answers with ``model``.

    Without ``discover`` the installed plugins are left out, and none is required; with it, they work as for a user.
    """
    model = model or FakeModel()
    values: dict[str, Any] = {"data_dir": folder, "model": model.name}
    if not discover:
        values["required_plugins"] = frozenset[str]()
    return Runtime(
        Settings(**(values | settings)),
        plugins=[("test_backends", _Backends([model])), *plugins],
        discover=discover,
    )


def ask(
    runtime: Runtime, text: str, images: Sequence[ImageSource] = (), conversation_id: str | None = None
) -> TurnRecord:
    """Ask one question at the end of a conversation and wait for the finished turn."""
    question = runtime.follow(conversation_id, Question(text, images, door="test"))
    return finish(runtime.run_turn(question))


def picture(colour: str = "red", size: tuple[int, int] = (96, 64), format: str = "PNG") -> bytes:
    """The bytes of a picture with a square in the middle."""
    from PIL import Image

    image = Image.new("RGB", size, "white")
    width, height = size
    image.paste(Image.new("RGB", (width // 2, height // 2), colour), (width // 4, height // 4))
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


def written(
    *lines: str,
    size: float = 28,
    colour: str = "black",
    ground: str = "white",
    turned: float = 0,
    font: str | None = None,
    margin: int = 24,
) -> bytes:
    """The bytes of a PNG with text on it.

    Args:
        lines: one below the other.
        size: of the letters, in pixels.
        colour: of the letters.
        ground: the colour behind them.
        turned: against the clock, in degrees; the picture grows so that nothing is cut off.
        font: a font file; left out, the one that comes with Pillow, which knows Latin letters only.
        margin: around the text, in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
    step = round(size * 1.5)
    width = max((round(face.getlength(line)) for line in lines), default=1)
    image = Image.new("RGB", (width + 2 * margin, step * len(lines) + 2 * margin), ground)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, margin + number * step), line, fill=colour, font=face)
    if turned:
        image = image.rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=ground)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
