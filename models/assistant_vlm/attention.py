"""Scaled dot-product attention, multi-head or grouped-query by one setting.

Source: Vaswani et al. 2017, section 3.2; grouped queries: Ainslie et al. 2023, "GQA", section 2.
"""

import math
from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

Heads = Annotated[Tensor, "batch heads tokens head_dim"]
Pattern = Annotated[Tensor, "batch heads tokens keys"]


def attend(q: Heads, k: Heads, v: Heads, allowed: Tensor | None = None) -> Heads:
    """Attention by the fused kernel, when nobody watches.

    Args:
        q: `[batch, heads, tokens, head_dim]`.
        k: `[batch, kv_heads, keys, head_dim]`; `heads` must be a multiple of `kv_heads`.
        v: Like `k`.
        allowed: True where a token may look at a key, `[batch or 1, 1, tokens, keys]`; None for everywhere.
    """
    return scaled_dot_product_attention(q, k, v, attn_mask=allowed, enable_gqa=q.shape[1] != k.shape[1])


def attend_watched(q: Heads, k: Heads, v: Heads, allowed: Tensor | None = None) -> tuple[Heads, Pattern]:
    """The same attention step by step, with its pattern; rows of the pattern sum to 1."""
    share = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(share, dim=1), v.repeat_interleave(share, dim=1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    pattern = scores.softmax(dim=-1)
    return pattern @ v, pattern


class Attention(nn.Module):
    """The four projections of one attention layer; who attends to what is the caller's."""

    def __init__(self, dim: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.query = nn.Linear(dim, heads * self.head_dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * kv_heads * self.head_dim, bias=False)
        self.out = nn.Linear(heads * self.head_dim, dim, bias=False)

    def queries(self, hidden: Annotated[Tensor, "batch tokens dim"]) -> Heads:
        """Queries of `hidden`, split into heads."""
        return self._split(self.query(hidden), self.heads)

    def keys_values(self, hidden: Annotated[Tensor, "batch keys dim"]) -> tuple[Heads, Heads]:
        """Keys and values of `hidden`, split into kv_heads."""
        keys, values = self.key_value(hidden).chunk(2, dim=-1)
        return self._split(keys, self.kv_heads), self._split(values, self.kv_heads)

    def merge(self, heads: Heads) -> Annotated[Tensor, "batch tokens dim"]:
        """Heads joined again and projected."""
        batch, _, tokens, _ = heads.shape
        return self.out(heads.transpose(1, 2).reshape(batch, tokens, -1))

    def _split(self, flat: Tensor, heads: int) -> Heads:
        batch, tokens, _ = flat.shape
        return flat.view(batch, tokens, heads, self.head_dim).transpose(1, 2)
