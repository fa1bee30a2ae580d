"""Read what comes before the answer, and no more of it than has changed since the last question."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.conversations import Conversations
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.network import Network
from assistant_vlm.picture import EncodedImage, Pictures
from assistant_vlm.prefix import Prefix
from assistant_vlm.sites import Sites
from assistant_vlm.stepper import DecoderStepper, Stepper


@dataclass(frozen=True, eq=False)
class Reading:
    """A prefix that has been read.

    Attributes:
        prefix: What was read.
        cache: Its keys and values, in this reading's hands alone.
        logits: Scores of the first token of the answer; they are kept too, so they must stay as they are.
        memory: What the answer's tokens look at; None without a picture.
        stepper: How to go on.
        picture: Key of the picture, under which the cache is kept; None to keep nothing.
        reused: How many tokens were found read.
        sites: Who watches.
    """

    prefix: Prefix
    cache: Cache
    logits: Annotated[Tensor, "vocab"]
    memory: CrossMemory | None
    stepper: Stepper
    picture: str | None
    reused: int
    sites: Sites | None = None


class Reader:
    """Reads prefixes with what is kept of pictures and chats.

    Args:
        network: The network.
        stepper: How to decode when nobody watches.
        picture_bytes: Memory for pictures.
        text_bytes: Memory for chats.
    """

    def __init__(self, network: Network, stepper: Stepper, picture_bytes: int, text_bytes: int) -> None:
        self.network, self.stepper = network, stepper
        self.pictures = Pictures(network, picture_bytes)
        self.conversations = Conversations(network.config, text_bytes)

    def read(self, prefix: Prefix, image: EncodedImage | None, sites: Sites | None = None) -> Reading:
        """Read a prefix; hand the cache back with `keep`.

        With fusion each turn is read by itself, since it looks at a memory of its own.

        Args:
            prefix: What to read.
            image: The picture that it is about.
            sites: Who watches: then nothing kept is used, and nothing is kept.
        """
        picture = None if sites is not None or (image is not None and not image.key) else image.key if image else ""
        cache, logits = Cache(self.network.config), None
        if picture is not None:
            cache, logits = self.conversations.take(picture, prefix)
        reused, tokens = cache.tokens, list(prefix.tokens)
        stepper = self.stepper if sites is None else DecoderStepper(self.network.decoder, sites)
        if image is None or self.network.fusion is None:
            spans = [(len(tokens), prefix.turns[-1].question)]
        else:
            spans = [(turn.end, turn.question) for turn in prefix.turns if turn.end > reused or turn.end == len(tokens)]
        memory = None
        for end, question in spans:
            memory = None if image is None else self.pictures.memory(image, question, sites)
            if end > cache.tokens:
                logits = stepper.prefill(tokens[cache.tokens : end], memory, cache)
        assert logits is not None
        return Reading(prefix, cache, logits, memory, stepper, picture, reused, sites)

    def keep(self, reading: Reading, answer: list[int]) -> None:
        """Keep the cache of a reading for the next turn; `answer` are the tokens read after the prefix."""
        if reading.picture is not None:
            tokens = (*reading.prefix.tokens, *answer)
            prefix = len(reading.prefix.tokens)
            self.conversations.give(reading.picture, tokens, prefix, reading.cache, reading.logits)

    def read_history(self, prefix: Prefix, image: EncodedImage) -> Cache:
        """Keys and values of all turns but the last, in a cache of the caller's own."""
        cache = Cache(self.network.config)
        for turn in prefix.turns[:-1]:
            memory = self.pictures.memory(image, turn.question)
            self.stepper.prefill(list(prefix.tokens[turn.begin : turn.end]), memory, cache)
        return cache

    def forget(self) -> None:
        """Drop everything that is kept; needed when weights change."""
        self.pictures.forget()
        self.conversations.forget()
