"""Scaled dot-product attention: multi-head, grouped-query or multi-query by one setting.

Source: Vaswani et al. 2017, section 3.2; grouped queries: Ainslie et al. 2023, "GQA", section 2; multi-query: Shazeer
2019, "Fast Transformer Decoding".
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from assistant_vlm.rotary import Turn, rotate
from assistant_vlm.sites import Scope

Heads = Annotated[Tensor, "batch heads tokens head_dim"]
KeyHeads = Annotated[Tensor, "batch kv_heads keys head_dim"]
Pattern = Annotated[Tensor, "batch heads tokens keys"]


def attend(q: Heads, k: KeyHeads, v: KeyHeads, allowed: Tensor | None = None) -> Heads:
    """Attention when nobody watches: by the fused kernel, or step by step where gradients are needed.

    The fused kernel's way back on a processor takes several times as long as that of plain products.

    Args:
        q: Queries.
        k: Keys; `heads` must be a multiple of `kv_heads`.
        v: Values.
        allowed: True where a token may look at a key, `[batch or 1, 1, tokens or 1, keys]`; None for everywhere.
    """
    if torch.is_grad_enabled() and q.requires_grad and q.device.type == "cpu":
        return attend_watched(q, k, v, allowed)[0]
    return scaled_dot_product_attention(q, k, v, attn_mask=allowed, enable_gqa=q.shape[1] != k.shape[1])


def attend_watched(
    q: Heads, k: KeyHeads, v: KeyHeads, allowed: Tensor | None = None, at: Scope | None = None
) -> tuple[Heads, Pattern]:
    """The same attention step by step, with its pattern; rows of the pattern sum to 1. Sites `scores` and `pattern`."""
    share = q.shape[1] // k.shape[1]
    if share > 1:
        k, v = k.repeat_interleave(share, dim=1), v.repeat_interleave(share, dim=1)
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-1, -2)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    if at is not None:
        scores = at.visit("scores", scores)
    pattern = scores.softmax(dim=-1)
    if at is not None:
        pattern = at.visit("pattern", pattern)
    return pattern @ v, pattern


class Attention(nn.Module):
    """The four projections of one attention layer; who attends to what is the caller's."""

    def __init__(self, dim: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.query = nn.Linear(dim, heads * self.head_dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * kv_heads * self.head_dim, bias=False)
        self.out = nn.Linear(heads * self.head_dim, dim, bias=False)

    def queries(self, hidden: Annotated[Tensor, "batch tokens dim"], turn: Turn | None = None) -> Heads:
        """Queries of `hidden`, split into heads and turned by their positions."""
        q = self._split(self.query(hidden), self.heads)
        return q if turn is None else rotate(q, *turn)

    def keys_values(
        self, hidden: Annotated[Tensor, "batch keys dim"], turn: Turn | None = None
    ) -> tuple[KeyHeads, KeyHeads]:
        """Keys, turned by their positions, and values of `hidden`, split into kv_heads."""
        keys, values = self.key_value(hidden).chunk(2, dim=-1)
        k = self._split(keys, self.kv_heads)
        return (k if turn is None else rotate(k, *turn)), self._split(values, self.kv_heads)

    def look(
        self, q: Heads, k: KeyHeads, v: KeyHeads, allowed: Tensor | None = None, at: Scope | None = None
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """What the layer adds to the residual stream; sites `q k v scores pattern z out` when `at` is given."""
        if at is None:
            return self.merge(attend(q, k, v, allowed))
        q, k, v = at.visit("q", q), at.visit("k", k), at.visit("v", v)
        watched = at.wants("scores", "pattern")
        heads = attend_watched(q, k, v, allowed, at)[0] if watched else attend(q, k, v, allowed)
        return at.visit("out", self.merge(at.visit("z", heads)))

    def merge(self, heads: Heads) -> Annotated[Tensor, "batch tokens dim"]:
        """Heads joined again and projected."""
        batch, _, tokens, _ = heads.shape
        return self.out(heads.transpose(1, 2).reshape(batch, tokens, -1))

    def _split(self, flat: Tensor, heads: int) -> Heads:
        batch, tokens, _ = flat.shape
        return flat.view(batch, tokens, heads, self.head_dim).transpose(1, 2)
