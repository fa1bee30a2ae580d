"""Choose the next token again and again, with cached keys and values.

Nucleus sampling after Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.
"""

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.errors import SettingsError
from assistant_vlm.tokenizer import (
    ANSWER,
    CONTROL,
    END,
    QUESTION,
    WITH_PICTURE,
    WITHOUT_PICTURE,
    Tokenizer,
    normalise_question,
)


@dataclass(frozen=True)
class GenerationSettings:
    """How to choose tokens.

    Attributes:
        max_tokens: Longest answer, in tokens; at least 1.
        temperature: 0 takes the likeliest token; above, scores are divided by it before sampling.
        top_p: Sample among the likeliest tokens that together reach this probability, in (0, 1].
        seed: Seed of the sampling; the same seed gives the same answer.

    Raises:
        SettingsError: A value is out of its range.
    """

    max_tokens: int = 48
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise SettingsError(f"expected max_tokens of at least 1, got {self.max_tokens}")
        if not self.temperature >= 0:
            raise SettingsError(f"expected a temperature of at least 0, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"expected top_p in (0, 1], got {self.top_p}")


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


def prefix_tokens(
    tokenizer: Tokenizer, question: str, history: Sequence[tuple[str, str]], picture: bool, longest: int
) -> list[int]:
    """The decoder's prefix: picture mark, earlier questions and answers, the question, and the answer mark.

    Args:
        tokenizer: The model's tokenizer.
        question: The question; where it alone is longer than `longest` tokens, its end is kept.
        history: Earlier questions and answers, oldest first; the oldest are left out until the rest fits.
        picture: Whether there is a picture.
        longest: Longest prefix, in tokens.
    """
    mark = WITH_PICTURE if picture else WITHOUT_PICTURE
    asked = tokenizer.encode(normalise_question(question))[-(longest - 3) :]
    tokens = [QUESTION, *asked, ANSWER]
    for earlier, answer in reversed(history):
        turn = [QUESTION, *tokenizer.encode(normalise_question(earlier)), ANSWER, *tokenizer.encode(answer), END]
        if 1 + len(turn) + len(tokens) > longest:
            break
        tokens = turn + tokens
    return [mark, *tokens]


def choose(logprobs: Annotated[Tensor, "vocab"], settings: GenerationSettings, generator: torch.Generator) -> int:
    """The next token by `settings`; `logprobs` are log-probabilities of the whole vocabulary."""
    if settings.temperature == 0:
        return int(logprobs.argmax())
    probabilities = (logprobs / settings.temperature).softmax(dim=-1)
    ordered, tokens = probabilities.sort(descending=True, stable=True)
    ordered = ordered.where(ordered.cumsum(0) - ordered < settings.top_p, torch.zeros(()))
    return int(tokens[torch.multinomial(ordered, 1, generator=generator)])


@torch.inference_mode()
def generate_tokens(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prefix: list[int],
    memory: CrossMemory | None,
    settings: GenerationSettings,
    should_stop: Callable[[], bool],
) -> Iterator[Step]:
    """The answer, one token at a time, until its end, `max_tokens`, or `should_stop()` (asked before each token).

    The answer has at least one token. Bytes of a character that the model never completes are left out of the text.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    cache, fresh = Cache(decoder.config), torch.tensor([prefix])
    utf8 = codecs.getincrementaldecoder("utf-8")("ignore")
    room = min(settings.max_tokens, decoder.config.max_tokens - len(prefix))
    blocked = torch.tensor([i for i in range(len(CONTROL)) if i != END])
    for index in range(room):
        if should_stop():
            return
        hidden = decoder(fresh, memory, cache=cache)
        logits = decoder.logits(hidden[0, -1])
        logits[blocked] = float("-inf")
        if index == 0:
            logits[END] = float("-inf")
        logprobs = logits.log_softmax(dim=-1)
        token = choose(logprobs, settings, generator)
        if token == END:
            return
        raw = tokenizer.bytes_of(token)
        text = utf8.decode(raw.removeprefix(b" ") if index == 0 else raw)
        yield Step(index, token, text, float(logprobs[token]))
        fresh = torch.tensor([[token]])
