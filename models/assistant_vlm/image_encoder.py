"""From pixels to one vector for each patch: a convolutional stem, then a transformer over the patches.

The stem follows Xiao et al. 2021, "Early Convolutions Help Transformers See Better": stride-2 3x3 convolutions, not
one big patch projection. Changed: a group norm of one group, and learned row and column embeddings, added before the
transformer and once more after it, because the decoder did not find places in the result of the blocks alone.
"""

from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from assistant_vlm.attention import Attention, attend
from assistant_vlm.config import ModelConfig
from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.norm import RMSNorm


def position_waves(count: int, dim: int) -> Annotated[Tensor, "count dim"]:
    """Sines and cosines of the positions, as first values of the embeddings (Vaswani et al. 2017, section 3.5).

    Wavelengths run from 4 positions to 4 times their number. The waves are about as loud as the stem's output: ones
    that start far quieter stay unheard, and places are not learned.
    """
    pairs = (dim + 1) // 2
    length = 4 * torch.tensor(float(count)) ** torch.linspace(0, 1, pairs)
    angle = torch.arange(count)[:, None] * (2 * torch.pi / length)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)[:, :dim]


class EncoderBlock(nn.Module):
    """Every patch looks at every patch, then a feed-forward layer; both before-normalised and added."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.dim)
        self.attention = Attention(config.dim, config.heads, config.kv_heads)
        self.mlp_norm = RMSNorm(config.dim)
        self.mlp = FeedForward(config.dim, config.mlp_ratio * config.dim)

    def forward(self, hidden: Annotated[Tensor, "batch keys dim"]) -> Annotated[Tensor, "batch keys dim"]:
        """The patches after this block."""
        normed = self.attention_norm(hidden)
        heads = attend(self.attention.queries(normed), *self.attention.keys_values(normed))
        hidden = hidden + self.attention.merge(heads)
        return hidden + self.mlp(self.mlp_norm(hidden))


class ImageEncoder(nn.Module):
    """The picture half of the model."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((3, *config.stem_channels)):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(1, after),
                nn.GELU(approximate="tanh"),
            ]
        layers.append(nn.Conv2d(config.stem_channels[-1], config.dim, 3, stride=2, padding=1))
        self.stem = nn.Sequential(*layers)
        waves = position_waves(max(config.rows, config.cols), config.dim // 2)
        still = torch.zeros_like(waves)
        self.row_embedding = nn.Parameter(torch.cat((waves, still), dim=-1)[: config.rows, None])
        self.col_embedding = nn.Parameter(torch.cat((still, waves), dim=-1)[None, : config.cols])
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.encoder_layers))
        self.norm = RMSNorm(config.dim)

    def forward(self, pixels: Annotated[Tensor, "batch 3 height width"]) -> Annotated[Tensor, "batch keys dim"]:
        """One vector for each patch, row by row from the top left; `pixels` are in [0, 1]."""
        places = (self.row_embedding + self.col_embedding).flatten(0, 1)
        hidden = self.stem(pixels * 2 - 1).flatten(2).transpose(1, 2) + places
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden) + places
