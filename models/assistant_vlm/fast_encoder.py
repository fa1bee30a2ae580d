"""The image encoder with nobody watching: the same arithmetic in fewer operations, and what the decoder sees of it.

Queries, keys and values are one product, residual sums are part of products, the stem's weights are standardised once,
batch normalisation is part of the convolution before it (Jacob et al. 2018, "Quantization and Training of Neural
Networks", section 3.2), and the cross-attention keys and values of all decoder layers are one product too.
"""

import copy
import functools
from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.fusion import fuse_conv_bn_eval

from assistant_vlm.decoder import CrossMemory
from assistant_vlm.fast_decoder import FastFeedForward, Rows, fast_norm, rotate
from assistant_vlm.fast_linear import Product, products
from assistant_vlm.image_encoder import EncoderBlock
from assistant_vlm.linear_attention import linear_attend
from assistant_vlm.network import Network
from assistant_vlm.rotary import rotary_table_2d
from assistant_vlm.stem import StandardisedConv2d, Stem
from assistant_vlm.windows import patch_window


class _Block:
    def __init__(self, block: EncoderBlock, product: Callable[[Tensor], Product]) -> None:
        attention = block.attention
        self.parallel, self.linear = block.parallel, block.linear
        self.attention_norm = fast_norm(block.attention_norm)
        self.mlp_norm = self.attention_norm if block.parallel else fast_norm(block.mlp_norm)
        self.query_key_value = product(torch.cat((attention.query.weight, attention.key_value.weight)))
        self.out = product(attention.out.weight)
        self.mlp = FastFeedForward(block.mlp.kind, block.mlp.up.weight, block.mlp.down.weight, product)


class FastEncoder:
    """The encoder and the decoder's cross-attention keys and values, exact or with 8-bit matrices.

    Exact means float32 throughout; results differ from the network's by rounding only. Convolutions are always exact.

    Attributes:
        bytes: Memory of its own weights, beyond the network's.

    Args:
        network: Its weights are read now, and later changes are not seen.
        quantised: Whether to use 8-bit matrices; see `fast_linear`.

    Raises:
        SettingsError: This torch has no 8-bit kernels.
    """

    def __init__(self, network: Network, *, quantised: bool = False) -> None:
        encoder, config = network.encoder, network.config
        self.config = config
        values = sum(p.numel() for p in encoder.parameters()) + 2 * config.decoder_layers * config.dim * config.dim
        product = products(quantised=quantised, values=values)
        self._stem, self._patches = None if not config.stem_channels else _folded(encoder.stem), None
        if self._stem is None:
            conv = encoder.stem.layers[0]
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            self._patches, self._bias = product(conv.weight.flatten(1)), conv.bias.detach().clone()
        self._blocks = [_Block(block, product) for block in encoder.blocks]  # type: ignore[arg-type]
        self._norm = fast_norm(encoder.norm)
        self._class_token = None if encoder.class_token is None else encoder.class_token.detach().clone()
        self._guess = copy.deepcopy(network.name_guess)
        self._embedding = None if self._guess is None else network.decoder.embedding.weight.detach().clone()
        self._places = functools.lru_cache(maxsize=8)(copy.deepcopy(encoder.places).requires_grad_(False).forward)
        keys_values = [block.cross_attention.key_value.weight for block in network.decoder.blocks]
        self._cross = product(torch.cat(keys_values)) if network.fusion is None else None
        parts = [p for block in self._blocks for p in (block.query_key_value, block.out, block.mlp)]
        parts += [p for p in (self._cross, self._patches) if p is not None]
        self.bytes = sum(part.bytes for part in parts) + sum(p.numel() * 4 for p in encoder.stem.parameters())
        if self._guess is not None and self._embedding is not None:
            kept = (*self._guess.state_dict().values(), self._embedding)
            self.bytes += sum(value.numel() * value.element_size() for value in kept)
        self._grid = functools.lru_cache(maxsize=8)(self._grid_tables)

    def __call__(self, pixels: Annotated[Tensor, "batch 3 height width"]) -> Annotated[Tensor, "batch keys dim"]:
        """See `Network.encode`."""
        config, batch = self.config, len(pixels)
        rows, cols = pixels.shape[2] // config.patch, pixels.shape[3] // config.patch
        places, turn, allowed = self._places(rows, cols), *self._grid(rows, cols)
        pixels = pixels * 2 - 1
        if self._stem is None:
            assert self._patches is not None
            size = config.patch
            cut = pixels.view(batch, 3, rows, size, cols, size).permute(0, 2, 4, 1, 3, 5)
            hidden = self._patches(cut.reshape(batch * rows * cols, -1)).add_(self._bias).view(batch, rows * cols, -1)
        else:
            hidden = self._stem(pixels.contiguous(memory_format=torch.channels_last)).flatten(2).transpose(1, 2)
        hidden = hidden + places
        if self._class_token is not None:
            hidden = torch.cat((hidden, self._class_token.expand(batch, 1, -1)), dim=1)
            places = torch.cat((places, torch.zeros_like(places[:1])))
        keys = hidden.shape[1]
        hidden = hidden.reshape(batch * keys, -1)
        for block in self._blocks:
            normed = block.attention_norm(hidden)
            looked = self._look(block, block.query_key_value(normed).view(batch, keys, -1), turn, allowed)
            hidden = block.out.add(hidden, looked)
            hidden = block.mlp.add(hidden, normed if block.parallel else block.mlp_norm(hidden))
        seen = self._norm(hidden).view(batch, keys, -1) + places
        if self._guess is None or self._embedding is None:
            return seen
        return torch.cat((seen, self._guess(seen[:, -1], self._embedding)), dim=1)

    def cross_memory(self, memory: Annotated[Tensor, "batch keys dim"]) -> CrossMemory:
        """See `Decoder.cross_memory`; not for networks with fusion, which look at it once for each question."""
        assert self._cross is not None
        batch, keys, dim = memory.shape
        config = self.config
        flat = self._cross(memory.reshape(batch * keys, dim))
        parts = flat.view(batch, keys, config.decoder_layers, 2, config.kv_heads, config.head_dim)
        parts = parts.permute(2, 3, 0, 4, 1, 5).contiguous()
        return [(layer[0], layer[1]) for layer in parts]

    def _look(
        self, block: _Block, all_three: Tensor, turn: tuple[Tensor, Tensor] | None, allowed: Tensor | None
    ) -> Rows:
        config, (batch, keys, _) = self.config, all_three.shape
        heads = all_three.view(batch, keys, -1, config.head_dim).transpose(1, 2)
        q, k, v = heads.split((config.heads, config.kv_heads, config.kv_heads), dim=1)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        if block.linear:
            looked = linear_attend(q, k, v)
        else:
            looked = scaled_dot_product_attention(q, k, v, allowed, enable_gqa=config.heads != config.kv_heads)
        return looked.transpose(1, 2).reshape(batch * keys, -1)

    def _grid_tables(self, rows: int, cols: int) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
        config, still = self.config, 0 if self._class_token is None else 1
        turn = allowed = None
        if config.patch_positions == "rotary":
            cos, sin = rotary_table_2d(rows, cols, config.head_dim, still)
            turn = torch.cat((cos, cos), -1)[0], torch.cat((-sin, sin), -1)[0]
        if config.patch_window:
            allowed = patch_window(rows, cols, config.patch_window, still)
        return turn, allowed


def _folded(stem: Stem) -> nn.Module:
    """A copy of the stem with plain convolutions, each with its normalisation inside where that is fixed."""
    stem = copy.deepcopy(stem).eval().requires_grad_(False)
    for parent in list(stem.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, StandardisedConv2d):
                plain = nn.Conv2d(child.in_channels, child.out_channels, 3, stride=child.stride[0], padding=1)
                plain.weight.data, plain.bias = child.standardised(), child.bias
                setattr(parent, name, plain.requires_grad_(False))
            elif isinstance(child, nn.Sequential) and len(child) == 2:
                conv, norm = child
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(parent, name, fuse_conv_bn_eval(conv, norm))
    return stem.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
