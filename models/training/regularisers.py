"""Wishes about attention patterns that a recipe may add to the loss; off unless it says so."""

from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.attention import Pattern


def entropies(pattern: Pattern) -> Annotated[Tensor, "batch heads tokens"]:
    """Entropy of each row of a pattern in nats: 0 when all is on one key, the logarithm of their number when even."""
    return -(pattern * pattern.clamp_min(1e-9).log()).sum(-1)


def mean_entropy(pattern: Pattern, real: Annotated[Tensor, "batch tokens"]) -> Tensor:
    """Mean entropy over heads and the tokens that are `real`, in nats; 0 where none is.

    Source: Zhai et al. 2023, "Stabilizing Transformer Training by Preventing Attention Entropy Collapse", section 3
    (there it is watched; here it may be wished for).
    """
    if not bool(real.any()):
        return pattern.new_zeros(())
    return entropies(pattern).transpose(1, 2)[real].mean()


def head_likeness(pattern: Pattern, real: Annotated[Tensor, "batch tokens"]) -> Tensor:
    """Mean cosine of the patterns of two different heads at the same token, in [0, 1]; 0 where no token is `real`.

    Source: Li et al. 2018, "Multi-Head Attention with Disagreement Regularization", section 3 (on positions).
    """
    heads = pattern.shape[1]
    if heads < 2 or not bool(real.any()):
        return pattern.new_zeros(())
    rows = torch.nn.functional.normalize(pattern.transpose(1, 2)[real], dim=-1)
    cosines = rows @ rows.transpose(-1, -2)
    return (cosines.sum((-1, -2)) - heads).mean() / (heads * (heads - 1))
