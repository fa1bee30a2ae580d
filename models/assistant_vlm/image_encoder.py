"""From pixels to one vector for each patch and one for the whole picture: a stem, then a transformer.

The picture may have any size that is a multiple of the patch: places are counted in fractions of the picture, so that
a model may be trained on small pictures first and on larger ones later.
"""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from assistant_vlm.attention import Attention
from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import PictureError
from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.linear_attention import linear_attend
from assistant_vlm.norm import Norm
from assistant_vlm.rotary import Turn, rotary_table_2d
from assistant_vlm.sites import Scope, Sites
from assistant_vlm.stem import Stem
from assistant_vlm.windows import patch_window


def place_waves(count: int, dim: int, device: torch.device | None = None) -> Annotated[Tensor, "count dim"]:
    """Sines and cosines of the centres of `count` equal parts of the picture (Vaswani et al. 2017, section 3.5).

    Wavelengths run from an eighth of the picture to four times its width. Their root-mean-square is 0.7, about as loud
    as the stem's output: places that start far quieter stay unheard.
    """
    pairs = (dim + 1) // 2
    wavelength = 0.125 * 32 ** torch.linspace(0, 1, pairs, device=device)
    centre = (torch.arange(count, device=device) + 0.5) / count
    angle = centre[:, None] * (2 * torch.pi / wavelength)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)[:, :dim]


class Places(nn.Module):
    """What each patch is told about where it is: at first the row in one half of the vector, the column in the other.

    Learned ones may use the whole vector for both.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.row_dim, self.learned = config.dim // 2, config.patch_positions == "learned"
        if self.learned:
            row, col = place_waves(config.rows, self.row_dim), place_waves(config.cols, config.dim - self.row_dim)
            self.row = nn.Parameter(pad(row, (0, col.shape[1])))
            self.col = nn.Parameter(pad(col, (row.shape[1], 0)))
        else:
            self.gain = nn.Parameter(torch.ones(config.dim))

    def forward(self, rows: int, cols: int) -> Annotated[Tensor, "keys dim"]:
        """One vector for each patch, row by row from the top left; learned ones are stretched to another grid."""
        if self.learned:
            row, col = _stretched(self.row, rows), _stretched(self.col, cols)
            return (row[:, None] + col).flatten(0, 1)
        width = len(self.gain) - self.row_dim
        row = place_waves(rows, self.row_dim, self.gain.device) * self.gain[: self.row_dim]
        col = place_waves(cols, width, self.gain.device) * self.gain[self.row_dim :]
        return torch.cat((row.repeat_interleave(cols, 0), col.repeat(rows, 1)), dim=-1)


def _stretched(table: Annotated[Tensor, "places dim"], count: int) -> Annotated[Tensor, "count dim"]:
    if len(table) == count:
        return table
    return interpolate(table.T[None], size=count, mode="linear", align_corners=False)[0].T


class EncoderBlock(nn.Module):
    """Every patch looks at every patch (or at those in its window), then a feed-forward layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.parallel, self.linear = config.block == "parallel", config.patch_attention == "linear"
        self.attention_norm = Norm(config.norm, config.dim)
        self.attention = Attention(config.dim, config.heads, config.kv_heads)
        if not self.parallel:
            self.mlp_norm = Norm(config.norm, config.dim)
        self.mlp = FeedForward(config.mlp, config.dim, config.mlp_hidden)

    def forward(
        self,
        hidden: Annotated[Tensor, "batch keys dim"],
        turn: Turn | None,
        allowed: Tensor | None,
        at: Scope | None = None,
    ) -> Annotated[Tensor, "batch keys dim"]:
        """The patches after this block."""
        if at is not None:
            hidden = at.visit("resid_pre", hidden)
        normed = self.attention_norm(hidden)
        added = self._look(normed, turn, allowed, at and at.within("attn"))
        if self.parallel:
            hidden = hidden + added + self.mlp(normed, at)
        else:
            hidden = hidden + added
            if at is not None:
                hidden = at.visit("resid_mid", hidden)
            hidden = hidden + self.mlp(self.mlp_norm(hidden), at)
        return hidden if at is None else at.visit("resid_post", hidden)

    def _look(self, normed: Tensor, turn: Turn | None, allowed: Tensor | None, at: Scope | None) -> Tensor:
        attention = self.attention
        q, (k, v) = attention.queries(normed, turn), attention.keys_values(normed, turn)
        if not self.linear:
            return attention.look(q, k, v, allowed, at)
        if at is None:
            return attention.merge(linear_attend(q, k, v))
        heads = linear_attend(at.visit("q", q), at.visit("k", k), at.visit("v", v))
        return at.visit("out", attention.merge(at.visit("z", heads)))


class ImageEncoder(nn.Module):
    """The picture half of the model."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.places = Places(config)
        self.class_token = nn.Parameter(torch.zeros(config.dim)) if config.class_token else None
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.encoder_layers))
        self.norm = Norm(config.norm, config.dim)

    def forward(
        self, pixels: Annotated[Tensor, "batch 3 height width"], sites: Sites | None = None
    ) -> Annotated[Tensor, "batch keys dim"]:
        """One vector for each patch, row by row from the top left, then the class token's.

        Places are added once more after the blocks, because the decoder did not find them in the blocks' result alone.

        Args:
            pixels: In [0, 1]; height and width are multiples of the patch.
            sites: Who watches.

        Raises:
            PictureError: Pixels of another shape.
        """
        if pixels.ndim != 4 or pixels.shape[1] != 3 or any(n < 1 or n % self.config.patch for n in pixels.shape[2:]):
            raise PictureError(
                f"expected pixels of shape [batch, 3, height, width], the last two multiples of {self.config.patch};"
                f" got {list(pixels.shape)}"
            )
        at = None if sites is None else sites.within("encoder")
        grid = self.stem(pixels * 2 - 1)
        rows, cols = grid.shape[2:]
        still = 0 if self.class_token is None else 1
        hidden = grid.flatten(2).transpose(1, 2)
        if at is not None:
            hidden = at.visit("stem", hidden)
        places = self.places(rows, cols)
        hidden = hidden + places
        if self.class_token is not None:
            hidden = torch.cat((hidden, self.class_token.to(hidden.dtype).expand(len(hidden), 1, -1)), dim=1)
            places = torch.cat((places, torch.zeros_like(places[:1])))
        if at is not None:
            hidden = at.visit("embed", hidden)
        config, turn, allowed = self.config, None, None
        if config.patch_positions == "rotary":
            turn = rotary_table_2d(rows, cols, config.head_dim, still, hidden.device)
        if config.patch_window:
            allowed = patch_window(rows, cols, config.patch_window, still, hidden.device)
        for layer, block in enumerate(self.blocks):
            hidden = block(hidden, turn, allowed, at and at.within(str(layer)))
        hidden = self.norm(hidden) + places
        return hidden if at is None else at.visit("out", hidden)
