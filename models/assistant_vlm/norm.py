"""Root-mean-square normalisation."""

from typing import Annotated

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Scale each vector to unit root-mean-square, then by a learned gain.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", section 3. The mean is not removed.
    """

    def __init__(self, dim: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))
        self.epsilon = epsilon

    def forward(self, hidden: Annotated[Tensor, "... dim"]) -> Annotated[Tensor, "... dim"]:
        """The normalised vectors; same shape as `hidden`."""
        return nn.functional.rms_norm(hidden, (hidden.shape[-1],), self.gain, self.epsilon)
