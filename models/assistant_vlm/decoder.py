"""From tokens to the next token: causal self-attention and cross-attention to the memory in every layer.

Prompt and history are simply the first tokens; without a picture the cross-attention is left out and adds nothing.
Block layout after Vaswani et al. 2017, section 3.1; changed: normalised before each part, output weights tied to the
embedding (Press and Wolf 2017). Parallel blocks (Wang and Komatsuzaki 2021, GPT-J) feed all three parts from one norm.
"""

from typing import Annotated

import torch
from torch import Tensor, nn

from assistant_vlm.attention import Attention, KeyHeads
from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.norm import Norm
from assistant_vlm.rotary import Turn, rotary_table
from assistant_vlm.sites import Scope, Sites
from assistant_vlm.windows import text_window

CrossMemory = list[tuple[KeyHeads, KeyHeads]]
"""Cross-attention keys and values of each layer: patches row by row, class token, guessed name, then fused question
tokens."""


class DecoderBlock(nn.Module):
    """Look back at the tokens, look at the picture, think."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.parallel = layer, config.block == "parallel"
        self.self_norm = Norm(config.norm, config.dim)
        self.self_attention = Attention(config.dim, config.heads, config.kv_heads)
        if not self.parallel:
            self.cross_norm = Norm(config.norm, config.dim)
            self.mlp_norm = Norm(config.norm, config.dim)
        self.cross_attention = Attention(config.dim, config.heads, config.kv_heads)
        self.mlp = FeedForward(config.mlp, config.dim, config.mlp_hidden)

    def look_back(
        self, normed: Tensor, turn: Turn | None, allowed: Tensor | None, cache: Cache | None, at: Scope | None
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """What self-attention adds; a `cache` gets the new keys and values and gives the earlier ones."""
        q, (k, v) = self.self_attention.queries(normed, turn), self.self_attention.keys_values(normed, turn)
        if cache is not None:
            k, v = cache.put(self.layer, k, v)
        return self.self_attention.look(q, k, v, allowed, at and at.within("self"))

    def look_at_picture(
        self, normed: Tensor, memory: tuple[KeyHeads, KeyHeads], allowed: Tensor | None, at: Scope | None
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """What cross-attention adds."""
        q = self.cross_attention.queries(normed)
        return self.cross_attention.look(q, *memory, allowed, at and at.within("cross"))

    def forward(
        self,
        hidden: Annotated[Tensor, "batch tokens dim"],
        memory: tuple[KeyHeads, KeyHeads] | None,
        turn: Turn | None,
        allowed: Tensor | None,
        looks: Tensor | None,
        seen: Tensor | None,
        cache: Cache | None,
        at: Scope | None,
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """The residual stream after this block; see `Decoder.forward`."""
        if at is not None:
            hidden = at.visit("resid_pre", hidden)
        normed = self.self_norm(hidden)
        added = self.look_back(normed, turn, allowed, cache, at)
        if not self.parallel:
            hidden = hidden + added
        if memory is not None:
            seeing = self.look_at_picture(normed if self.parallel else self.cross_norm(hidden), memory, looks, at)
            seeing = seeing if seen is None else seeing * seen
            added, hidden = (added + seeing, hidden) if self.parallel else (added, hidden + seeing)
        if self.parallel:
            hidden = hidden + added + self.mlp(normed, at)
        else:
            if at is not None:
                hidden = at.visit("resid_mid", hidden)
            hidden = hidden + self.mlp(self.mlp_norm(hidden), at)
        return hidden if at is None else at.visit("resid_post", hidden)


class Decoder(nn.Module):
    """The token half of the model."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab, config.dim)
        learned = config.text_positions == "learned"
        self.positions = nn.Embedding(config.max_tokens, config.dim) if learned else None
        self.blocks: list[DecoderBlock]
        self.blocks = nn.ModuleList(DecoderBlock(config, i) for i in range(config.decoder_layers))  # type: ignore[assignment]
        self.norm = Norm(config.norm, config.dim)

    def embed(
        self, tokens: Annotated[Tensor, "batch tokens"], positions: Annotated[Tensor, "batch tokens"]
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """The vectors of tokens, with their positions where those are learned; `batch` of the positions may be 1."""
        hidden = self.embedding(tokens)
        return hidden if self.positions is None else hidden + self.positions(positions)

    def cross_memory(self, memory: Annotated[Tensor, "batch keys dim"], sites: Sites | None = None) -> CrossMemory:
        """Cross-attention keys and values of all layers; site `memory`."""
        if sites is not None:
            memory = sites.visit("memory", memory)
        return [block.cross_attention.keys_values(memory) for block in self.blocks]

    def forward(
        self,
        tokens: Annotated[Tensor, "batch tokens"],
        memory: CrossMemory | None,
        *,
        positions: Annotated[Tensor, "batch tokens"] | None = None,
        allowed: Annotated[Tensor, "batch 1 tokens keys"] | None = None,
        looks: Annotated[Tensor, "batch 1 tokens keys"] | None = None,
        seen: Annotated[Tensor, "batch 1 1"] | None = None,
        key_positions: Annotated[Tensor, "batch keys"] | None = None,
        cache: Cache | None = None,
        sites: Sites | None = None,
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """The residual stream after the last block, normalised; `logits` turns it into scores.

        Args:
            tokens: Token ids; with a filled `cache`, only those after the cached ones.
            memory: From `cross_memory`; None leaves the picture out.
            positions: Position of each token; by default counted on from the cache.
            allowed: True where a token may look back; by default every token sees itself and those before it.
            looks: True where a token may look at the memory; by default everywhere.
            seen: 1 for rows that have a picture and 0 for rows whose `memory` is to add nothing; None: all have.
            key_positions: Position of each key that `allowed` speaks of, cached ones first; by default counted from 0.
            cache: Gets this call's keys and values, and gives those of earlier calls.
            sites: Who watches.
        """
        past = cache.tokens if cache is not None else 0
        count = tokens.shape[1]
        if positions is None:
            positions = torch.arange(past, past + count, device=tokens.device)[None]
        if allowed is None and count > 1:
            allowed = torch.ones(count, past + count, dtype=torch.bool, device=tokens.device).tril(past)[None, None]
        if self.config.text_window:
            keys = key_positions
            if keys is None:
                keys = positions if past == 0 else torch.arange(past + count, device=tokens.device)[None]
            near = text_window(positions, keys, self.config.text_window, self.config.text_globals)
            allowed = near if allowed is None else allowed & near
        at = None if sites is None else sites.within("decoder")
        hidden, turn = self.embed(tokens, positions), None
        if self.positions is None:
            turn = rotary_table(positions, self.config.head_dim, self.config.rotary_base)
        if at is not None:
            hidden = at.visit("embed", hidden)
        for layer, block in enumerate(self.blocks):
            seen_by = memory[layer] if memory is not None else None
            hidden = block(hidden, seen_by, turn, allowed, looks, seen, cache, at and at.within(str(layer)))
        if cache is not None:
            cache.advance(count)
        hidden = self.norm(hidden)
        return hidden if at is None else at.visit("out", hidden)

    def logits(
        self, hidden: Annotated[Tensor, "... dim"], sites: Sites | None = None
    ) -> Annotated[Tensor, "... vocab"]:
        """Scores of every token as the next one."""
        scores = hidden @ self.embedding.weight.T
        return scores if sites is None else sites.visit("logits", scores)
