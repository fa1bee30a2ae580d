"""Keys and values of the tokens so far, in memory that is taken once.

Pope et al. 2022, "Efficiently Scaling Transformer Inference", section 2.1, for what such a cache saves.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import SettingsError


class Cache:
    """Self-attention keys and values of all decoder layers, up to `room` tokens.

    Rows may be of different length (`lengths`): then each row's next token goes behind its own last one, and what lies
    behind a shorter row is not to be looked at.

    Attributes:
        tokens: How many tokens it holds; with `lengths`, in the longest row.
        lengths: How many tokens each row holds, `[batch]`; None where all hold `tokens`.
        room: Most tokens it can hold.

    Args:
        config: Shape of the network.
        room: Most tokens it can hold; by default the longest prefix and answer of the model.
        batch: Number of conversations side by side.
    """

    def __init__(self, config: ModelConfig, room: int | None = None, batch: int = 1) -> None:
        self.tokens = 0
        self.lengths: Annotated[Tensor, "batch"] | None = None
        self.room = config.max_tokens if room is None else room
        self._config = config
        shape = (2 * config.decoder_layers, batch, config.kv_heads, self.room, config.head_dim)
        self._held = torch.zeros(shape)

    @property
    def batch(self) -> int:
        """Number of conversations side by side."""
        return self._held.shape[1]

    @property
    def held(self) -> Annotated[Tensor, "layers batch kv_heads room head_dim"]:
        """The memory itself: keys of layer `i` at `2 * i`, values at `2 * i + 1`; for decoders that write there."""
        return self._held

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep a layer's new keys and values, `[batch, kv_heads, tokens, head_dim]`; all of them so far come back.

        Rows of different length take one token at a time.

        Raises:
            SettingsError: There is no room for them.
        """
        end = self.tokens + keys.shape[2]
        if end > self.room:
            raise SettingsError(f"expected at most {self.room} tokens of prefix and answer, got {end}")
        held = self._held[2 * layer : 2 * layer + 2, :, :, :end]
        if self.lengths is None:
            held[0, :, :, self.tokens :] = keys
            held[1, :, :, self.tokens :] = values
        else:
            rows = torch.arange(self.batch)
            held[0][rows, :, self.lengths] = keys[:, :, 0]
            held[1][rows, :, self.lengths] = values[:, :, 0]
        return held[0], held[1]

    def advance(self, tokens: int) -> None:
        """Count `tokens` more, after every layer has put theirs."""
        self.tokens += tokens
        if self.lengths is not None:
            self.lengths += tokens

    def cut(self, tokens: int) -> None:
        """Forget all but the first `tokens`; at most as many as there are."""
        self.tokens = min(self.tokens, max(0, tokens))
        if self.lengths is not None:
            self.lengths = self.lengths.clamp_max(self.tokens)

    def copy(self, tokens: int | None = None, room: int | None = None) -> "Cache":
        """Another cache with the first `tokens` of this one's rows, by default all, and `room` for more."""
        kept = self.tokens if tokens is None else min(tokens, self.tokens)
        other = Cache(self._config, max(kept, self.room if room is None else room), self.batch)
        other._held[:, :, :, :kept] = self._held[:, :, :, :kept]
        other.tokens = kept
        if self.lengths is not None:
            other.lengths = self.lengths.clamp_max(kept)
        return other

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        self._held = self._held[:, list(rows)]
        if self.lengths is not None:
            self.lengths = self.lengths[list(rows)]
            self.tokens = int(self.lengths.max()) if len(rows) else 0

    @classmethod
    def stacked(cls, caches: Sequence["Cache"], room: int) -> "Cache":
        """One cache of many rows from caches of one row each, which may be of different length.

        Raises:
            SettingsError: One of them does not fit into `room`.
        """
        longest = max(cache.tokens for cache in caches)
        if longest > room:
            raise SettingsError(f"expected at most {room} tokens of prefix and answer, got {longest}")
        many = cls(caches[0]._config, room, len(caches))
        for row, cache in enumerate(caches):
            many._held[:, row, :, : cache.tokens] = cache._held[:, 0, :, : cache.tokens]
        many.lengths = torch.tensor([cache.tokens for cache in caches])
        many.tokens = longest
        return many

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self._held.numel() * self._held.element_size()
