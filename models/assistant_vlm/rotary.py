"""Rotary positions: queries and keys turned by an angle that grows with the position.

Source: Su et al. 2021, "RoFormer", section 3.2. Pairs are the two halves of a head (as in GPT-NeoX), not neighbours.
"""

from typing import Annotated

import torch
from torch import Tensor


def rotary_table(
    positions: Annotated[Tensor, "batch tokens"], head_dim: int, base: float
) -> tuple[Annotated[Tensor, "batch 1 tokens pairs"], Annotated[Tensor, "batch 1 tokens pairs"]]:
    """Cosines and sines for integer `positions`; `pairs` is half of `head_dim`."""
    pairs = head_dim // 2
    rate = base ** (-torch.arange(pairs, dtype=torch.float32, device=positions.device) / pairs)
    angle = positions.to(torch.float32)[:, None, :, None] * rate
    return angle.cos(), angle.sin()


def rotate(
    heads: Annotated[Tensor, "batch heads tokens head_dim"],
    cos: Annotated[Tensor, "batch 1 tokens pairs"],
    sin: Annotated[Tensor, "batch 1 tokens pairs"],
) -> Annotated[Tensor, "batch heads tokens head_dim"]:
    """Turn each pair by its angle; the dot product of two turned vectors depends on their distance only."""
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
