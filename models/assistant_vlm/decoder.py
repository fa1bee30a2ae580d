"""From tokens to the next token: causal self-attention and cross-attention to the patches in every layer.

Prompt and history are simply the first tokens; without a picture the cross-attention is left out and adds nothing.
Block layout after Vaswani et al. 2017, section 3.1; changed: normalised before each part, rotary positions in the
self-attention, output weights tied to the embedding (Press and Wolf 2017).
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor, nn

from assistant_vlm.attention import Attention, Heads, Pattern, attend, attend_watched
from assistant_vlm.config import ModelConfig
from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.norm import RMSNorm
from assistant_vlm.rotary import rotary_table, rotate

CrossMemory = list[tuple[Heads, Heads]]
"""Cross-attention keys and values of each decoder layer, computed once for each picture."""


@dataclass
class Cache:
    """Self-attention keys and values of the tokens so far, one pair for each layer."""

    layers: list[tuple[Heads, Heads]] = field(default_factory=list[tuple[Heads, Heads]])

    @property
    def tokens(self) -> int:
        """How many tokens it holds."""
        return self.layers[0][0].shape[2] if self.layers else 0


class DecoderBlock(nn.Module):
    """Look back at the tokens, look at the picture, think."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_norm = RMSNorm(config.dim)
        self.self_attention = Attention(config.dim, config.heads, config.kv_heads)
        self.cross_norm = RMSNorm(config.dim)
        self.cross_attention = Attention(config.dim, config.heads, config.kv_heads)
        self.mlp_norm = RMSNorm(config.dim)
        self.mlp = FeedForward(config.dim, config.mlp_ratio * config.dim)

    def look_back(
        self,
        hidden: Annotated[Tensor, "batch tokens dim"],
        turn: tuple[Tensor, Tensor],
        allowed: Tensor | None,
        past: tuple[Heads, Heads] | None,
    ) -> tuple[Annotated[Tensor, "batch tokens dim"], tuple[Heads, Heads]]:
        """What self-attention adds, and the keys and values including `past`."""
        normed = self.self_norm(hidden)
        keys, values = self.self_attention.keys_values(normed)
        keys = rotate(keys, *turn)
        if past is not None:
            keys, values = torch.cat((past[0], keys), dim=2), torch.cat((past[1], values), dim=2)
        heads = attend(rotate(self.self_attention.queries(normed), *turn), keys, values, allowed)
        return self.self_attention.merge(heads), (keys, values)

    def look_at_picture(
        self, hidden: Annotated[Tensor, "batch tokens dim"], memory: tuple[Heads, Heads], watched: list[Pattern] | None
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """What cross-attention adds; its pattern is appended to `watched` when somebody watches."""
        queries = self.cross_attention.queries(self.cross_norm(hidden))
        if watched is None:
            return self.cross_attention.merge(attend(queries, *memory))
        heads, pattern = attend_watched(queries, *memory)
        watched.append(pattern)
        return self.cross_attention.merge(heads)


class Decoder(nn.Module):
    """The token half of the model."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab, config.dim)
        self.blocks: list[DecoderBlock]
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))  # type: ignore[assignment]
        self.norm = RMSNorm(config.dim)

    def cross_memory(self, patches: Annotated[Tensor, "batch keys dim"]) -> CrossMemory:
        """Cross-attention keys and values of all layers for encoded patches."""
        return [block.cross_attention.keys_values(patches) for block in self.blocks]

    def forward(
        self,
        tokens: Annotated[Tensor, "batch tokens"],
        memory: CrossMemory | None,
        *,
        positions: Annotated[Tensor, "batch tokens"] | None = None,
        allowed: Annotated[Tensor, "batch 1 tokens keys"] | None = None,
        seen: Annotated[Tensor, "batch 1 1"] | None = None,
        cache: Cache | None = None,
        watched: list[Pattern] | None = None,
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """The residual stream after the last block, normalised; `logits` turns it into scores.

        Args:
            tokens: Token ids; with a filled `cache`, only those after the cached ones.
            memory: From `cross_memory`; None leaves the picture out.
            positions: Position of each token; by default counted on from the cache.
            allowed: True where a token may look back; by default every token sees itself and those before it.
            seen: 1 for rows that have a picture and 0 for rows whose `memory` is to add nothing; None: all have.
            cache: Filled with this call's keys and values.
            watched: Gets one cross-attention pattern for each layer, `[batch, heads, tokens, keys]`.
        """
        past = cache.tokens if cache is not None else 0
        count = tokens.shape[1]
        if positions is None:
            positions = torch.arange(past, past + count, device=tokens.device)[None]
        if allowed is None and count > 1:
            allowed = torch.ones(count, past + count, dtype=torch.bool, device=tokens.device).tril(past)[None, None]
        turn = rotary_table(positions, self.config.head_dim, self.config.rotary_base)
        hidden = self.embedding(tokens)
        kept: list[tuple[Heads, Heads]] = []
        for layer, block in enumerate(self.blocks):
            added, pair = block.look_back(
                hidden, turn, allowed, cache.layers[layer] if cache and cache.layers else None
            )
            kept.append(pair)
            hidden = hidden + added
            if memory is not None:
                added = block.look_at_picture(hidden, memory[layer], watched)
                hidden = hidden + (added if seen is None else added * seen)
            hidden = hidden + block.mlp(block.mlp_norm(hidden))
        if cache is not None:
            cache.layers = kept
        return self.norm(hidden)

    def logits(self, hidden: Annotated[Tensor, "... dim"]) -> Annotated[Tensor, "... vocab"]:
        """Scores of every token as the next one."""
        return hidden @ self.embedding.weight.T
