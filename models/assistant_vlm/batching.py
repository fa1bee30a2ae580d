"""Answer several chats side by side.

Each prefix is read by itself, with what is kept of its chat; then all rows take their next token together. A row that
ends leaves the batch. Only rows whose memory has as many keys are side by side: pictures of one size, questions of one
length where the fusion adds them, chats without a picture among themselves.

The products of a batch are summed in another order than those of one row, so logits differ in the last bits of float32
(by less than 1e-4 at the default shape); answers are the same unless two tokens are closer to each other than that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.picking import answer_logprobs, pick
from assistant_vlm.picture import EncodedImage
from assistant_vlm.prefix import Cut
from assistant_vlm.reader import Reading
from assistant_vlm.settings import GenerationSettings
from assistant_vlm.stepper import Stepper
from assistant_vlm.tokenizer import END, Tokenizer
from assistant_vlm.writing import Step, Writer


@dataclass(frozen=True, eq=False)
class Request:
    """One question of one chat; see `LoadedModel.generate`."""

    image: EncodedImage | None
    question: str
    history: Sequence[tuple[str, str]] = ()
    settings: GenerationSettings = GenerationSettings()


@dataclass(frozen=True)
class Answer:
    """A whole answer, and what of its chat was left out."""

    steps: tuple[Step, ...]
    cut: Cut

    @property
    def text(self) -> str:
        """What the steps add up to."""
        return "".join(step.text for step in self.steps)


class Row:
    """One answer on its way.

    Attributes:
        steps: What is written so far.
        token: The token chosen last; meaningless once it is `done`.
        done: Whether the answer has ended.

    Args:
        reading: The question, read.
        tokenizer: The model's tokenizer.
        settings: How to choose tokens; beams are not looked at.
        room: Most tokens.
    """

    def __init__(self, reading: Reading, tokenizer: Tokenizer, settings: GenerationSettings, room: int) -> None:
        self.reading, self.room = reading, room
        self.steps: list[Step] = []
        self.token, self.done = END, False
        self._settings = settings
        self._writer = Writer(tokenizer, settings.stops)
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._count = 0

    def choose(self, logprobs: Tensor) -> None:
        """Choose the next token from the log-probabilities of the vocabulary."""
        self.token = pick(logprobs, self._settings, self._generator)
        if self.token != END:
            self.steps += self._writer.add(self.token, float(logprobs[self.token]))
            self._count += 1
        self.done = self.token == END or self._writer.stopped or self._count == self.room
        if self.done and not self._writer.stopped:
            self.steps += self._writer.rest()


def write_together(rows: Sequence[Row], stepper: Stepper, should_stop: Callable[[], bool]) -> None:
    """Write the answers of rows that fit side by side, until all are done or `should_stop()`, asked at each token."""
    logits = torch.stack([row.reading.logits for row in rows])
    room = max(row.reading.cache.tokens + row.room for row in rows)
    cache = Cache.stacked([row.reading.cache for row in rows], room)
    memory = _joined([row.reading.memory for row in rows])
    live, first = list(rows), True
    while True:
        for row, logprobs in zip(live, answer_logprobs(logits, first), strict=True):
            row.choose(logprobs)
        staying = [i for i, row in enumerate(live) if not row.done]
        if not staying or should_stop():
            return
        if len(staying) < len(live):
            live = [live[i] for i in staying]
            cache.keep(staying)
            if memory is not None and len(memory[0][0]) > 1:
                memory = [(keys[staying], values[staying]) for keys, values in memory]
        logits, first = stepper.step(torch.tensor([row.token for row in live]), cache, memory), False


def memory_keys(row: Row) -> int:
    """How many keys the memory of a row has; rows with as many fit side by side."""
    memory = row.reading.memory
    return 0 if memory is None else memory[0][0].shape[2]


def _joined(memories: Sequence[CrossMemory | None]) -> CrossMemory | None:
    """One memory for all rows; of one row where all look at the same."""
    given = [memory for memory in memories if memory is not None]
    if not given or all(memory is given[0] for memory in given):
        return given[0] if given else None
    return [
        (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
        for layer in zip(*given, strict=True)
    ]
