"""Rotary positions: queries and keys turned by an angle that grows with the position.

Source: Su et al. 2021, "RoFormer", section 3.2. Pairs are the two halves of a head (as in GPT-NeoX), not neighbours.
In two dimensions, half of the pairs turn with the row and half with the column (Heo et al. 2024, "Rotary Position
Embedding for Vision Transformer", section 3.2, axial form).
"""

from typing import Annotated

import torch
from torch import Tensor

Turn = tuple[Annotated[Tensor, "batch 1 tokens pairs"], Annotated[Tensor, "batch 1 tokens pairs"]]
"""Cosines and sines of the angles; `batch` may be 1, `pairs` is half of `head_dim`."""


def rotary_table(positions: Annotated[Tensor, "batch tokens"], head_dim: int, base: float) -> Turn:
    """Cosines and sines for integer `positions`."""
    angle = positions.to(torch.float32)[:, None, :, None] * _rates(head_dim // 2, base, positions.device)
    return angle.cos(), angle.sin()


def rotary_table_2d(rows: int, cols: int, head_dim: int, still: int, device: torch.device | None = None) -> Turn:
    """Cosines and sines for a grid, row by row; then `still` tokens (such as a class token) that are not turned.

    The base is 100: a grid is tens of patches wide, not thousands of tokens long.
    """
    rate = _rates(head_dim // 4, 100.0, device)
    by_row = torch.arange(rows, device=device, dtype=torch.float32)[:, None] * rate
    by_col = torch.arange(cols, device=device, dtype=torch.float32)[:, None] * rate
    angle = torch.cat((by_row.repeat_interleave(cols, 0), by_col.repeat(rows, 1)), dim=-1)
    angle = torch.cat((angle, angle.new_zeros(still, angle.shape[1])))[None, None]
    return angle.cos(), angle.sin()


def _rates(pairs: int, base: float, device: torch.device | None) -> Tensor:
    return base ** (-torch.arange(pairs, dtype=torch.float32, device=device) / pairs)


def rotate(
    heads: Annotated[Tensor, "batch heads tokens head_dim"],
    cos: Annotated[Tensor, "batch 1 tokens pairs"],
    sin: Annotated[Tensor, "batch 1 tokens pairs"],
) -> Annotated[Tensor, "batch heads tokens head_dim"]:
    """Turn each pair by its angle; the dot product of two turned vectors depends on their distance only."""
    cos, sin = cos.to(heads.dtype), sin.to(heads.dtype)
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
