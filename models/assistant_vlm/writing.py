"""From chosen tokens to the text they add, and where the text must end.

A token may be part of a character, and the start of a stop string must not be shown before it is known not to be one.
"""

import codecs
from dataclasses import dataclass, replace

from assistant_vlm.tokenizer import Tokenizer


@dataclass(frozen=True)
class Step:
    """One generated token.

    Attributes:
        index: 0 for the first token of the answer.
        token_id: The token.
        text: What it adds to the answer; empty while the bytes of a character are incomplete.
        logprob: Natural logarithm of its probability before temperature and nucleus, at most 0.
    """

    index: int
    token_id: int
    text: str
    logprob: float


class Writer:
    """Turns the tokens of one answer into steps.

    Attributes:
        stopped: Whether a stop string was met; nothing more may be added.

    Args:
        tokenizer: The model's tokenizer.
        stops: The answer ends before the first of these; steps are held back while their text may be the start of one.
    """

    def __init__(self, tokenizer: Tokenizer, stops: tuple[str, ...] = ()) -> None:
        self._tokenizer, self._stops = tokenizer, stops
        self._utf8 = codecs.getincrementaldecoder("utf-8")("ignore")
        self._held: list[Step] = []
        self._count = 0
        self.stopped = False

    def add(self, token: int, logprob: float) -> list[Step]:
        """The steps that can be shown now."""
        raw = self._tokenizer.bytes_of(token)
        text = self._utf8.decode(raw.removeprefix(b" ") if self._count == 0 else raw)
        step = Step(self._count, token, text, logprob)
        self._count += 1
        if not self._stops:
            return [step]
        self._held.append(step)
        return self._released()

    def rest(self) -> list[Step]:
        """The steps held back, when the answer ends without a stop string."""
        held, self._held = self._held, []
        return held

    def _released(self) -> list[Step]:
        text = "".join(step.text for step in self._held)
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._cut_at(min(found))
        begun = min((at for stop in self._stops if (at := _begin(text, stop)) is not None), default=len(text))
        ready, length = 0, 0
        for step in self._held:
            length += len(step.text)
            if length > begun:
                break
            ready += 1
        ready_steps, self._held = self._held[:ready], self._held[ready:]
        return ready_steps

    def _cut_at(self, end: int) -> list[Step]:
        steps: list[Step] = []
        for step in self.rest():
            if end <= 0:
                break
            steps.append(replace(step, text=step.text[:end]))
            end -= len(step.text)
        return steps


def _begin(text: str, stop: str) -> int | None:
    """Where the end of `text` may be the beginning of `stop`."""
    for at in range(max(0, len(text) - len(stop) + 1), len(text)):
        if stop.startswith(text[at:]):
            return at
    return None
