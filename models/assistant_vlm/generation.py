"""Choose the next token again and again, with cached keys and values."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.picking import answer_logprobs, pick
from assistant_vlm.reader import Reading
from assistant_vlm.settings import GenerationSettings
from assistant_vlm.tokenizer import END, Tokenizer
from assistant_vlm.trie import Trie
from assistant_vlm.writing import Step, Writer

__all__ = ["GenerationSettings", "Step", "Walk", "answer_room", "generate_tokens"]


def answer_room(settings: GenerationSettings, prefix: int, most: int, trie: Trie | None) -> int:
    """Most tokens of an answer, its end included where it is held to a list: an option is always written whole.

    Args:
        settings: How to choose.
        prefix: Tokens before the answer.
        most: Most tokens of prefix and answer.
        trie: The answers allowed; None for any.

    Raises:
        SettingsError: An option is longer than there is room.
    """
    if trie is None:
        return min(settings.max_tokens, most - prefix)
    trie.check_room(most - prefix)
    return trie.longest + 1


class Walk:
    """Where an answer stands that is held to a list of options."""

    def __init__(self, trie: Trie, node: int = 0) -> None:
        self._trie, self._node = trie, node

    def allowed(self, logprobs: Annotated[Tensor, "vocab"]) -> Annotated[Tensor, "vocab"]:
        """The log-probabilities with those of tokens that lead to no option at minus infinity."""
        tokens = list(self._trie.children[self._node])
        if self._trie.option[self._node] >= 0:
            tokens.append(END)
        limited = torch.full_like(logprobs, float("-inf"))
        limited[tokens] = logprobs[tokens]
        return limited

    def after(self, token: int) -> "Walk":
        """The way after a token that is allowed and not the end."""
        return Walk(self._trie, self._trie.children[self._node][token])


@torch.inference_mode()
def generate_tokens(
    reading: Reading,
    tokenizer: Tokenizer,
    settings: GenerationSettings,
    room: int,
    walk: Walk | None,
    should_stop: Callable[[], bool],
    read: list[int],
    begun: Sequence[int] = (),
) -> Iterator[Step]:
    """The answer, one token at a time, until its end, `room` tokens, a stop string, or `should_stop()`.

    The answer has at least one token. Bytes of a character that the model never completes are left out of the text.

    Args:
        reading: The question, read.
        tokenizer: The model's tokenizer.
        settings: How to choose tokens; beams are not looked at.
        room: Most tokens.
        walk: Holds the answer to a closed list; None for free text.
        should_stop: Asked before each token but the first.
        read: Gets the tokens that went into the cache.
        begun: The first tokens of the answer, which are not chosen.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    writer = Writer(tokenizer, settings.stops)
    fresh = torch.empty(1, dtype=torch.long)
    logits, token = reading.logits.clone(), END
    for index in range(room):
        if index:
            if should_stop():
                break
            fresh[0] = token
            logits = reading.stepper.step(fresh, reading.cache, reading.memory)[0]
            read.append(token)
        logprobs = answer_logprobs(logits, first=index == 0)
        token = pick(logprobs if walk is None else walk.allowed(logprobs), settings, generator)
        if index < len(begun):  # picked all the same: what is drawn after it is then as if it had been chosen
            token = begun[index]
        if token == END:
            break
        if walk is not None:
            walk = walk.after(token)
        yield from writer.add(token, float(logprobs[token]))
        if writer.stopped:
            return
    yield from writer.rest()
