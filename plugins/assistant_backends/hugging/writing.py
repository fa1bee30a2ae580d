"""Let a model write, token by token, with a seed of its own and a stop that is felt at the next token."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant_backends.hugging.loading import Loaded
from assistant_backends.hugging.prompting import Prompt


@dataclass(frozen=True, slots=True)
class Written:
    """One token: its number, the text that it adds (perhaps none), and the logarithm of its probability."""

    token: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Chance:
    """How a token is chosen: ``temperature`` 0 takes the likeliest."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


def write(model: Loaded, prompt: Prompt, chance: Chance, should_stop: Callable[[], bool]) -> Iterator[Written]:
    """The answer, token by token, after what the prompt has of it. It is over when the model says so, at the prompt's
    ``room``, or on a stop.

    Closing the iterator stops the model and waits for it.
    """
    steps: queue.SimpleQueue[tuple[int, float] | BaseException | None] = queue.SimpleQueue()
    left = threading.Event()
    chooser = chooser_of(chance, lambda token, logprob: steps.put((token, logprob)))

    def run() -> None:
        try:
            generate(model, prompt.with_begun(), prompt.room, chooser, lambda: left.is_set() or should_stop())
            steps.put(None)
        except BaseException as error:
            steps.put(error)

    thread = threading.Thread(target=run, name="glassbox-hugging", daemon=True)
    thread.start()
    ends = ends_of(model)
    text = Text(model)
    text.add_whole(prompt.begun)
    pending: tuple[int, float] | None = None
    try:
        while (step := steps.get()) is not None:
            if isinstance(step, BaseException):
                raise step
            if pending is not None:
                yield Written(pending[0], text.add(pending[0]), pending[1])
            pending = step
        if pending is not None:
            token, logprob = pending
            last = "" if token in ends else text.add(token)
            yield Written(token, last + text.rest(), logprob)
    finally:
        left.set()
        thread.join()


def generate(model: Loaded, inputs: Any, room: int, chooser: Any, should_stop: Callable[[], bool]) -> None:
    """Run the model's own generation, with a chooser in place of its sampling."""
    import torch
    from transformers import LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

    class Stopped(StoppingCriteria):
        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            return torch.full((input_ids.shape[0],), should_stop(), dtype=torch.bool, device=input_ids.device)

    with torch.inference_mode():
        model.network.generate(
            **inputs,
            max_new_tokens=room,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([Stopped()]),
        )


def chooser_of(chance: Chance, tell: Callable[[int, float], None]) -> Any:
    """A logits processor that chooses the token itself, from a generator of its own: neither other models nor other
    threads change what a seed gives."""
    import torch
    from transformers import LogitsProcessor

    class Chooser(LogitsProcessor):
        def __init__(self) -> None:
            self._random = torch.Generator().manual_seed(chance.seed)

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            logprobs = torch.log_softmax(scores[0].float().cpu(), -1)
            if chance.temperature == 0:
                token = int(logprobs.argmax())
            else:
                likely = torch.softmax(logprobs / chance.temperature, -1)
                token = int(torch.multinomial(_nucleus(likely, chance.top_p), 1, generator=self._random))
            tell(token, float(logprobs[token]))
            return only(scores, token)

    return Chooser()


def repeater_of(tokens: Sequence[int], tell: Callable[[float], None]) -> Any:
    """A logits processor that writes given tokens once more, and tells the logarithm of the probability of each."""
    import torch
    from transformers import LogitsProcessor

    class Repeater(LogitsProcessor):
        def __init__(self) -> None:
            self._left = iter(tokens)

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            token = next(self._left, tokens[-1])
            tell(float(torch.log_softmax(scores[0].float(), -1)[token]))
            return only(scores, token)

    return Repeater()


def only(scores: Any, token: int) -> Any:
    """Scores that leave one token."""
    import torch

    chosen = torch.full_like(scores, float("-inf"))
    chosen[:, token] = 0
    return chosen


def ends_of(model: Loaded) -> set[int]:
    """The tokens with which the model ends an answer."""
    found = model.network.generation_config.eos_token_id
    return set(found) if isinstance(found, list) else {found} - {None}


class Text:
    """Turns tokens into text as they come. A character of several tokens comes with the last of them."""

    def __init__(self, model: Loaded) -> None:
        self._decode = model.tokenizer.decode
        self._tokens: list[int] = []
        self._from = 0
        self._shown = 0

    def add(self, token: int) -> str:
        """What this token adds."""
        self._tokens.append(token)
        before, after = self._texts()
        if after.endswith("\ufffd") or len(after) < len(before):
            return ""
        self._from, self._shown = self._shown, len(self._tokens)
        return after[len(before) :]

    def add_whole(self, tokens: Sequence[int]) -> list[str]:
        """What each of some tokens adds that are a text by themselves."""
        pieces = [self.add(token) for token in tokens]
        return [*pieces[:-1], pieces[-1] + self.rest()] if pieces else []

    def rest(self) -> str:
        """What is still held back, where nothing more comes."""
        before, after = self._texts()
        self._from = self._shown = len(self._tokens)
        return after[len(before) :]

    def _texts(self) -> tuple[str, str]:
        """A window of the text, without and with the tokens that are not shown yet: how a token is written may depend
        on the one before it."""
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        before = self._decode(self._tokens[self._from : self._shown], **options)
        return before, self._decode(self._tokens[self._from :], **options)


def _nucleus(likely: Any, top_p: float) -> Any:
    """The likeliest tokens that together have at least ``top_p``; the others get 0."""
    if top_p >= 1:
        return likely
    ordered, places = likely.sort(descending=True)
    ordered[ordered.cumsum(0) - ordered >= top_p] = 0
    return likely.new_zeros(likely.shape).scatter(0, places, ordered)
