"""Attention whose cost grows linearly with the number of keys.

Source: Katharopoulos et al. 2020, "Transformers are RNNs", equations 4 to 9, with their feature map elu + 1. It has no
pattern that could be watched. Changed: rotary positions, where they are on, turn queries and keys before the feature
map, so that the products stay positive; they then no longer depend on the distance alone.
"""

from typing import Final

from torch.nn.functional import elu

from assistant_vlm.attention import Heads, KeyHeads

_LEAST: Final = 1e-6
"""Smallest sum of weights that is divided by: in float32 elu + 1 is exactly 0 below -17."""


def linear_attend(q: Heads, k: KeyHeads, v: KeyHeads, *, causal: bool = False) -> Heads:
    """Values averaged by the products of positive features.

    Args:
        q: Queries.
        k: Keys; `heads` must be a multiple of `kv_heads`.
        v: Values.
        causal: Whether token `i` sees keys up to `i` only; needs as many tokens as keys.
    """
    share = q.shape[1] // k.shape[1]
    if share > 1:
        k, v = k.repeat_interleave(share, dim=1), v.repeat_interleave(share, dim=1)
    q, k = elu(q) + 1, elu(k) + 1
    if causal:
        summed = (k[..., :, None] * v[..., None, :]).cumsum(dim=2)
        total = (q * k.cumsum(dim=2)).sum(-1, keepdim=True)
        return (q[..., None, :] @ summed)[..., 0, :] / total.clamp_min(_LEAST)
    total = (q * k.sum(dim=2, keepdim=True)).sum(-1, keepdim=True)
    return q @ (k.transpose(-1, -2) @ v) / total.clamp_min(_LEAST)
