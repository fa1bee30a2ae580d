"""Masks of sliding windows with global tokens.

Source: Beltagy et al. 2020, "Longformer", section 3.1. The masks go to the ordinary attention: at the lengths of this
model the saving would be less than the cost of cutting the keys into pieces.
"""

from typing import Annotated

import torch
from torch import Tensor


def text_window(
    queries: Annotated[Tensor, "batch tokens"], keys: Annotated[Tensor, "batch keys"], window: int, first: int
) -> Annotated[Tensor, "batch 1 tokens keys"]:
    """True where a token may look back: at most `window - 1` positions, or at one of the `first` positions."""
    back = queries[:, :, None] - keys[:, None, :]
    return (((back >= 0) & (back < window)) | ((keys[:, None, :] < first) & (back >= 0)))[:, None]


def patch_window(
    rows: int, cols: int, reach: int, still: int, device: torch.device | None = None
) -> Annotated[Tensor, "1 1 keys keys"]:
    """True where a patch may look: `reach` rows and columns around itself. `still` tokens after the patches see all."""
    row = torch.arange(rows, device=device).repeat_interleave(cols)
    col = torch.arange(cols, device=device).repeat(rows)
    near = ((row[:, None] - row).abs() <= reach) & ((col[:, None] - col).abs() <= reach)
    allowed = torch.ones(rows * cols + still, rows * cols + still, dtype=torch.bool, device=device)
    allowed[: rows * cols, : rows * cols] = near
    return allowed[None, None]
