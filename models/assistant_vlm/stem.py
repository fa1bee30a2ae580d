"""From pixels to the first vector of each patch.

Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better"; the residual blocks are those of He et al.
2015, "Deep Residual Learning", figure 2. Without stem channels it is the one convolution of Dosovitskiy et al. 2020.
"""

from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from assistant_vlm.config import ModelConfig, StemNorm


def _normed(kind: StemNorm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(1, channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a way straight through."""

    def __init__(self, kind: StemNorm, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = _normed(kind, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = _normed(kind, channels)

    def forward(
        self, hidden: Annotated[Tensor, "batch channels height width"]
    ) -> Annotated[Tensor, "batch channels height width"]:
        """Same shape as `hidden`."""
        inner = silu(self.first_norm(self.first(hidden)))
        return silu(hidden + self.second_norm(self.second(inner)))


class Stem(nn.Module):
    """Stride-2 convolutions with residual blocks between, down to one vector for each patch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not config.stem_channels:
            self.layers = nn.Sequential(nn.Conv2d(3, config.dim, config.patch, stride=config.patch))
            return
        layers: list[nn.Module] = []
        channels = (3, *config.stem_channels, config.dim)
        for (before, after), blocks in zip(pairwise(channels), config.stem_blocks, strict=True):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                _normed(config.stem_norm, after),
                nn.SiLU(),
            ]
            layers += [ResidualBlock(config.stem_norm, after) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def forward(
        self, pixels: Annotated[Tensor, "batch 3 height width"]
    ) -> Annotated[Tensor, "batch channels rows cols"]:
        """One vector of width `dim` for each patch; `pixels` are in [-1, 1]."""
        return self.layers(pixels)
