"""Normalisation of the residual stream, two kinds by one setting."""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, rms_norm

from assistant_vlm.config import Norm as NormKind


class Norm(nn.Module):
    """Scale each vector to unit size, then by a learned gain; there is no bias.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", section 3 (`rms`: the mean stays), and Ba
    et al. 2016, "Layer Normalization", section 3.1 (`layer`: the mean is removed; changed: no bias).
    """

    def __init__(self, kind: NormKind, dim: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))
        self.kind, self.epsilon = kind, epsilon

    def forward(self, hidden: Annotated[Tensor, "... dim"]) -> Annotated[Tensor, "... dim"]:
        """The normalised vectors; same shape as `hidden`."""
        if self.kind == "layer":
            return layer_norm(hidden, (hidden.shape[-1],), self.gain, None, self.epsilon)
        return rms_norm(hidden, (hidden.shape[-1],), self.gain, self.epsilon)
