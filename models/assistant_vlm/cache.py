"""Keys and values of the tokens so far, in memory that is taken once."""

import torch
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import SettingsError


class Cache:
    """Self-attention keys and values of all decoder layers, up to `room` tokens.

    Attributes:
        tokens: How many tokens it holds.

    Args:
        config: Shape of the network.
        room: Most tokens it can hold; by default the longest prefix and answer of the model.
        batch: Number of conversations side by side.
    """

    def __init__(self, config: ModelConfig, room: int | None = None, batch: int = 1) -> None:
        self.tokens = 0
        self.room = config.max_tokens if room is None else room
        shape = (2 * config.decoder_layers, batch, config.kv_heads, self.room, config.head_dim)
        self._held = torch.zeros(shape)

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep a layer's new keys and values, `[batch, kv_heads, tokens, head_dim]`; all of them so far come back.

        Raises:
            SettingsError: There is no room for them.
        """
        end = self.tokens + keys.shape[2]
        if end > self.room:
            raise SettingsError(f"expected at most {self.room} tokens of prefix and answer, got {end}")
        held = self._held[2 * layer : 2 * layer + 2, :, :, :end]
        held[0, :, :, self.tokens :] = keys
        held[1, :, :, self.tokens :] = values
        return held[0], held[1]

    def advance(self, tokens: int) -> None:
        """Count `tokens` more, after every layer has put theirs."""
        self.tokens += tokens

    def cut(self, tokens: int) -> None:
        """Forget all but the first `tokens`; at most as many as there are."""
        self.tokens = min(self.tokens, max(0, tokens))

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self._held.numel() * self._held.element_size()
