"""The narrow place where another decoder can be plugged in: read a prefix, then one token at a time."""

from typing import Annotated, Protocol

import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.sites import Sites


class Stepper(Protocol):
    """What generation needs of a decoder.

    Both methods read tokens that come after those in `cache`, put their keys and values there as `Cache.put` would, and
    advance it: a cache that one stepper has filled can be used by another. Neither changes `memory`. Callers hold
    `torch.inference_mode`. The logits may be overwritten by the caller, and by the next call.
    """

    def prefill(self, tokens: list[int], memory: CrossMemory | None, cache: Cache) -> Annotated[Tensor, "vocab"]:
        """Scores of the token after `tokens`, of which there is at least one, for a cache of one row."""
        ...

    def step(
        self, tokens: Annotated[Tensor, "batch"], cache: Cache, memory: CrossMemory | None
    ) -> Annotated[Tensor, "batch vocab"]:
        """Scores of the token after one more token in each row; rows of `cache` may be of different length.

        Args:
            tokens: One token id for each row of `cache`.
            cache: What the rows have said so far.
            memory: With `batch` rows, or with one row for all.
        """
        ...


class DecoderStepper:
    """The plain decoder in torch; the one that can be watched and edited.

    Args:
        decoder: The network's decoder.
        sites: Who watches.
    """

    def __init__(self, decoder: Decoder, sites: Sites | None = None) -> None:
        self.decoder, self.sites = decoder, sites

    def prefill(self, tokens: list[int], memory: CrossMemory | None, cache: Cache) -> Annotated[Tensor, "vocab"]:
        """See `Stepper.prefill`."""
        hidden = self.decoder(torch.tensor([tokens]), memory, cache=cache, sites=self.sites)
        return self.decoder.logits(hidden[:, -1:], self.sites)[0, 0]

    def step(
        self, tokens: Annotated[Tensor, "batch"], cache: Cache, memory: CrossMemory | None
    ) -> Annotated[Tensor, "batch vocab"]:
        """See `Stepper.step`."""
        positions = allowed = None
        if cache.lengths is not None:
            positions = cache.lengths[:, None].clone()
            allowed = (torch.arange(cache.tokens + 1) <= positions)[:, None, None]
        hidden = self.decoder(
            tokens[:, None], memory, positions=positions, allowed=allowed, cache=cache, sites=self.sites
        )
        return self.decoder.logits(hidden, self.sites)[:, 0]
