"""From pixels to the first vector of each patch.

Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better"; the residual blocks are those of He et al.
2015, "Deep Residual Learning", figure 2. Without stem channels it is the one convolution of Dosovitskiy et al. 2020.
"""

import math
from itertools import pairwise
from typing import Annotated, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, silu

from assistant_vlm.config import Activation, ModelConfig, StemNorm

SILU_GAIN: Final = 1.7881
"""What a SiLU of unit normal input is multiplied by to have unit variance again."""


class StandardisedConv2d(nn.Conv2d):
    """A convolution whose weights have mean 0 and a fixed deviation for each output channel, times a learned gain.

    It keeps activations at unit variance without looking at them: unlike batch normalisation it does not care which
    other pictures are in the batch, which here are of different kinds and sizes, and inference needs only the finished
    weights.

    Source: Brock et al. 2021, "Characterizing Signal Propagation to Close the Performance Gap in Unnormalized ResNets",
    section 4 (scaled weight standardisation).
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__(before, after, 3, stride=stride, padding=1)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]
        self.gain = nn.Parameter(torch.ones(after, 1, 1, 1))

    def standardised(self) -> Annotated[Tensor, "after before 3 3"]:
        """The weights that are used."""
        weight = self.weight.float()
        fan_in = weight[0].numel()
        deviation, mean = torch.std_mean(weight, dim=(1, 2, 3), keepdim=True, correction=0)
        return (weight - mean) / (deviation * math.sqrt(fan_in)).clamp_min(1e-6) * self.gain

    def forward(self, input: Tensor) -> Tensor:
        """The convolution with standardised weights."""
        return conv2d(input, self.standardised(), self.bias, self.stride, self.padding)


def _conv(kind: StemNorm, before: int, after: int, stride: int = 1) -> nn.Module:
    if kind == "weight":
        return StandardisedConv2d(before, after, stride)
    norm = nn.BatchNorm2d(after) if kind == "batch" else nn.GroupNorm(1, after)
    return nn.Sequential(nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=kind == "group"), norm)


class _Activation(nn.Module):
    def __init__(self, kind: Activation) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, hidden: Tensor) -> Tensor:
        return gelu(hidden, approximate="tanh") if self.kind == "gelu" else silu(hidden) * SILU_GAIN


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a way straight through; it starts close to doing nothing."""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        kind = config.stem_norm
        self.first, self.second = _conv(kind, channels, channels), _conv(kind, channels, channels)
        self.activation = _Activation(config.stem_activation)
        self.share = nn.Parameter(torch.tensor(0.2))

    def forward(
        self, hidden: Annotated[Tensor, "batch channels height width"]
    ) -> Annotated[Tensor, "batch channels height width"]:
        """Same shape as `hidden`."""
        inner = self.activation(self.first(self.activation(hidden)))
        return hidden + self.share * self.second(inner)


class Stem(nn.Module):
    """Stride-2 convolutions with residual blocks between, down to one vector for each patch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not config.stem_channels:
            self.layers = nn.Sequential(nn.Conv2d(3, config.dim, config.patch, stride=config.patch))
            return
        layers: list[nn.Module] = []
        channels = (3, *config.stem_channels, config.dim)
        for number, ((before, after), blocks) in enumerate(zip(pairwise(channels), config.stem_blocks, strict=True)):
            if number:
                layers.append(_Activation(config.stem_activation))
            ends = number == len(config.stem_channels) and not blocks and config.stem_norm != "weight"
            last = nn.Conv2d(before, after, 3, stride=2, padding=1) if ends else None  # the transformer normalises it
            layers.append(last or _conv(config.stem_norm, before, after, stride=2))
            layers += [ResidualBlock(config, after) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def forward(
        self, pixels: Annotated[Tensor, "batch 3 height width"]
    ) -> Annotated[Tensor, "batch channels rows cols"]:
        """One vector of width `dim` for each patch; `pixels` are in [-1, 1]."""
        return self.layers(pixels)
